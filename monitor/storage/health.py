"""SQL about how feeds are doing: what their last visits came to."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, func, select

from monitor.stages.health import FeedRecord
from monitor.storage.schema import feeds, visits

if TYPE_CHECKING:
    from datetime import datetime


def load_feed_records(connection: Connection, since: datetime) -> tuple[FeedRecord, ...]:
    """What is known of every feed; visits, failures and entries count from ``since`` on."""
    counted = _count_visits(connection, since)
    last = _load_last_visits(connection, failed_only=False)
    failed = _load_last_visits(connection, failed_only=True)
    rows = connection.execute(select(feeds).order_by(feeds.c.feed_id))
    return tuple(_make_record(row, counted[row.feed_id], last.get(row.feed_id), failed.get(row.feed_id)) for row in rows)


def _count_visits(connection: Connection, since: datetime) -> defaultdict[str, dict[str, Any]]:
    found: defaultdict[str, dict[str, Any]] = defaultdict(lambda: {"visits": 0, "entries": 0, "failures": {}})
    query = select(
        visits.c.feed_id,
        visits.c.outcome,
        visits.c.is_failure,
        func.sum(visits.c.stands_for).label("visits"),
        func.sum(visits.c.entries).label("n"),
    ).where(visits.c.visited_at >= since)
    for row in connection.execute(query.group_by(visits.c.feed_id, visits.c.outcome, visits.c.is_failure)):
        of_feed = found[row.feed_id]
        of_feed["visits"] += row.visits
        of_feed["entries"] += row.n or 0
        if row.is_failure:
            of_feed["failures"][row.outcome] = row.visits
    return found


def _load_last_visits(connection: Connection, *, failed_only: bool) -> dict[str, Any]:
    latest = select(func.max(visits.c.id).label("id")).group_by(visits.c.feed_id)
    if failed_only:
        latest = latest.where(visits.c.is_failure)
    chosen = latest.subquery()
    return {row.feed_id: row for row in connection.execute(select(visits).join(chosen, chosen.c.id == visits.c.id))}


def _make_record(row: Any, counted: dict[str, Any], last: Any, failed: Any) -> FeedRecord:
    return FeedRecord(
        feed_id=row.feed_id,
        outlet=row.outlet,
        url=row.url,
        enabled=row.enabled,
        last_success_at=row.last_success_at,
        last_visit_at=last.visited_at if last else None,
        failures_by_kind=counted["failures"],
        consecutive_failures=row.failures,
        last_kind=failed.outcome if failed else None,
        last_message=failed.message if failed else None,
        not_before=row.not_before,
        rhythm_s=row.rhythm_s,
        last_new_at=row.last_new_at,
        clipped=last.clipped if last else 0,
        lies=row.lies,
        moved_to=row.moved_to,
        last_status_gone=bool(last) and last.outcome == "http_410",
        entries_in_window=counted["entries"],
        visits=counted["visits"],
    )
