"""What is told of the whole: trends, feeds' health, the bundle."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import TYPE_CHECKING

from monitor.stages.agreement import estimate_precision, estimate_recall, measure_agreement
from monitor.stages.health import LEVELS, judge_feed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from starlette.responses import Response

    from monitor.decisions import Agreement, DayCount, Estimate
    from monitor.review.calls import Call

TREND_DAYS = 30
TABLE_DAYS = 14
HEALTH_WINDOW = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Trend:
    """A narrative in the last days: counts by day (the earliest first), and how right its flags are."""

    narrative: str
    by_day: tuple[int, ...]
    flagged: int
    decided: int
    confirmed: int
    precision: Estimate | None
    recall: Estimate | None
    agreement: Agreement | None


def show_trends(call: Call) -> Response:
    """Flagged and decided by day and narrative, precision of the last 30 days, agreement."""
    last = call.now.astimezone(UTC).date()
    first = last - timedelta(days=TREND_DAYS - 1)
    since = call.now - timedelta(days=TREND_DAYS)
    counts = call.parts.store.load_day_counts(first=first, last=last)
    judged = call.parts.store.load_judged(since=since)
    agreement = {one.narrative: one for one in measure_agreement(call.parts.store.load_pairs(since=since))}
    names = sorted({one.narrative for one in counts} | set(agreement) | {one.asked for one in judged} - {""})
    trends = [
        make_trend(
            name,
            [one for one in counts if one.narrative == name],
            first=first,
            estimates=(estimate_precision(judged, name), estimate_recall(judged, name)),
            agreement=agreement.get(name),
        )
        for name in names
        if name
    ]
    trends.sort(key=lambda trend: (-trend.flagged, trend.narrative))
    days = [one for one in counts if one.day > last - timedelta(days=TABLE_DAYS)]
    return call.render("trends.html.j2", trends=trends, days=days, first=first, last=last, highest=_find_highest(trends))


def make_trend(
    narrative: str,
    counts: Sequence[DayCount],
    *,
    first: date,
    estimates: tuple[Estimate | None, Estimate | None],
    agreement: Agreement | None,
) -> Trend:
    """A narrative's counts over `TREND_DAYS` days from ``first`` on."""
    flagged = {one.day: one.flagged for one in counts}
    return Trend(
        narrative=narrative,
        by_day=tuple(flagged.get(first + timedelta(days=n), 0) for n in range(TREND_DAYS)),
        flagged=sum(flagged.values()),
        decided=sum(one.decided for one in counts),
        confirmed=sum(one.confirmed for one in counts),
        precision=estimates[0],
        recall=estimates[1],
        agreement=agreement,
    )


def _find_highest(trends: Sequence[Trend]) -> int:
    return max((count for trend in trends for count in trend.by_day), default=0) or 1


def show_feeds(call: Call) -> Response:
    """How every feed is doing, the worst first."""
    records = call.parts.store.load_feed_records(call.now - HEALTH_WINDOW)
    judged = [(record, judge_feed(record, now=call.now)) for record in records]
    judged.sort(key=lambda pair: (LEVELS.index(pair[1][0].level), pair[0].feed_id))
    return call.render("feeds.html.j2", feeds=judged, reports=call.parts.tally.reports)


def show_bundle(call: Call) -> Response:
    """The bundle in use, with its card."""
    facts = call.parts.read_bundle()
    return call.render("bundle.html.j2", facts=facts, thresholds=sorted(facts.thresholds.items()))
