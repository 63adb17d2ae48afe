"""Narratives and outlets with their last weeks, as rows of a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor.dayreports import Trend
from monitor.stages.render.words import MOVEMENTS, say_spike
from monitor.stages.trends import WINDOW_DAYS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from monitor.dayreports import Movement, Trends
    from monitor.reports import Digest

BAR_HEIGHT = 18
BAR_STEP = 3
# The bars of a longer window would be thinner than a pixel.
MAX_BARS = 63


@dataclass(frozen=True, slots=True)
class Bars:
    """A row's small chart: its width, and the bars as paths, those before the digest's days and those of them."""

    width: int
    before: str
    now: str


@dataclass(frozen=True, slots=True)
class TrendRow:
    """A narrative or outlet: flagged now and before, by stance where that is known, its movement, and its days as bars."""

    id: str
    name: str
    now: int
    before: int
    reports: int
    refutes: int
    movement: Movement
    moves: str
    rates: str
    spikes: tuple[str, ...]
    bars: Bars | None
    daily: str
    has_section: bool

    @property
    def is_shown(self) -> bool:
        """Whether there is anything to tell of it."""
        return bool(self.now or self.before or self.reports or self.refutes or self.movement in {"growing", "fading"})


def make_narrative_rows(digest: Digest, name_of: Callable[[str], str]) -> tuple[TrendRow, ...]:
    """Every narrative that was flagged in the window, or carried on the day; the most flagged first."""
    trends = {trend.subject: trend for trend in digest.trends.narratives}
    shifts = {shift.narrative: shift.before for shift in digest.comparison.shifts}
    stances = {stance.narrative: stance for stance in digest.stances}
    sections = {story.narrative for story in digest.stories}
    rows = []
    for narrative in sorted({*trends, *stances}):
        trend, stance = trends.get(narrative, _no_trend(narrative)), stances.get(narrative)
        now = stance.promotes if stance else 0
        reports, refutes = (stance.reports, stance.refutes) if stance else (0, 0)
        names = (narrative, name_of(narrative))
        rows.append(
            _make_row(names, trend, digest.trends, (now, shifts.get(narrative, now), reports, refutes), narrative in sections)
        )
    return tuple(sorted(rows, key=lambda row: (-row.now, -row.before, -(row.reports + row.refutes), row.id)))


def make_outlet_rows(digest: Digest, also: Iterable[str]) -> tuple[TrendRow, ...]:
    """Every outlet that was flagged in the window, or is one of ``also``; the most flagged first."""
    trends = {trend.subject: trend for trend in digest.trends.outlets}
    counted: dict[str, int] = {}
    for row in digest.rows:
        counted[row.outlet] = counted.get(row.outlet, 0) + 1
    rows = [
        _make_row((name, name), trends.get(name, _no_trend(name)), digest.trends, (counted.get(name, 0), 0, 0, 0), False)  # noqa: FBT003
        for name in sorted({*trends, *also})
    ]
    return tuple(sorted(rows, key=lambda row: (-row.now, row.id)))


def _no_trend(subject: str) -> Trend:
    return Trend(subject, 0, (), "unknown", 0.0, 0.0)


def _make_row(
    names: tuple[str, str],
    trend: Trend,
    trends: Trends,
    counts: tuple[int, int, int, int],
    has_section: bool,  # noqa: FBT001
) -> TrendRow:
    now, before, reports, refutes = counts
    return TrendRow(
        *names,
        now=now,
        before=before,
        reports=reports,
        refutes=refutes,
        movement=trend.movement,
        moves=MOVEMENTS[trend.movement],
        rates=f"{trend.week:.1f} per 1,000 in the last week, {trend.earlier:.1f} before" if trend.movement != "unknown" else "",
        spikes=tuple(say_spike(spike) for spike in trend.spikes),
        bars=_make_bars(trend.daily, max(1, len(trends.days) - WINDOW_DAYS)),
        daily=", ".join(map(str, trend.daily)),
        has_section=has_section,
    )


def _make_bars(daily: Sequence[int], judged: int) -> Bars | None:
    shown = daily[-MAX_BARS:]
    most = max(shown, default=0)
    if not most:
        return None
    # A day without any is a short stroke, so that it is seen to be there.
    heights = [max(1.5, BAR_HEIGHT * number / most) if number else 0.6 for number in shown]
    strokes = [f"M{BAR_STEP * place + 1} {BAR_HEIGHT}v-{height:.3g}" for place, height in enumerate(heights)]
    return Bars(BAR_STEP * len(shown), "".join(strokes[:-judged]), "".join(strokes[-judged:]))


def list_spikes(digest: Digest, name_of: Callable[[str], str]) -> tuple[tuple[str, str, str], ...]:
    """All spikes: whose, what they are, and the narrative's id where it has a section; the least likely by chance first."""
    found = [
        (spike.chance, name_of(trend.subject), spike, trend.subject) for trend in digest.trends.narratives for spike in trend.spikes
    ]
    found += [(spike.chance, trend.subject, spike, "") for trend in digest.trends.outlets for spike in trend.spikes]
    found.sort(key=lambda one: (one[0], one[1], one[2].day))
    shown = {story.narrative for story in digest.stories}
    return tuple(
        (name, f"{spike.day.isoformat()}: {say_spike(spike)}" if digest.since else say_spike(spike), key if key in shown else "")
        for _, name, spike, key in found
    )
