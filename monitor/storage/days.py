"""What a day is for the store: its bounds, the revisions that belong to it, and whether what was counted of it still holds."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, delete, func, select

from monitor.storage.schema import counted_days, revisions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Subquery


def day_bounds(day: date, timezone: str) -> tuple[datetime, datetime]:
    """First moment of a day in a time zone, and of the next, in UTC."""
    zone = ZoneInfo(timezone)
    start = datetime.combine(day, time(), zone)
    return start.astimezone(UTC), datetime.combine(day + timedelta(days=1), time(), zone).astimezone(UTC)


def latest_revisions(start: datetime, end: datetime) -> Subquery:
    """Ids of the revisions fetched between two times: the last one of each article."""
    in_day = (revisions.c.fetched_at >= start) & (revisions.c.fetched_at < end) & ~revisions.c.is_variant
    return select(func.max(revisions.c.id).label("id")).where(in_day).group_by(revisions.c.article_id).subquery("latest")


def forget_days(connection: Connection, first: datetime, last: datetime) -> None:
    """Something between two times has changed: what was counted of it does not hold any more."""
    table = counted_days
    connection.execute(delete(table).where((table.c.ends_at > first) & (table.c.starts_at <= last)))


def forget_revisions(connection: Connection, revision_ids: Sequence[int]) -> None:
    """As `forget_days`, for the days of these revisions."""
    for start in range(0, len(revision_ids), 500):
        chosen = revisions.c.id.in_(revision_ids[start : start + 500])
        first, last = connection.execute(
            select(func.min(revisions.c.fetched_at), func.max(revisions.c.fetched_at)).where(chosen)
        ).one()
        if first is not None:
            forget_days(connection, first, last)
