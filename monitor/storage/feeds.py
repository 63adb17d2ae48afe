"""SQL about feeds, visits and runs. Every function works within the caller's transaction."""

from __future__ import annotations

from dataclasses import asdict, fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, bindparam, case, func, insert, select, update

from monitor.errors import FetchError
from monitor.records import (
    Feed,
    FeedState,
)
from monitor.reports import (
    ArticleCounts,
    AssessmentCounts,
    EntryCounts,
    FeedCounts,
    FeedHealth,
    PageCounts,
    RunError,
    RunReport,
)
from monitor.storage.bulk import execute_rows, is_any
from monitor.storage.schema import feeds, runs, visits

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from monitor.records import (
        TakenDocument,
        Visit,
    )


def sync_feeds(connection: Connection, configured: Sequence[Feed]) -> None:
    """Insert and update the configured feeds; disable the others. A feed whose address changed loses its validators."""
    described = (feeds.c.feed_id, feeds.c.url, feeds.c.outlet, feeds.c.language, feeds.c.kind, feeds.c.enabled)
    stored = {row.feed_id: row for row in connection.execute(select(*described))}
    fresh: list[dict[str, Any]] = []
    for feed in configured:
        values = {
            "url": feed.url,
            "outlet": feed.outlet,
            "language": feed.language,
            "kind": feed.kind,
            "enabled": feed.enabled,
        }
        if feed.id not in stored:
            fresh.append({"feed_id": feed.id, **values})
        else:
            # At another address nothing of what was learnt holds.
            moved = {name: getattr(FeedState(), name) for name in _STATE} if stored[feed.id].url != feed.url else {}
            if moved or any(getattr(stored[feed.id], name) != value for name, value in values.items()):
                connection.execute(update(feeds).where(feeds.c.feed_id == feed.id).values(**values, **moved))
    execute_rows(connection, insert(feeds), fresh)
    gone = set(stored) - {feed.id for feed in configured}
    for feed_id in sorted(gone):
        connection.execute(update(feeds).where(feeds.c.feed_id == feed_id).values(enabled=False))


def load_feed_states(connection: Connection) -> dict[str, FeedState]:
    """What the earlier visits left behind, by feed id."""
    rows = connection.execute(select(feeds.c.feed_id, *(feeds.c[name] for name in _STATE)))
    return {row[0]: FeedState(*row[1:]) for row in rows}


def save_visits(connection: Connection, run_id: str, visited: Sequence[Visit]) -> None:
    """Record visits that gave no document, and what they leave behind."""
    execute_rows(connection, insert(visits), [_visit_row(run_id, visit) for visit in visited])
    _save_states(connection, [(visit.feed_id, visit.state) for visit in visited])


def _visit_row(run_id: str, visit: Visit) -> dict[str, Any]:
    is_failure = isinstance(visit.outcome, FetchError)
    return {
        "feed_id": visit.feed_id,
        "run_id": run_id,
        "visited_at": visit.visited_at,
        "outcome": visit.outcome.kind if isinstance(visit.outcome, FetchError) else "not_modified",
        "is_failure": is_failure,
        "message": str(visit.outcome) if is_failure else None,
        "document_sha256": visit.document_sha256,
        "document_bytes": None,
        "archive_sequence": visit.archive_sequence,
        "entries": 0,
    }


def save_document_visits(connection: Connection, run_id: str, documents: Sequence[TakenDocument]) -> None:
    """Record visits that gave documents, and what they leave behind: validators, rhythm, the order of the entries."""
    execute_rows(connection, insert(visits), [_document_row(run_id, one) for one in documents])
    _save_states(connection, [(one.fetched.feed_id, one.state) for one in documents])
    order = [{"of_feed": one.fetched.feed_id, "keys": [entry.key for entry in one.parsed.entries]} for one in documents]
    execute_rows(connection, _SAVE_KEYS, order)


def _document_row(run_id: str, taken: TakenDocument) -> dict[str, Any]:
    fetched, parsed = taken.fetched, taken.parsed
    return {
        "feed_id": fetched.feed_id,
        "run_id": run_id,
        "visited_at": fetched.fetched_at,
        "outcome": "fetched",
        "is_failure": False,
        "message": parsed.degraded,
        "document_sha256": fetched.sha256,
        "document_bytes": len(fetched.body),
        "archive_sequence": taken.archive_sequence,
        "entries": len(parsed.entries),
        "clipped": parsed.clipped,
        "was_forced": fetched.was_forced,
    }


def load_last_keys(connection: Connection, feed_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The keys of each feed's last document, in its order."""
    rows = connection.execute(select(feeds.c.feed_id, feeds.c.last_keys).where(is_any(connection, feeds.c.feed_id, feed_ids)))
    return {feed_id: tuple(keys) for feed_id, keys in rows if keys}


_STATE = tuple(one.name for one in fields(FeedState))
_SAVE_STATE = (
    update(feeds).where(feeds.c.feed_id == bindparam("of_feed")).values({name: bindparam(f"new_{name}") for name in _STATE})
)

_SAVE_KEYS = update(feeds).where(feeds.c.feed_id == bindparam("of_feed")).values(last_keys=bindparam("keys"))


def _save_states(connection: Connection, states: Sequence[tuple[str, FeedState]]) -> None:
    rows = [{"of_feed": feed_id, **{f"new_{name}": getattr(state, name) for name in _STATE}} for feed_id, state in states]
    execute_rows(connection, _SAVE_STATE, rows)


def load_health(connection: Connection, start: datetime, end: datetime) -> tuple[FeedHealth, ...]:
    """Every feed's visits between two times, in order of feed id; feeds without any visit are in it too."""
    in_range = (visits.c.visited_at >= start) & (visits.c.visited_at < end)
    summed = (
        select(
            visits.c.feed_id,
            func.sum(visits.c.stands_for).label("visits"),
            func.sum(case((visits.c.is_failure, visits.c.stands_for), else_=0)).label("failed_visits"),
            func.sum(visits.c.entries).label("entries"),
            func.max(visits.c.id).label("last_id"),
        )
        .where(in_range)
        .group_by(visits.c.feed_id)
        .subquery()
    )
    last = visits.alias("last_visit")
    query = (
        select(feeds, summed.c.visits, summed.c.failed_visits, summed.c.entries, last.c.outcome, last.c.message)
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
            failures=row.failed_visits or 0,
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
    count = connection.execute(select(func.coalesce(func.sum(runs.c.stands_for), 0)).where(runs.c.day == day)).scalar_one()
    finished = select(runs.c.report).where((runs.c.day == day) & runs.c.finished_at.is_not(None))
    report = connection.execute(finished.order_by(runs.c.id.desc()).limit(1)).scalar()
    return count, _read_report(report) if report else None


def load_last_run(connection: Connection) -> tuple[datetime, datetime | None] | None:
    """When the last run began and ended (None: it never did)."""
    row = connection.execute(select(runs.c.started_at, runs.c.finished_at).order_by(runs.c.id.desc()).limit(1)).first()
    return (row.started_at, row.finished_at) if row else None


def load_last_success(connection: Connection) -> datetime | None:
    """When a run last finished that did not see all its feeds fail; only the last 1,000 that finished are looked at."""
    query = select(runs.c.finished_at, runs.c.report["feeds"].label("feeds")).where(runs.c.finished_at.is_not(None))
    for row in connection.execute(query.order_by(runs.c.id.desc()).limit(1000)):
        if not row.feeds["due"] or row.feeds["failed"] < row.feeds["due"]:
            found: datetime = row.finished_at
            return found
    return None


def load_last_runs(connection: Connection, first: date, last: date) -> dict[date, RunReport]:
    """The report of the last run of each day that had one, newest day first. One that never ended says so, and counts nothing."""
    latest = select(func.max(runs.c.id)).where((runs.c.day >= first) & (runs.c.day <= last)).group_by(runs.c.day)
    rows = connection.execute(select(runs).where(runs.c.id.in_(latest)).order_by(runs.c.day.desc()))
    return {row.day: _read_report(row.report) if row.report else _report_interrupted(row) for row in rows}


def _report_interrupted(row: Any) -> RunReport:
    return RunReport(
        run_id=row.run_id,
        started_at=row.started_at,
        finished_at=row.started_at,
        bundle=row.bundle,
        feeds=FeedCounts(),
        entries=EntryCounts(),
        articles=ArticleCounts(),
        pages=PageCounts(),
        assessments=AssessmentCounts(),
        flagged=0,
        errors=(RunError(None, None, "interrupted", "this run did not come to its end; a later one wrote the digest"),),
        seconds={},
    )


def load_run_days(connection: Connection, *, limit: int) -> list[datetime]:
    """When the last run of each of the last ``limit`` days with runs began, in the order in which they were, last first."""
    latest = select(func.max(runs.c.id).label("id")).group_by(runs.c.day).order_by(func.max(runs.c.id).desc()).limit(limit)
    chosen = latest.subquery()
    query = select(runs.c.started_at).join(chosen, chosen.c.id == runs.c.id).order_by(runs.c.id.desc())
    return list(connection.execute(query).scalars())


def _read_report(raw: Mapping[str, Any]) -> RunReport:
    return RunReport(
        run_id=raw["run_id"],
        started_at=datetime.fromisoformat(raw["started_at"]).astimezone(UTC),
        finished_at=datetime.fromisoformat(raw["finished_at"]).astimezone(UTC),
        bundle=raw["bundle"],
        feeds=FeedCounts(**raw["feeds"]),
        entries=EntryCounts(**raw["entries"]),
        articles=ArticleCounts(**raw["articles"]),
        pages=PageCounts(**raw.get("pages", {})),
        assessments=AssessmentCounts(**raw["assessments"]),
        flagged=raw["flagged"],
        errors=tuple(RunError(**error) for error in raw["errors"]),
        seconds=dict(raw["seconds"]),
    )
