"""What the pictures of a digest show: each as plain values, with its text alternative and the table behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from monitor.text import strip_invisible

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from monitor.dayreports import Trend
    from monitor.reports import Copy, Digest, Story

CHART_NAMES = ("heatmap", "outlets", "spread")
MAX_NARRATIVES = 30
MAX_OUTLETS = 16
MAX_LINES = 20
MAX_NAME = 44
# Fewer days before the digest's make no map; more are no longer told apart.
MIN_HISTORY, MAX_DAYS = 2, 92


@dataclass(frozen=True, slots=True)
class Table:
    """The figures behind a chart, as text."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class HeatMap:
    """Flagged articles by narrative (from above, the most frequent first) and day."""

    name: str
    title: str
    description: str
    table: Table
    labels: tuple[str, ...]
    days: tuple[str, ...]
    values: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Shares:
    """Outlets, the most flagged first, with their flagged articles."""

    name: str
    title: str
    description: str
    table: Table
    labels: tuple[str, ...]
    flagged: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Timeline:
    """Where and when one story was seen: hours since the first sight, by outlet in order of first sight."""

    name: str
    title: str
    description: str
    table: Table
    labels: tuple[str, ...]
    hours: tuple[tuple[float, ...], ...]
    begins: str


Chart = HeatMap | Shares | Timeline


def make_charts(digest: Digest, name_of: Callable[[str], str]) -> tuple[Chart, ...]:
    """The charts that have something to show."""
    found = (_make_heat_map(digest, name_of), _make_shares(digest), _make_timeline(digest))
    return tuple(chart for chart in found if chart is not None)


def _shorten(name: str) -> str:
    line = " ".join(strip_invisible(name).split())
    return line if len(line) <= MAX_NAME else f"{line[: MAX_NAME - 1]}…"


def _make_heat_map(digest: Digest, name_of: Callable[[str], str]) -> HeatMap | None:
    trends = sorted(digest.trends.narratives, key=lambda one: (-sum(one.daily), one.subject))[:MAX_NARRATIVES]
    if not trends or digest.trends.history_days < MIN_HISTORY or len(digest.trends.days) > MAX_DAYS:
        return None
    days = tuple(day.isoformat() for day in digest.trends.days)
    names = [name_of(one.subject) for one in trends]
    busiest = max(trends, key=lambda one: (max(one.daily), one.subject))
    return HeatMap(
        name="heatmap",
        title=f"Flagged articles by narrative and day, {days[0]} to {days[-1]}",
        description=f"{len(trends)} narratives over {len(days)} days. Most on one day: {_describe_peak(busiest, days, name_of)}.",
        table=Table(("narrative", *days), tuple((name, *map(str, one.daily)) for name, one in zip(names, trends, strict=True))),
        labels=tuple(_shorten(name) for name in names),
        days=days,
        values=tuple(one.daily for one in trends),
    )


def _describe_peak(trend: Trend, days: Sequence[str], name_of: Callable[[str], str]) -> str:
    peak = max(trend.daily)
    return f"{peak} of “{name_of(trend.subject)}” on {days[trend.daily.index(peak)]}"


def _make_shares(digest: Digest) -> Shares | None:
    ranked = sorted((one for one in digest.trends.outlets if one.articles), key=lambda one: (-one.articles, one.subject))
    if not ranked:
        return None
    shown, rest = ranked[:MAX_OUTLETS], sum(one.articles for one in ranked[MAX_OUTLETS:])
    total = sum(one.articles for one in ranked)
    first, most = _shorten(ranked[0].subject), ranked[0].articles
    others = f" Not drawn: {len(ranked) - len(shown)} outlets with {rest} articles together." if rest else ""
    return Shares(
        name="outlets",
        title=f"Flagged articles by outlet, {digest.span.replace('_', ' to ')}",
        description=f"{total} flagged articles of {len(ranked)} outlets, {most} ({_percent(most, total)}) for {first}.{others}",
        table=Table(
            ("outlet", "flagged articles", "share"),
            tuple((one.subject, str(one.articles), _percent(one.articles, total)) for one in ranked),
        ),
        labels=tuple(_shorten(one.subject) for one in shown),
        flagged=tuple(one.articles for one in shown),
    )


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f} %"


def find_largest(stories: Sequence[Story]) -> Story | None:
    """The story that was seen in most places; None where each was seen in one or two."""
    largest = max(stories, key=lambda story: (len(story.copies), story.id), default=None)
    return largest if largest is not None and len(largest.copies) > 2 else None


def _make_timeline(digest: Digest) -> Timeline | None:
    story = find_largest(digest.stories)
    if story is None:
        return None
    zone = ZoneInfo(digest.timezone)
    begin, end = story.copies[0].first_seen_at, story.copies[-1].first_seen_at
    by_outlet: dict[str, list[Copy]] = {}
    for copy in story.copies:
        by_outlet.setdefault(copy.outlet, []).append(copy)
    shown = list(by_outlet.items())[:MAX_LINES]
    first = _shorten(story.copies[0].outlet)
    others = "" if len(shown) == len(by_outlet) else f" The first {MAX_LINES} outlets are shown."
    places = len(story.copies)
    hours = (end - begin).total_seconds() / 3600
    return Timeline(
        name="spread",
        title="How the largest story spread",
        description=f"Seen in {places} places of {len(by_outlet)} outlets within {hours:.1f} hours; first by {first}.{others}",
        table=Table(
            ("first seen", "outlet", "feed"), tuple((_say(c.first_seen_at, zone), c.outlet, c.feed_id) for c in story.copies)
        ),
        labels=tuple(_shorten(outlet) for outlet, _ in shown),
        hours=tuple(tuple(round((c.first_seen_at - begin).total_seconds() / 3600, 3) for c in copies) for _, copies in shown),
        begins=_say(begin, zone),
    )


def _say(at: datetime, zone: ZoneInfo) -> str:
    return at.astimezone(zone).strftime("%Y-%m-%d %H:%M")
