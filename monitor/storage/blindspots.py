"""SQL about what a day's digest could not see, as it was at the end of that day.

What the store knows of a feed now may have been learnt later, so that everything here comes from visits, entries and reports of
runs up to that time. It looks back a fixed number of days.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Subquery, case, func, select

from monitor.dayreports import BundleFacts, FeedNote, Gaps
from monitor.stages.health import FeedRecord, judge_feed
from monitor.storage.schema import assessments, entries, feeds, runs, visits

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date, datetime

VISITS_SEEN = timedelta(days=7)
ENTRIES_SEEN = timedelta(days=28)
# Fewer arrivals than this make no rhythm.
_MIN_ARRIVALS = 3


@dataclass(frozen=True, slots=True)
class _Visits:
    """A feed's visits: the last one, the last that failed, the last that succeeded (rows or None), failures since then."""

    last: Any
    failed: Any
    succeeded: Any
    count: int
    in_a_row: int
    by_kind: dict[str, int]


def load_feed_notes(connection: Connection, end: datetime) -> tuple[FeedNote, ...]:
    """What was wrong with each enabled feed before ``end``, all notes of a feed together, the worst first."""
    visited = _load_visits(connection, end)
    if not visited:
        return ()
    arrived = _load_arrivals(connection, end)
    now = max(one.last.visited_at for one in visited.values())
    found: list[FeedNote] = []
    for row in connection.execute(select(feeds).where(feeds.c.enabled).order_by(feeds.c.feed_id)):
        if row.feed_id not in visited:
            continue  # not being visited is told of all such feeds together
        record = _make_record(connection, row, visited[row.feed_id], arrived.get(row.feed_id), end)
        notes = judge_feed(record, now=now)
        found += [
            FeedNote(row.feed_id, row.outlet, note.level, note.state, note.sentence, note.remedy)
            for note in notes
            if note.level != "ok"
        ]
    return tuple(sorted(found, key=lambda note: note.level != "error"))


def _load_visits(connection: Connection, end: datetime) -> dict[str, _Visits]:
    in_time = (visits.c.visited_at >= end - VISITS_SEEN) & (visits.c.visited_at < end)
    columns = (visits.c.feed_id, visits.c.id, visits.c.outcome, visits.c.is_failure, visits.c.stands_for)
    kept = select(*columns).where(in_time).subquery("kept")
    query = select(
        kept.c.feed_id,
        func.sum(kept.c.stands_for).label("n"),
        func.max(kept.c.id).label("last"),
        func.max(case((kept.c.is_failure, kept.c.id))).label("failed"),
        func.max(case((~kept.c.is_failure, kept.c.id))).label("succeeded"),
    ).group_by(kept.c.feed_id)
    summed = connection.execute(query).all()
    ids = {number for row in summed for number in (row.last, row.failed, row.succeeded) if number is not None}
    rows = _load_rows(connection, sorted(ids))
    ends = {row.feed_id: row.succeeded or 0 for row in summed}
    kinds: dict[str, Counter[str]] = {row.feed_id: Counter() for row in summed}
    in_a_row: Counter[str] = Counter()
    for row in connection.execute(select(kept).where(kept.c.is_failure)):
        kinds[row.feed_id][row.outcome] += row.stands_for
        in_a_row[row.feed_id] += row.stands_for if row.id > ends[row.feed_id] else 0
    return {
        row.feed_id: _Visits(
            rows[row.last], rows.get(row.failed), rows.get(row.succeeded), row.n, in_a_row[row.feed_id], dict(kinds[row.feed_id])
        )
        for row in summed
    }


def _load_rows(connection: Connection, ids: list[int]) -> dict[int, Any]:
    found: dict[int, Any] = {}
    for start in range(0, len(ids), 500):
        for row in connection.execute(select(visits).where(visits.c.id.in_(ids[start : start + 500]))):
            found[row.id] = row
    return found


def _load_arrivals(connection: Connection, end: datetime) -> dict[str, Any]:
    """When each feed first and last gave something new in the last weeks, and how often it did."""
    in_time = (entries.c.first_seen_at >= end - ENTRIES_SEEN) & (entries.c.first_seen_at < end)
    at = entries.c.first_seen_at
    query = select(
        entries.c.feed_id,
        func.min(at).label("first"),
        func.max(at).label("last"),
        func.count(at.distinct()).label("arrivals"),
        func.count().label("n"),
    )
    return {row.feed_id: row for row in connection.execute(query.where(in_time).group_by(entries.c.feed_id))}


def _make_record(connection: Connection, row: Any, visited: _Visits, arrived: Any, end: datetime) -> FeedRecord:
    rhythm_s = None
    if arrived is not None and arrived.arrivals >= _MIN_ARRIVALS:
        rhythm_s = (arrived.last - arrived.first).total_seconds() / (arrived.arrivals - 1)
    return FeedRecord(
        feed_id=row.feed_id,
        outlet=row.outlet,
        url=row.url,
        last_success_at=visited.succeeded.visited_at if visited.succeeded else _find_success(connection, row, end),
        last_visit_at=visited.last.visited_at,
        failures_by_kind=visited.by_kind,
        consecutive_failures=visited.in_a_row,
        last_kind=visited.failed.outcome if visited.failed else None,
        last_message=visited.failed.message if visited.failed else None,
        rhythm_s=rhythm_s,
        last_new_at=arrived.last if arrived is not None else _find_arrival(row, end),
        clipped=visited.succeeded.clipped if visited.succeeded else 0,
        last_status_gone=visited.last.outcome == "http_410",
        entries_in_window=arrived.n if arrived is not None else 0,
        visits=visited.count,
    )


def _find_success(connection: Connection, row: Any, end: datetime) -> datetime | None:
    """The last success before the visits that were looked at."""
    if row.last_success_at is not None and row.last_success_at < end:
        before: datetime = row.last_success_at
        return before
    query = select(visits.c.visited_at).where(
        (visits.c.feed_id == row.feed_id) & (visits.c.visited_at < end - VISITS_SEEN) & ~visits.c.is_failure
    )
    found: datetime | None = connection.execute(query.order_by(visits.c.visited_at.desc()).limit(1)).scalar()
    return found


def _find_arrival(row: Any, end: datetime) -> datetime | None:
    """When a feed last gave something that gave nothing in the last weeks: before these, where that is all that is known."""
    last_new_at: datetime | None = row.last_new_at
    return None if last_new_at is None else min(last_new_at, end - ENTRIES_SEEN)


def load_gaps(connection: Connection, latest: Subquery, bundle: str, facts: BundleFacts, days: tuple[date, date]) -> Gaps:
    """Languages of the articles that the bundle was not trained on, and pages that the runs of these days could not fetch."""
    return Gaps(_count_languages(connection, latest, bundle, facts), _count_pages(connection, *days))


def _count_languages(connection: Connection, latest: Subquery, bundle: str, facts: BundleFacts) -> tuple[tuple[str, int], ...]:
    if not facts.languages:
        return ()
    by_bundle = (assessments.c.revision_id == latest.c.id) & (assessments.c.bundle == bundle)
    is_foreign = assessments.c.language.is_not(None) & assessments.c.language.not_in(facts.languages)
    query = (
        select(assessments.c.language, func.count().label("n")).select_from(latest.join(assessments, by_bundle)).where(is_foreign)
    )
    rows = connection.execute(query.group_by(assessments.c.language)).all()
    return tuple(sorted(((row.language, row.n) for row in rows), key=lambda one: (-one[1], one[0])))


def _count_pages(connection: Connection, first: date, last: date) -> tuple[tuple[str, int], ...]:
    counted: Counter[str] = Counter()
    of_days = (runs.c.day >= first) & (runs.c.day <= last) & runs.c.report.is_not(None)
    for report, folded in connection.execute(select(runs.c.report, runs.c.folded_pages).where(of_days)):
        counted += count_page_errors(report) + Counter(folded or {})
    return tuple(sorted(counted.items(), key=lambda one: (-one[1], one[0])))


def count_page_errors(report: Mapping[str, Any]) -> Counter[str]:
    """How many pages a stored report says were not fetched, by kind."""
    kinds = [error["kind"] for error in report["errors"]]
    return Counter(kind.removeprefix("page_") for kind in kinds if kind.startswith("page_"))
