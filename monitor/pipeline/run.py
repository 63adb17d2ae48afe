"""The order of a run's steps, and its report."""

from __future__ import annotations

import gc
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from monitor.errors import MonitorError
from monitor.pipeline.assess import assess_pending
from monitor.pipeline.feeds import visit_feeds
from monitor.pipeline.pages import fetch_pages
from monitor.pipeline.parts import STAGES, Parts, Progress, Tally, timed
from monitor.reports import (
    ArticleCounts,
    AssessmentCounts,
    EntryCounts,
    FeedCounts,
    PageCounts,
    RunReport,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date, datetime

    from monitor.records import (
        Feed,
    )


def run_pipeline(
    parts: Parts, feeds: Sequence[Feed], *, run_id: str, started_at: datetime, day: date, since: datetime | None = None
) -> Tally:
    """Do everything up to the digest. One bad feed, entry, page or article is a line in the tally, never a stopped run.

    What was fetched before ``since`` and waits for the bundle is left to `monitor.pipeline.assess.rescore_backlog`.
    Without a classifier a run only collects: looking for copies, assessing and indexing wait for the next run that has one.
    """
    with _frozen_memory():
        return _run_steps(parts, feeds, run_id=run_id, started_at=started_at, day=day, since=since)


@contextmanager
def _frozen_memory() -> Iterator[None]:
    """Leave what is there already out of the search for garbage: else it is looked through again and again meanwhile."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()  # in a process that lives on, what the last run left would stay for ever


def _run_steps(
    parts: Parts, feeds: Sequence[Feed], *, run_id: str, started_at: datetime, day: date, since: datetime | None
) -> Tally:
    tally = Tally()
    with timed(parts, tally, "store"):
        parts.store.sync_feeds(feeds)
        parts.store.start_run(run_id, started_at=started_at, day=day, bundle=parts.bundle_id)
    try:
        visit_feeds(parts, tally, feeds, run_id=run_id, started_at=started_at)
        with parts.store.hold("pages"):
            fetch_pages(parts, tally, feeds)
    except BaseException:
        with suppress(MonitorError):  # what failed first is what matters
            _close_archive(parts, tally)
        raise
    _close_archive(parts, tally)
    if parts.classifier is not None:
        # Where runs share a store, one does it for all; who waited finds nothing left to do.
        with parts.store.hold("assessments"):
            _cluster_pending(parts, tally)
            assess_pending(parts, tally, parts.classifier, since=since)
            with timed(parts, tally, "store"):
                parts.store.index_text()
    return tally


def _close_archive(parts: Parts, tally: Tally) -> None:
    if parts.archive is not None:
        with timed(parts, tally, "store"):
            parts.archive.sync()
            parts.store.save_archive_head(parts.archive.head, folder=parts.archive.name, saved_at=parts.read_clock())


def _cluster_pending(parts: Parts, tally: Tally) -> None:
    done = 0
    with timed(parts, tally, "store"):
        while clustered := parts.store.cluster_pending():
            done += clustered
            parts.report_progress(Progress("cluster", done, done))


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
        pages=PageCounts(**tally.pages),
        assessments=AssessmentCounts(tally.made, counted.pending, counted.failed, tally.rescored),
        flagged=tally.flagged,
        errors=tuple(tally.errors),
        seconds={stage: round(tally.seconds[stage], 3) for stage in STAGES},
    )
