"""One run: due feeds → entries → articles → assessments. Every step is saved before the next begins.

What is pending is a query on the store, so a killed run is healed by the next one: feeds whose entries were saved but not
their validators are fetched again and found seen; articles without an assessment are assessed.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from monitor.errors import FeedDocumentError, FetchError
from monitor.records import (
    ArticleCounts,
    AssessmentCounts,
    Decided,
    Duplicate,
    EntryCounts,
    Feed,
    FeedCounts,
    FeedState,
    FetchedFeed,
    Fresh,
    NotModified,
    PendingRevision,
    Revised,
    RunError,
    RunReport,
    Seen,
)
from monitor.stages.articles import decide_entries
from monitor.stages.parse import parse_feed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import date, datetime

    from monitor.ports import Classifier, Fetcher, Store
    from monitor.records import Assessment

ASSESS_CHUNK = 256
STAGES = ("fetch", "parse", "extract", "classify", "store", "digest")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is: ``done`` of ``total`` in a stage."""

    stage: str
    done: int
    total: int


@dataclass(slots=True)
class Tally:
    """Counts of a run while it goes on; `make_report` freezes them."""

    feeds: Counter[str] = field(default_factory=Counter)
    entries: Counter[str] = field(default_factory=Counter)
    articles: Counter[str] = field(default_factory=Counter)
    made: int = 0
    flagged: int = 0
    errors: list[RunError] = field(default_factory=list)
    seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))


@dataclass(frozen=True, slots=True)
class Parts:
    """What a run works with.

    ``is_due`` decides from a feed's state and the time; ``read_clock`` gives the time, ``read_timer`` seconds to measure with.
    """

    fetcher: Fetcher
    classifier: Classifier
    store: Store
    is_due: Callable[[FeedState, datetime], bool]
    read_clock: Callable[[], datetime]
    read_timer: Callable[[], float]
    report_progress: Callable[[Progress], None]


def run_pipeline(parts: Parts, feeds: Sequence[Feed], *, run_id: str, started_at: datetime, day: date) -> Tally:
    """Do everything up to the digest. One bad feed, entry or article is a line in the tally, never a stopped run."""
    tally = Tally()
    with _timed(parts, tally, "store"):
        parts.store.sync_feeds(feeds)
        parts.store.start_run(run_id, started_at=started_at, day=day, bundle=parts.classifier.bundle_id)
        states = parts.store.load_feed_states()
    enabled = [(feed, states[feed.id]) for feed in feeds if feed.enabled]
    due = [(feed, state) for feed, state in enabled if parts.is_due(state, started_at)]
    tally.feeds.update(due=len(due), skipped=len(enabled) - len(due))
    asyncio.run(_visit_feeds(parts, tally, due, run_id=run_id))
    _assess_pending(parts, tally)
    with _timed(parts, tally, "store"):
        parts.store.index_text()
    return tally


def make_report(
    tally: Tally, counted: AssessmentCounts, *, run_id: str, bundle: str, started_at: datetime, finished_at: datetime
) -> RunReport:
    """Freeze a tally. ``counted`` is what the store says waits or failed for the bundle."""
    return RunReport(
        run_id=run_id,
        started_at=started_at,
        finished_at=finished_at,
        bundle=bundle,
        feeds=FeedCounts(**tally.feeds),
        entries=EntryCounts(**tally.entries),
        articles=ArticleCounts(**tally.articles),
        assessments=AssessmentCounts(tally.made, counted.pending, counted.failed),
        flagged=tally.flagged,
        errors=tuple(tally.errors),
        seconds={stage: round(tally.seconds[stage], 3) for stage in STAGES},
    )


@contextmanager
def _timed(parts: Parts, tally: Tally, stage: str) -> Iterator[None]:
    start = parts.read_timer()
    try:
        yield
    finally:
        tally.seconds[stage] += parts.read_timer() - start


async def _visit_feeds(parts: Parts, tally: Tally, due: Sequence[tuple[Feed, FeedState]], *, run_id: str) -> None:
    start, busy_before = parts.read_timer(), tally.seconds["parse"] + tally.seconds["store"]
    done = 0
    async for feed, outcome in parts.fetcher.fetch_feeds(due):
        # In a thread, so that parsing one feed does not hold up the answers of the others.
        await asyncio.to_thread(_take_outcome, parts, tally, feed, outcome, run_id=run_id)
        done += 1
        parts.report_progress(Progress("fetch", done, len(due)))
    busy = tally.seconds["parse"] + tally.seconds["store"] - busy_before
    tally.seconds["fetch"] += max(0.0, parts.read_timer() - start - busy)


def _take_outcome(
    parts: Parts,
    tally: Tally,
    feed: Feed,
    outcome: FetchedFeed | NotModified | FetchError,
    *,
    run_id: str,
) -> None:
    match outcome:
        case FetchedFeed():
            _take_document(parts, tally, feed, outcome, run_id=run_id)
        case NotModified():
            tally.feeds["not_modified"] += 1
            with _timed(parts, tally, "store"):
                parts.store.save_visit(feed.id, outcome, run_id=run_id, visited_at=outcome.fetched_at)
        case FetchError():
            _take_failure(parts, tally, feed, outcome, run_id=run_id)


def _take_failure(parts: Parts, tally: Tally, feed: Feed, error: FetchError, *, run_id: str) -> None:
    tally.feeds["failed"] += 1
    tally.errors.append(RunError(feed.id, feed.url, error.kind, str(error)))
    with _timed(parts, tally, "store"):
        parts.store.save_visit(feed.id, error, run_id=run_id, visited_at=parts.read_clock())


def _take_document(parts: Parts, tally: Tally, feed: Feed, fetched: FetchedFeed, *, run_id: str) -> None:
    try:
        with _timed(parts, tally, "parse"):
            parsed = parse_feed(feed, fetched)
    except FeedDocumentError as error:
        _take_failure(parts, tally, feed, FetchError(error.kind, str(error)), run_id=run_id)
        return
    except Exception as error:  # noqa: BLE001 - whatever a hostile document does to a parser, only its feed fails
        broken = FetchError("parse", f"the document broke the parser ({type(error).__name__}: {error}); please report it")
        _take_failure(parts, tally, feed, broken, run_id=run_id)
        return
    with _timed(parts, tally, "store"):
        known = parts.store.load_known(feed.id, parsed.entries, fetched_at=fetched.fetched_at)
        decided = decide_entries(parsed.entries, *known)
        parts.store.save_entries(feed.id, decided, fetched_at=fetched.fetched_at)
        # Only now the validators: killed before this line, the next run fetches again and finds everything seen.
        parts.store.save_visit(
            feed.id,
            fetched,
            run_id=run_id,
            visited_at=fetched.fetched_at,
            entries=len(parsed.entries),
            note=parsed.degraded,
        )
    tally.feeds["fetched"] += 1
    _count_entries(tally, decided, rejected=len(parsed.rejected))
    tally.errors += [RunError(feed.id, feed.url, "rejected_item", f"{reason}; nothing to keep") for reason in parsed.rejected]
    if parsed.degraded:
        tally.errors.append(RunError(feed.id, feed.url, "degraded", parsed.degraded))


def _count_entries(tally: Tally, decided: Sequence[Decided], *, rejected: int) -> None:
    tally.entries.update(parsed=len(decided) + rejected, rejected=rejected)
    for decision in decided:
        if isinstance(decision, Seen):
            tally.entries["seen"] += 1
            continue
        tally.entries["updated" if decision.is_update else "new"] += 1
        match decision:
            case Fresh() | Revised():
                tally.articles["stored"] += 1
            case Duplicate():
                tally.articles["duplicates"] += 1


def _assess_pending(parts: Parts, tally: Tally) -> None:
    bundle = parts.classifier.bundle_id
    total = parts.store.count_assessments(bundle).pending
    while pending := parts.store.load_pending(bundle, limit=ASSESS_CHUNK):
        with _timed(parts, tally, "classify"):
            assessed, failures = _assess_all(parts.classifier, pending)
        with _timed(parts, tally, "store"):
            parts.store.save_assessments(bundle, assessed, made_at=parts.read_clock())
            for revision_id, message in failures:
                parts.store.save_assessment_failure(bundle, revision_id, message, failed_at=parts.read_clock())
                tally.errors.append(RunError(None, None, "assessment", f"revision {revision_id}: {message}"))
        tally.made += len(assessed)
        tally.flagged += sum(assessment.flagged for _, assessment in assessed)
        parts.report_progress(Progress("classify", tally.made, max(total, tally.made)))


def _assess_all(
    classifier: Classifier, pending: Sequence[PendingRevision]
) -> tuple[list[tuple[int, Assessment]], list[tuple[int, str]]]:
    """Assess together; where that fails, one by one, so that one bad text costs only itself."""
    try:
        answers = classifier.assess([p.document for p in pending])
        return [(p.revision_id, answer) for p, answer in zip(pending, answers, strict=True)], []
    except Exception as error:  # noqa: BLE001 - which text it was shows below
        if len(pending) == 1:
            return [], [(pending[0].revision_id, f"{type(error).__name__}: {error}")]
    assessed: list[tuple[int, Assessment]] = []
    failures: list[tuple[int, str]] = []
    for one in pending:
        right, wrong = _assess_all(classifier, [one])
        assessed += right
        failures += wrong
    return assessed, failures
