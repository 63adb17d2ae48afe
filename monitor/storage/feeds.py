"""SQL about feeds, visits and runs. Every function works within the caller's transaction."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, func, insert, select, update

from monitor.errors import FetchError
from monitor.records import (
    ArticleCounts,
    AssessmentCounts,
    EntryCounts,
    Feed,
    FeedCounts,
    FeedHealth,
    FeedState,
    FetchedFeed,
    NotModified,
    RunError,
    RunReport,
)
from monitor.storage.schema import feeds, runs, visits

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date


def sync_feeds(connection: Connection, configured: Sequence[Feed]) -> None:
    """Insert and update the configured feeds; disable the others. A feed whose address changed loses its validators."""
    stored = {row.feed_id: row.url for row in connection.execute(select(feeds.c.feed_id, feeds.c.url))}
    for feed in configured:
        values = {
            "url": feed.url,
            "outlet": feed.outlet,
            "language": feed.language,
            "kind": feed.kind,
            "enabled": feed.enabled,
        }
        if feed.id not in stored:
            connection.execute(insert(feeds).values(feed_id=feed.id, **values))
        else:
            moved = {"etag": None, "last_modified": None, "not_before": None} if stored[feed.id] != feed.url else {}
            connection.execute(update(feeds).where(feeds.c.feed_id == feed.id).values(**values, **moved))
    gone = set(stored) - {feed.id for feed in configured}
    for feed_id in sorted(gone):
        connection.execute(update(feeds).where(feeds.c.feed_id == feed_id).values(enabled=False))


def load_feed_states(connection: Connection) -> dict[str, FeedState]:
    """Validators and waiting times by feed id."""
    rows = connection.execute(select(feeds.c.feed_id, feeds.c.etag, feeds.c.last_modified, feeds.c.not_before))
    return {row.feed_id: FeedState(row.etag, row.last_modified, row.not_before) for row in rows}


def save_visit(
    connection: Connection,
    feed_id: str,
    outcome: FetchedFeed | NotModified | FetchError,
    **known: Any,
) -> None:
    """Record a visit; after a success also the validators, after a failure the server's wish to wait."""
    row = {"feed_id": feed_id, "is_failure": False, "message": None, "entries": 0, **known}
    match outcome:
        case FetchedFeed():
            row |= {"outcome": "fetched", "document_sha256": outcome.sha256, "document_bytes": len(outcome.body)}
            _set_state(connection, feed_id, etag=outcome.etag, last_modified=outcome.last_modified, not_before=None)
        case NotModified():
            row |= {"outcome": "not_modified"}
            _set_state(connection, feed_id, not_before=None)
        case FetchError():
            row |= {"outcome": outcome.kind, "is_failure": True, "message": str(outcome)}
            wait = outcome.retry_after_s
            _set_state(connection, feed_id, not_before=row["visited_at"] + timedelta(seconds=wait) if wait else None)
    connection.execute(insert(visits).values(row))


def _set_state(connection: Connection, feed_id: str, **values: Any) -> None:
    connection.execute(update(feeds).where(feeds.c.feed_id == feed_id).values(values))


def load_health(connection: Connection, start: datetime, end: datetime) -> tuple[FeedHealth, ...]:
    """Every feed's visits between two times, in order of feed id; feeds without any visit are in it too."""
    in_range = (visits.c.visited_at >= start) & (visits.c.visited_at < end)
    summed = (
        select(
            visits.c.feed_id,
            func.count().label("visits"),
            func.sum(visits.c.is_failure.cast(visits.c.entries.type)).label("failures"),
            func.sum(visits.c.entries).label("entries"),
            func.max(visits.c.id).label("last_id"),
        )
        .where(in_range)
        .group_by(visits.c.feed_id)
        .subquery()
    )
    last = visits.alias("last_visit")
    query = (
        select(feeds, summed.c.visits, summed.c.failures, summed.c.entries, last.c.outcome, last.c.message)
        .select_from(feeds.outerjoin(summed, feeds.c.feed_id == summed.c.feed_id).outerjoin(last, last.c.id == summed.c.last_id))
        .order_by(feeds.c.feed_id)
    )
    return tuple(
        FeedHealth(
            feed_id=row.feed_id,
            outlet=row.outlet,
            url=row.url,
            language=row.language,
            enabled=row.enabled,
            visits=row.visits or 0,
            failures=row.failures or 0,
            last_outcome=row.outcome,
            last_message=row.message,
            entries=row.entries or 0,
        )
        for row in connection.execute(query)
    )


def start_run(connection: Connection, run_id: str, *, started_at: datetime, day: date, bundle: str) -> None:
    """Record that a run began."""
    connection.execute(insert(runs).values(run_id=run_id, started_at=started_at, day=day, bundle=bundle))


def finish_run(connection: Connection, report: RunReport) -> None:
    """Record what a run did."""
    connection.execute(
        update(runs)
        .where(runs.c.run_id == report.run_id)
        .values(finished_at=report.finished_at, report=asdict(report) | _times_as_text(report))
    )


def _times_as_text(report: RunReport) -> dict[str, str]:
    return {"started_at": report.started_at.isoformat(), "finished_at": report.finished_at.isoformat()}


def load_runs(connection: Connection, day: date) -> tuple[int, RunReport | None]:
    """How many runs the day had, and the report of the last one that finished."""
    count = connection.execute(select(func.count()).select_from(runs).where(runs.c.day == day)).scalar_one()
    finished = select(runs.c.report).where((runs.c.day == day) & runs.c.finished_at.is_not(None))
    report = connection.execute(finished.order_by(runs.c.id.desc()).limit(1)).scalar()
    return count, _read_report(report) if report else None


def load_last_run(connection: Connection) -> tuple[datetime, datetime | None] | None:
    """When the last run began and ended (None: it never did)."""
    row = connection.execute(select(runs.c.started_at, runs.c.finished_at).order_by(runs.c.id.desc()).limit(1)).first()
    return (row.started_at, row.finished_at) if row else None


def _read_report(raw: Mapping[str, Any]) -> RunReport:
    return RunReport(
        run_id=raw["run_id"],
        started_at=datetime.fromisoformat(raw["started_at"]).astimezone(UTC),
        finished_at=datetime.fromisoformat(raw["finished_at"]).astimezone(UTC),
        bundle=raw["bundle"],
        feeds=FeedCounts(**raw["feeds"]),
        entries=EntryCounts(**raw["entries"]),
        articles=ArticleCounts(**raw["articles"]),
        assessments=AssessmentCounts(**raw["assessments"]),
        flagged=raw["flagged"],
        errors=tuple(RunError(**error) for error in raw["errors"]),
        seconds=dict(raw["seconds"]),
    )
