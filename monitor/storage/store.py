"""The store: `monitor.ports.Store` over SQLAlchemy. Each method is one transaction."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Self

from sqlalchemy.exc import SQLAlchemyError

from monitor.dayreports import Seen, Unfitting
from monitor.errors import StoreError
from monitor.storage import (
    articles,
    assessments,
    backfills,
    daycounts,
    digests,
    drift,
    evidence,
    exports,
    feeds,
    health,
    histories,
    notifications,
    pages,
    retention,
    search,
)
from monitor.storage.claims import Claims, hold_for_transaction
from monitor.storage.days import day_bounds
from monitor.storage.engine import display_url, find_remedy, measure_bytes, open_engine, read_reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import date, datetime

    from sqlalchemy import Connection

    from monitor.dayreports import BundleFacts
    from monitor.records import (
        ArchiveHead,
        Assessment,
        Document,
        Entry,
        Feed,
        FeedState,
        Known,
        PageOutcome,
        PageRequest,
        PendingRevision,
        TakenDocument,
        Visit,
    )
    from monitor.reports import (
        ArticleHistory,
        AssessmentCounts,
        BackfillProgress,
        Digest,
        ExportRow,
        FeedHealth,
        RankedRevision,
        RunReport,
        SearchFilters,
        SearchPage,
        UntoldArticle,
    )
    from monitor.stages.health import FeedRecord
    from monitor.stages.searchquery import Term

# Two equal texts further apart than this are two articles (a greeting repeated every year).
COPY_MEMORY = timedelta(days=7)


class SqlStore:
    """A store in SQLite or PostgreSQL, chosen by URL. Every method raises `StoreError` where the database fails."""

    def __init__(self, db_url: str, *, must_exist: bool = False) -> None:
        self._name = display_url(db_url)
        self._engine = open_engine(db_url, must_exist=must_exist)
        self._claims = Claims(self._engine)

    def close(self) -> None:
        """Give the connections and claims back."""
        self._claims.close()
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _begin(self) -> Iterator[Connection]:
        with self._naming_errors(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def _naming_errors(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as error:
            reason = read_reason(error)
            remedy = find_remedy(reason, "see `monitor doctor`")
            raise StoreError(
                f"store {self._name}: {reason}; nothing of this step was kept, the next run does it again; {remedy}"
            ) from error

    def claim_feeds(self, feed_ids: Iterable[str]) -> frozenset[str]:
        """See `monitor.ports.Store`."""
        with self._naming_errors():
            return self._claims.take(feed_ids)

    def release_feeds(self, feed_ids: Iterable[str]) -> None:
        """See `monitor.ports.Store`."""
        with self._naming_errors():
            self._claims.give_back(feed_ids)

    @contextmanager
    def hold(self, what: str) -> Iterator[None]:
        """See `monitor.ports.Store`."""
        with self._naming_errors(), self._claims.hold(what):
            yield

    def sync_feeds(self, configured: Sequence[Feed]) -> None:
        """See `monitor.ports.Store`."""
        with self._begin() as connection:
            hold_for_transaction(connection, "feeds")
            feeds.sync_feeds(connection, configured)

    def load_feed_states(self) -> dict[str, FeedState]:
        """See `monitor.ports.Store`."""
        with self._begin() as connection:
            return feeds.load_feed_states(connection)

    def load_known(self, found: Sequence[Entry], *, fetched_at: datetime) -> Known:
        """See `monitor.ports.Store`."""
        with self._begin() as connection:
            return articles.load_known(connection, found, copies_since=fetched_at - COPY_MEMORY)

    def save_documents(self, run_id: str, documents: Sequence[TakenDocument]) -> None:
        """See `monitor.ports.Store`."""
        with self._begin() as connection:
            articles.save_documents(connection, documents)
            feeds.save_document_visits(connection, run_id, documents)

    def save_visits(self, run_id: str, visited: Sequence[Visit]) -> None:
        """See `monitor.ports.Store`."""
        with self._begin() as connection:
            feeds.save_visits(connection, run_id, visited)

    def load_thin(self, *, now: datetime, feed_ids: Sequence[str], max_chars: int | None, limit: int) -> list[PageRequest]:
        """See `monitor.ports.Store`."""
        with self._begin() as connection:
            return pages.load_thin(connection, now=now, feed_ids=feed_ids, max_chars=max_chars, limit=limit)

    def save_pages(self, outcomes: Sequence[PageOutcome]) -> int:
        """See `monitor.ports.Store`."""
        with self._begin() as connection:
            return pages.save_pages(connection, outcomes)

    def load_pending(
        self, bundle: str, *, limit: int, before: int | None = None, since: datetime | None = None
    ) -> list[PendingRevision]:
        """See `monitor.ports.Store`."""
        with self._begin() as connection:
            return assessments.load_pending(connection, bundle, limit=limit, before=before, since=since)

    def load_backfill(self, source: str) -> BackfillProgress:
        """How far a file has been read."""
        with self._begin() as connection:
            return backfills.load_progress(connection, source)

    def save_backfill(
        self, source: str, progress: BackfillProgress, *, voices: Sequence[Feed], documents: Sequence[TakenDocument]
    ) -> None:
        """Keep a chunk of a file with how far it has been read."""
        with self._begin() as connection:
            hold_for_transaction(connection, "feeds")
            backfills.save_chunk(connection, source, progress, voices=voices, documents=documents)

    def forget_old_copies(self, before: datetime) -> None:
        """Drop what would find copies of articles first seen before a time."""
        with self._begin() as connection:
            backfills.forget_old_copies(connection, before)

    def count_unclustered(self) -> int:
        """How many articles have not been looked at for copies."""
        with self._begin() as connection:
            return backfills.count_unclustered(connection)

    def settle_assessments(self, bundle: str) -> None:
        """See `monitor.ports.Store`."""
        with self._begin() as connection:
            assessments.settle_assessments(connection, bundle)

    def save_assessments(self, bundle: str, assessed: Sequence[tuple[int, Assessment]], *, made_at: datetime) -> None:
        """See `monitor.ports.Store`."""
        with self._begin() as connection:
            assessments.save_assessments(connection, bundle, assessed, made_at=made_at)

    def save_assessment_failure(self, bundle: str, revision_id: int, message: str, *, failed_at: datetime) -> None:
        """See `monitor.ports.Store`."""
        with self._begin() as connection:
            assessments.save_failure(connection, bundle, revision_id, message, failed_at=failed_at)

    def cluster_pending(self) -> int:
        """See `monitor.ports.Store`."""
        from monitor.storage import clusters  # noqa: PLC0415 - NumPy, which a run that only collects does without

        with self._begin() as connection:
            return clusters.cluster_pending(connection)

    def save_archive_head(self, head: ArchiveHead | None, *, folder: str, saved_at: datetime) -> None:
        """See `monitor.ports.Store`."""
        with self._begin() as connection:
            evidence.save_archive_head(connection, head, folder=folder, saved_at=saved_at)

    def load_archive_head(self, folder: str) -> ArchiveHead | None:
        """Where the archive's chain ended after the last run."""
        with self._begin() as connection:
            return evidence.load_archive_head(connection, folder)

    def load_flagged_documents(self) -> frozenset[str]:
        """Hashes of the documents that flagged articles came in: their evidence."""
        with self._begin() as connection:
            return evidence.load_flagged_documents(connection)

    def index_text(self) -> None:
        """See `monitor.ports.Store`."""
        with self._begin() as connection:
            articles.index_text(connection)

    def count_assessments(self, bundle: str) -> AssessmentCounts:
        """See `monitor.ports.Store`."""
        with self._begin() as connection:
            return assessments.count_assessments(connection, bundle)

    def start_run(self, run_id: str, *, started_at: datetime, day: date, bundle: str) -> None:
        """See `monitor.ports.Store`."""
        with self._begin() as connection:
            feeds.start_run(connection, run_id, started_at=started_at, day=day, bundle=bundle)

    def finish_run(self, report: RunReport) -> None:
        """See `monitor.ports.Store`."""
        with self._begin() as connection:
            feeds.finish_run(connection, report)

    def load_digest(
        self, day: date, *, timezone: str, bundle: str, since: date | None = None, facts: BundleFacts = digests.NO_FACTS
    ) -> Digest:
        """See `monitor.ports.Store`."""
        with self._begin() as connection:
            daycounts.count_days(connection, digests.list_window(since or day, day), timezone=timezone, bundle=bundle)
        with self._begin() as connection:
            return digests.load_digest(connection, day, timezone=timezone, bundle=bundle, since=since, facts=facts)

    def load_seen(self, first: date, last: date, *, timezone: str, bundle: str, max_texts: int) -> Seen:
        """What the drift report says of the days from ``first`` to ``last``."""
        start, end = day_bounds(first, timezone)[0], day_bounds(last, timezone)[1]
        with self._begin() as connection:
            return Seen(
                drift.count_languages(connection, bundle, start, end),
                drift.count_scores(connection, bundle, start, end),
                drift.load_sample(connection, start, end, limit=max_texts),
            )

    def load_unfitting(self, first: date, last: date, *, timezone: str, bundle: str, limit: int) -> list[Unfitting]:
        """Articles of the days from ``first`` to ``last`` that no narrative fits, at most ``limit``."""
        start, end = day_bounds(first, timezone)[0], day_bounds(last, timezone)[1]
        with self._begin() as connection:
            return drift.load_unfitting(connection, bundle, start, end, limit=limit)

    def load_last_flags(self, day: date, *, timezone: str, bundle: str, days: int) -> dict[str, date]:
        """The last day on which each narrative was flagged; the ``days`` up to ``day`` are counted first."""
        window = [day - timedelta(days=n) for n in reversed(range(days))]
        with self._begin() as connection:
            daycounts.count_days(connection, window, timezone=timezone, bundle=bundle)
            return drift.load_last_flags(connection, bundle, until=day)

    def rank_revisions(
        self, day: date, *, timezone: str, bundle: str, narratives: Sequence[str] = (), flagged_only: bool = True
    ) -> tuple[RankedRevision, ...]:
        """What an export of a day holds, in its order; see `monitor.storage.exports`."""
        with self._begin() as connection:
            return exports.rank_revisions(
                connection, day, timezone=timezone, bundle=bundle, narratives=narratives, flagged_only=flagged_only
            )

    def load_export_rows(self, day: date, revision_ids: Sequence[int], *, timezone: str, bundle: str) -> tuple[ExportRow, ...]:
        """Some of these revisions as rows of a day, in this order."""
        with self._begin() as connection:
            return exports.load_export_rows(connection, day, revision_ids, timezone=timezone, bundle=bundle)

    def load_untold(self, channel: str, *, bundle: str, since: datetime) -> tuple[UntoldArticle, ...]:
        """Flagged articles since a time that a channel was not told of yet, best first."""
        with self._begin() as connection:
            return notifications.load_untold(connection, channel, bundle=bundle, since=since)

    def load_last_told(self, channel: str, kind: str) -> datetime | None:
        """When a channel last took a message of a kind."""
        with self._begin() as connection:
            return notifications.load_last_told(connection, channel, kind)

    def save_told(self, channel: str, *, kind: str, subject: str, article_ids: Sequence[str], told_at: datetime) -> None:
        """Note that a channel took a message."""
        with self._begin() as connection:
            notifications.save_told(connection, channel, kind=kind, subject=subject, article_ids=article_ids, told_at=told_at)

    def fold_visits(self, *, before: datetime, timezone: str) -> int | None:
        """Fold one stretch of old visits; gives how many rows went, None where nothing is left. See `monitor.storage.retention`."""
        with self._begin() as connection:
            return retention.fold_visits(connection, before=before, timezone=timezone)

    def fold_runs(self, *, before: date) -> int | None:
        """Fold the runs of one old day; gives how many rows went, None where nothing is left."""
        with self._begin() as connection:
            return retention.fold_runs(connection, before=before)

    def forget_notifications(self, *, before: datetime) -> int:
        """Forget old messages to channels, but the last ones; gives how many."""
        with self._begin() as connection:
            return retention.forget_notifications(connection, before=before)

    def load_health(self, start: datetime, end: datetime) -> tuple[FeedHealth, ...]:
        """Every feed's visits between two times."""
        with self._begin() as connection:
            return feeds.load_health(connection, start, end)

    def load_feed_records(self, since: datetime) -> tuple[FeedRecord, ...]:
        """What is known of every feed, its visits counted from a time on."""
        with self._begin() as connection:
            return health.load_feed_records(connection, since)

    def load_last_run(self) -> tuple[datetime, datetime | None] | None:
        """When the last run began and ended (None: it never did); None where there was none."""
        with self._begin() as connection:
            return feeds.load_last_run(connection)

    def load_last_success(self) -> datetime | None:
        """When a run last finished that did not see all its feeds fail; None where none did."""
        with self._begin() as connection:
            return feeds.load_last_success(connection)

    def measure_bytes(self) -> int:
        """How much room the database takes."""
        with self._begin() as connection:
            return measure_bytes(connection)

    def load_last_runs(self, first: date, last: date) -> dict[date, RunReport]:
        """The report of the last run of each day that had one, newest day first."""
        with self._begin() as connection:
            return feeds.load_last_runs(connection, first, last)

    def load_run_days(self, *, limit: int) -> list[datetime]:
        """When the last run of each of the last ``limit`` days with runs began, last first."""
        with self._begin() as connection:
            return feeds.load_run_days(connection, limit=limit)

    def count_waiting(self, day: date, *, timezone: str, bundle: str) -> int:
        """How many texts of a day wait for a bundle."""
        with self._begin() as connection:
            return assessments.count_waiting(connection, bundle, *day_bounds(day, timezone))

    def load_history(self, reference: str) -> ArticleHistory | None:
        """Everything about the article that a URL, an id or an entry's guid names; None where the store has none."""
        with self._begin() as connection:
            return histories.load_history(connection, reference)

    def count_articles(self) -> int:
        """How many articles there are."""
        with self._begin() as connection:
            return articles.count_articles(connection)

    def load_current(self, *, after: int, limit: int) -> list[tuple[int, Document]]:
        """Row and current text of up to ``limit`` articles, in the order in which they came, from behind row ``after`` on."""
        with self._begin() as connection:
            return articles.load_current(connection, after=after, limit=limit)

    def search(
        self,
        terms: tuple[Term, ...],
        filters: SearchFilters,
        *,
        bundle: str,
        limit: int,
        after: str | None = None,
        by_rank: bool = False,
    ) -> SearchPage:
        """One page of articles with a text that fits, newest or best first; see `monitor.storage.search`."""
        with self._begin() as connection:
            return search.search_texts(connection, terms, filters, bundle=bundle, limit=limit, after=after, by_rank=by_rank)
