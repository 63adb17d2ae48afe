"""What the pipeline needs of its parts. `monitor.wiring` chooses the concrete ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from datetime import date, datetime

    import numpy as np
    from numpy.typing import NDArray

    from monitor.errors import FetchError
    from monitor.records import (
        Assessment,
        AssessmentCounts,
        Decided,
        Digest,
        Document,
        Entry,
        Feed,
        FeedState,
        FetchedFeed,
        KnownArticle,
        KnownEntry,
        NotModified,
        PendingRevision,
        RunReport,
    )


class Fetcher(Protocol):
    """Gets feed documents from the web."""

    def fetch_feeds(
        self, feeds: Sequence[tuple[Feed, FeedState]]
    ) -> AsyncIterator[tuple[Feed, FetchedFeed | NotModified | FetchError]]:
        """One outcome for each feed, in order of completion."""
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

    def load_feed_states(self) -> Mapping[str, FeedState]:
        """What the last visits left behind, by feed id."""
        ...

    def load_known(
        self, feed_id: str, entries: Sequence[Entry], *, fetched_at: datetime
    ) -> tuple[dict[str, KnownEntry], dict[str, KnownArticle], dict[str, str]]:
        """What is stored of these entries: by key, articles by identity, article ids by content hash."""
        ...

    def save_entries(self, feed_id: str, decided: Sequence[Decided], *, fetched_at: datetime) -> None:
        """Keep what was decided of a document's entries."""
        ...

    def save_visit(
        self,
        feed_id: str,
        outcome: FetchedFeed | NotModified | FetchError,
        *,
        run_id: str,
        visited_at: datetime,
        entries: int = 0,
        note: str | None = None,
    ) -> None:
        """Record how a visit went and, where it succeeded, the validators for the next one."""
        ...

    def load_pending(self, bundle: str, *, limit: int) -> list[PendingRevision]:
        """Revisions (but variants) without an assessment or a failure by this bundle, newest first."""
        ...

    def save_assessments(self, bundle: str, assessed: Sequence[tuple[int, Assessment]], *, made_at: datetime) -> None:
        """Keep assessments by revision id."""
        ...

    def save_assessment_failure(self, bundle: str, revision_id: int, message: str, *, failed_at: datetime) -> None:
        """Record that this bundle cannot assess a revision, so that it is counted and not tried for ever."""
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

    def load_digest(self, day: date, *, timezone: str, bundle: str) -> Digest:
        """Everything that the digest of a day says."""
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
