"""What the pipeline needs of its parts. `monitor.wiring` chooses the concrete ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
    from contextlib import AbstractContextManager
    from datetime import date, datetime

    import numpy as np
    from numpy.typing import NDArray

    from monitor.dayreports import BundleFacts
    from monitor.errors import FetchError
    from monitor.records import (
        ArchiveHead,
        ArchiveRef,
        Assessment,
        Document,
        Entry,
        Exchange,
        Feed,
        FeedState,
        FetchedFeed,
        FetchedPage,
        Known,
        NotModified,
        PageOutcome,
        PageRequest,
        PendingRevision,
        TakenDocument,
        Visit,
    )
    from monitor.reports import (
        AssessmentCounts,
        Digest,
        RunReport,
    )


class Fetcher(Protocol):
    """Gets feed documents and article pages from the web."""

    def fetch_feeds(
        self, feeds: Sequence[tuple[Feed, FeedState]], *, forced: frozenset[str] = frozenset()
    ) -> AsyncIterator[tuple[Feed, FetchedFeed | NotModified | FetchError]]:
        """One outcome for each feed, in order of completion. ``forced`` feeds are asked for the whole document in any case."""
        ...

    def fetch_pages(self, requests: Sequence[PageRequest]) -> AsyncIterator[tuple[PageRequest, FetchedPage | FetchError]]:
        """One outcome for each page, in order of completion."""
        ...


class Archive(Protocol):
    """Keeps documents as they were fetched. Every method may raise `monitor.errors.ArchiveError`."""

    @property
    def name(self) -> str:
        """What tells this archive from others."""
        ...

    @property
    def head(self) -> ArchiveHead | None:
        """The end of the chain; None where nothing is kept yet."""
        ...

    def append(
        self,
        url: str,
        fetched_at: datetime,
        exchange: Exchange,
        *,
        document_sha256: str,
        kind: Literal["feed", "page"],
        feed_id: str | None,
    ) -> ArchiveRef:
        """Keep one document."""
        ...

    def sync(self) -> None:
        """See to it that what was kept is on the disk."""
        ...


class Classifier(Protocol):
    """Assesses texts with one bundle."""

    @property
    def bundle_id(self) -> str:
        """Id of the bundle that answers."""
        ...

    def assess(self, documents: Sequence[Document]) -> list[Assessment]:
        """One assessment for each document, in order."""
        ...


class Store(Protocol):
    """Keeps everything. Every method is one transaction; any may raise `monitor.errors.StoreError`."""

    def sync_feeds(self, feeds: Sequence[Feed]) -> None:
        """Make the store's list of feeds equal the configuration's; feeds no longer listed are kept, disabled."""
        ...

    def claim_feeds(self, feed_ids: Iterable[str]) -> frozenset[str]:
        """Claim feeds for this run; gives those that no other run has claimed. A run that dies loses its claims."""
        ...

    def release_feeds(self, feed_ids: Iterable[str]) -> None:
        """Give claims back."""
        ...

    def hold(self, what: str) -> AbstractContextManager[None]:
        """Let only one run at a time do what is done within; others that share the store wait."""
        ...

    def load_feed_states(self) -> Mapping[str, FeedState]:
        """What the last visits left behind, by feed id."""
        ...

    def load_known(self, entries: Sequence[Entry], *, fetched_at: datetime) -> Known:
        """What is stored that bears on these entries of one or several feeds."""
        ...

    def save_documents(self, run_id: str, documents: Sequence[TakenDocument]) -> None:
        """Keep what was decided of documents' entries, how the visits went, and what they leave behind: all or nothing."""
        ...

    def save_visits(self, run_id: str, visited: Sequence[Visit]) -> None:
        """Record visits that gave no document, and what they leave behind."""
        ...

    def load_thin(self, *, now: datetime, feed_ids: Sequence[str], max_chars: int | None, limit: int) -> list[PageRequest]:
        """Pages to fetch: of these feeds' articles whose text has at most ``max_chars`` characters (None: of all), newest first."""
        ...

    def save_pages(self, outcomes: Sequence[PageOutcome]) -> int:
        """Record how fetching pages went; what they say becomes a revision of its article where it is richer. Gives how many."""
        ...

    def load_pending(
        self, bundle: str, *, limit: int, before: int | None = None, since: datetime | None = None
    ) -> list[PendingRevision]:
        """Revisions (but variants) without an assessment or a failure by this bundle, newest first.

        With ``before`` those with smaller ids only; with ``since`` those that were stored from the first one fetched then on.
        """
        ...

    def settle_assessments(self, bundle: str) -> None:
        """Remember how far this bundle has got, so that what it has seen is not looked through again."""
        ...

    def save_assessments(self, bundle: str, assessed: Sequence[tuple[int, Assessment]], *, made_at: datetime) -> None:
        """Keep assessments by revision id."""
        ...

    def save_assessment_failure(self, bundle: str, revision_id: int, message: str, *, failed_at: datetime) -> None:
        """Record that this bundle cannot assess a revision, so that it is counted and not tried for ever."""
        ...

    def cluster_pending(self) -> int:
        """Put some of the articles that have no cluster into theirs; gives how many, 0 when all have one."""
        ...

    def save_archive_head(self, head: ArchiveHead | None, *, folder: str, saved_at: datetime) -> None:
        """Remember where the archive's chain ends."""
        ...

    def index_text(self) -> None:
        """Make everything stored so far searchable."""
        ...

    def count_assessments(self, bundle: str) -> AssessmentCounts:
        """How many revisions wait or failed (``made`` is 0)."""
        ...

    def start_run(self, run_id: str, *, started_at: datetime, day: date, bundle: str) -> None:
        """Record that a run began."""
        ...

    def finish_run(self, report: RunReport) -> None:
        """Record what it did."""
        ...

    def load_digest(self, day: date, *, timezone: str, bundle: str, since: date | None = None, facts: BundleFacts = ...) -> Digest:
        """Everything that the digest of a day says; with ``since`` that of all days from then on."""
        ...


class Encoder(Protocol):
    """Turns short texts into vectors of meaning."""

    @property
    def name(self) -> str:
        """What it is, with its version: weights fit one encoder only."""
        ...

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One unit vector per text: texts x dimensions."""
        ...
