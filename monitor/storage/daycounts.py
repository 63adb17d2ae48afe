"""SQL about how many articles were flagged on each day, kept so that a digest need not read its weeks of articles again.

The counts follow from revisions and assessments alone. Whoever stores one of these calls `monitor.storage.days.forget_days`
in the same transaction; `count_days` counts what is missing. So the table is never wrong, and may be emptied at any time.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, Connection, case, delete, func, literal, select

from monitor.dayreports import DayCount
from monitor.storage.articles import insert_ignoring_conflicts
from monitor.storage.days import day_bounds, latest_revisions
from monitor.storage.schema import assessments, counted_days, day_counts, feeds, narrative_scores, revisions

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date, datetime
    from typing import Any


def count_days(connection: Connection, days: Sequence[date], *, timezone: str, bundle: str) -> None:
    """See to it that these days are counted."""
    table = counted_days
    is_asked = (table.c.bundle == bundle) & (table.c.timezone == timezone) & table.c.day.in_(days)
    known = set(connection.execute(select(table.c.day).where(is_asked)).scalars())
    for day in days:
        if day not in known:
            _count_day(connection, day, timezone=timezone, bundle=bundle)


def _count_day(connection: Connection, day: date, *, timezone: str, bundle: str) -> None:
    start, end = day_bounds(day, timezone)
    of_day = {"bundle": bundle, "timezone": timezone, "day": day}
    table = day_counts
    mine = (table.c.bundle == bundle) & (table.c.timezone == timezone) & (table.c.day == day)
    connection.execute(delete(table).where(mine))
    rows = [
        of_day | row for row in (*_count_assessed(connection, start, end, bundle), *_count_carried(connection, start, end, bundle))
    ]
    if rows:
        connection.execute(insert_ignoring_conflicts(connection, table), rows)
    marked = insert_ignoring_conflicts(connection, counted_days)
    connection.execute(marked.values(**of_day, starts_at=start, ends_at=end))


def _count_assessed(connection: Connection, start: datetime, end: datetime, bundle: str) -> Iterable[dict[str, Any]]:
    latest = latest_revisions(start, end)
    by_bundle = (assessments.c.revision_id == latest.c.id) & (assessments.c.bundle == bundle) & assessments.c.failure.is_(None)
    query = (
        select(revisions.c.feed_id, func.count().label("n"), func.count(case((assessments.c.flagged, 1))).label("flagged"))
        .select_from(latest.join(revisions, revisions.c.id == latest.c.id).join(assessments, by_bundle))
        .group_by(revisions.c.feed_id)
    )
    for row in connection.execute(query):
        yield {"feed_id": row.feed_id, "narrative": "", "stance": "", "articles": row.n}
        if row.flagged:
            yield {"feed_id": row.feed_id, "narrative": "", "stance": "promotes", "articles": row.flagged}


def _count_carried(connection: Connection, start: datetime, end: datetime, bundle: str) -> Iterable[dict[str, Any]]:
    latest, table = latest_revisions(start, end), narrative_scores
    keys = (revisions.c.feed_id, table.c.narrative, table.c.stance)
    query = (
        select(*keys, func.count().label("articles"))
        .select_from(latest.join(revisions, revisions.c.id == latest.c.id).join(table, table.c.revision_id == latest.c.id))
        .where((table.c.bundle == bundle) & table.c.is_carried)
        .group_by(*keys)
    )
    return (dict(row._mapping) for row in connection.execute(query))


def load_narrative_counts(connection: Connection, days: Sequence[date], *, timezone: str, bundle: str) -> tuple[DayCount, ...]:
    """Flagged articles of each narrative and day, out of all that were assessed on the day. Days must have been counted."""
    table = day_counts
    mine = _is_of(days, timezone=timezone, bundle=bundle)
    total = select(table.c.day, func.sum(table.c.articles).label("n")).where(mine & (table.c.stance == "")).group_by(table.c.day)
    assessed = {row.day: row.n for row in connection.execute(total)}
    flagged: dict[tuple[str, date], int] = defaultdict(int)
    query = select(table.c.day, table.c.narrative, func.sum(table.c.articles).label("n"))
    promoting = mine & (table.c.narrative != "") & (table.c.stance == "promotes")
    for row in connection.execute(query.where(promoting).group_by(table.c.day, table.c.narrative)):
        flagged[row.narrative, row.day] = row.n
    subjects = sorted({narrative for narrative, _ in flagged})
    return tuple(DayCount(day, one, flagged.get((one, day), 0), n) for one in subjects for day, n in sorted(assessed.items()))


def load_outlet_counts(connection: Connection, days: Sequence[date], *, timezone: str, bundle: str) -> tuple[DayCount, ...]:
    """Flagged and assessed articles of each outlet and day. Days must have been counted."""
    table = day_counts
    mine = _is_of(days, timezone=timezone, bundle=bundle) & (table.c.narrative == "")
    amount = func.sum(table.c.articles)
    flagged = func.sum(case((table.c.stance == "promotes", table.c.articles), else_=literal(0)))
    query = select(table.c.day, feeds.c.outlet, flagged.label("flagged"), (amount - flagged).label("assessed"))
    joined = query.join(feeds, feeds.c.feed_id == table.c.feed_id).where(mine).group_by(table.c.day, feeds.c.outlet)
    rows = connection.execute(joined.order_by(feeds.c.outlet, table.c.day))
    return tuple(DayCount(row.day, row.outlet, row.flagged, row.assessed) for row in rows)


def _is_of(days: Sequence[date], *, timezone: str, bundle: str) -> ColumnElement[bool]:
    table = day_counts
    return (table.c.bundle == bundle) & (table.c.timezone == timezone) & (table.c.day >= days[0]) & (table.c.day <= days[-1])
