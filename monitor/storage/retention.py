"""SQL that folds old records of visits and runs, so that they do not grow for ever. Each function works on one bounded piece.

A digest written again must come out as it was, so nothing that it reads is lost: of the visits to a feed between two moments at
which a digest may begin or end, one of each outcome stays and stands for the others; of a day's runs the last one that
finished. Visits that say where the archive has a document stay as they are.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, delete, func, insert, select, update

from monitor.storage.blindspots import VISITS_SEEN, count_page_errors
from monitor.storage.claims import hold_for_transaction
from monitor.storage.days import day_bounds
from monitor.storage.schema import folded_until, notifications, revisions, runs, visits

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sqlalchemy import Table

NOTIFICATIONS_AT_ONCE = 5_000


def fold_visits(connection: Connection, *, before: datetime, timezone: str) -> int | None:
    """Fold the visits of the oldest stretch that was not folded yet; gives how many rows went, None where nothing is left.

    ``before`` is the first moment of a day in the time zone.
    """
    hold_for_transaction(connection, "retention")
    until = _load_until(connection, "visits")
    is_old = visits.c.visited_at < before
    if until is not None:
        is_old &= visits.c.visited_at >= until
    start = connection.execute(select(func.min(visits.c.visited_at)).where(is_old)).scalar()
    if start is None:
        return None
    end = min(_find_bound(start, timezone), before)
    in_stretch = (visits.c.visited_at >= start) & (visits.c.visited_at < end)
    rows = connection.execute(select(visits).where(in_stretch).order_by(visits.c.id)).all()
    gone: list[int] = []
    needed = _list_needed(connection, start, end)
    for group in _group_visits(rows):
        kept = group[-1]
        folded = [row for row in group[:-1] if row.archive_sequence is None and (row.feed_id, row.visited_at) not in needed]
        if folded:
            sums = {name: sum(getattr(row, name) for row in (kept, *folded)) for name in ("stands_for", "entries")}
            connection.execute(update(visits).where(visits.c.id == kept.id).values(sums))
            gone += [row.id for row in folded]
    _delete(connection, visits, gone)
    _save_until(connection, "visits", end)
    return len(gone)


def _find_bound(at: datetime, timezone: str) -> datetime:
    """The next moment at which what a digest reads of visits may begin or end: a day's, or so many days before one's end."""
    day = at.astimezone(ZoneInfo(timezone)).date()
    ends = [day_bounds(day + timedelta(days=n), timezone)[1] for n in range(VISITS_SEEN.days + 2)]
    return min(bound for bound in (ends[0], *(end - VISITS_SEEN for end in ends)) if bound > at)


def _group_visits(rows: Sequence[Any]) -> Iterator[list[Any]]:
    """Visits of one feed with one outcome, on one side of the feed's last success; each in order."""
    last_success: dict[str, int] = {row.feed_id: row.id for row in rows if not row.is_failure}
    groups: defaultdict[tuple[str, str, bool], list[Any]] = defaultdict(list)
    for row in rows:
        groups[row.feed_id, row.outcome, row.id > last_success.get(row.feed_id, 0)].append(row)
    yield from groups.values()


def _list_needed(connection: Connection, start: datetime, end: datetime) -> set[tuple[str, datetime]]:
    """Visits that alone say which document held a revision: those of stores of the first schema."""
    lost = (revisions.c.fetched_at >= start) & (revisions.c.fetched_at < end) & revisions.c.document_sha256.is_(None)
    return {
        (row.feed_id, row.fetched_at) for row in connection.execute(select(revisions.c.feed_id, revisions.c.fetched_at).where(lost))
    }


def fold_runs(connection: Connection, *, before: date) -> int | None:
    """Fold the runs of the oldest day that was not folded yet; gives how many rows went, None where nothing is left."""
    hold_for_transaction(connection, "retention")
    until = _load_until(connection, "runs")
    is_old = runs.c.day < before
    if until is not None:
        is_old &= runs.c.day >= until.date()
    day = connection.execute(select(func.min(runs.c.day)).where(is_old)).scalar()
    if day is None:
        return None
    rows = connection.execute(select(runs).where(runs.c.day == day).order_by(runs.c.id)).all()
    kept = next((row for row in reversed(rows) if row.finished_at is not None), rows[-1])
    folded = [row for row in rows if row.id != kept.id]
    if folded:
        missed = sum((count_page_errors(row.report) for row in folded if row.report), Counter(kept.folded_pages or {}))
        stands_for = sum(row.stands_for for row in rows)
        connection.execute(
            update(runs).where(runs.c.id == kept.id).values(stands_for=stands_for, folded_pages=dict(missed) or None)
        )
    _delete(connection, runs, [row.id for row in folded])
    _save_until(connection, "runs", datetime.combine(day + timedelta(days=1), time(), UTC))
    return len(folded)


def forget_notifications(connection: Connection, *, before: datetime) -> int:
    """Forget old messages, but the last of each kind to each channel, from which it follows when the next is due."""
    table = notifications
    last = select(func.max(table.c.id)).group_by(table.c.channel, table.c.kind)
    old = select(table.c.id).where((table.c.told_at < before) & table.c.id.not_in(last)).limit(NOTIFICATIONS_AT_ONCE)
    ids = connection.execute(old).scalars().all()
    _delete(connection, table, ids)
    return len(ids)


def _load_until(connection: Connection, records: str) -> datetime | None:
    found: datetime | None = connection.execute(select(folded_until.c.until).where(folded_until.c.records == records)).scalar()
    return found


def _save_until(connection: Connection, records: str, until: datetime) -> None:
    connection.execute(delete(folded_until).where(folded_until.c.records == records))
    connection.execute(insert(folded_until).values(records=records, until=until))


def _delete(connection: Connection, table: Table, ids: Iterable[int]) -> None:
    listed = list(ids)
    for start in range(0, len(listed), 500):
        connection.execute(delete(table).where(table.c.id.in_(listed[start : start + 500])))
