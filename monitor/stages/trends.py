"""Which narratives and outlets are flagged more, or less, often than in the weeks before.

Counts are judged against what the usual share of the day's articles would give, so that a Sunday, a feed that was down or a
day that is not over yet is no news. Such counts vary more than chance alone (stories are copied), so they are taken as
negative binomial, with a dispersion learnt from the window: partly a subject's own, partly that of all subjects.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from monitor.dayreports import Comparison, Shift, Spike, Trend, Trends

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from monitor.dayreports import DayCount, GrownStory, Movement

WINDOW_DAYS = 28
WEEK_DAYS = 7
# Days with assessed articles before a spike can be told, and before the last week for a movement.
MIN_HISTORY_DAYS = 7
# Spikes that a month of quiet days may raise among all narratives together, and as many among all outlets.
FALSE_ALARMS = 1.0
_MONTH_DAYS = 30
MIN_SPIKE_ARTICLES = 3
# Of subjects that go on as before, one in a hundred seems to grow, and one to fade.
MOVEMENT_CHANCE = 0.01
MIN_CHANGE = 1.5
# A day as unlikely as this was a burst, and is left out of what is usual.
_BURST_CHANCE = 1e-5
# How many days of evidence the dispersion of all subjects weighs against a subject's own; the least that is assumed.
_POOL_DAYS = 28
_LEAST_DISPERSION = 0.05
# Four weeks show a dispersion badly, most often too small a one; with this much more the false alarms stay within what is said.
_CAUTION = 1.5


@dataclass(frozen=True, slots=True)
class Series:
    """Flagged and assessed articles of one subject, day by day."""

    subject: str
    flagged: tuple[int, ...]
    assessed: tuple[int, ...]

    def cut(self, start: int, end: int) -> Series:
        """The days from ``start`` up to ``end``."""
        return Series(self.subject, self.flagged[start:end], self.assessed[start:end])


@dataclass(frozen=True, slots=True)
class Usual:
    """What is usual for a subject: flagged articles per assessed one, their dispersion, and how well the rate is known.

    A day on which m are expected has the variance m + dispersion * m²; ``spread`` is the rate's own relative variance.
    """

    rate: float
    dispersion: float
    spread: float


def judge_trends(
    narratives: Sequence[DayCount],
    outlets: Sequence[DayCount],
    *,
    day: date,
    since: date | None = None,
    false_alarms: float = FALSE_ALARMS,
) -> Trends:
    """Trends up to ``day``; each day from ``since`` on (by default only ``day``) is looked at for a spike."""
    first = since or day
    days = tuple(first + timedelta(days=n) for n in range(-WINDOW_DAYS, (day - first).days + 1))
    return Trends(
        days=days,
        narratives=_judge_all(_make_series(narratives, days), days, false_alarms),
        outlets=_judge_all(_make_series(outlets, days), days, false_alarms),
        history_days=len({one.day for one in outlets if days[0] <= one.day < first and one.assessed}),
        wanted_days=MIN_HISTORY_DAYS,
        false_alarms=false_alarms,
    )


def compare_periods(
    narratives: Sequence[DayCount],
    outlets: Sequence[DayCount],
    grown: Sequence[GrownStory],
    *,
    day: date,
    since: date | None = None,
) -> Comparison:
    """A day against the one before, or the days from ``since`` on against as many before."""
    first = since or day
    before = first - ((day - first) + timedelta(days=1))
    now, then = _sum_flagged(narratives, first, day), _sum_flagged(narratives, before, first - timedelta(days=1))
    shifts = [Shift(one, then.get(one, 0), now.get(one, 0)) for one in sorted({*now, *then})]
    moved = sorted((one for one in shifts if one.before != one.now), key=lambda one: (-abs(one.now - one.before), one.narrative))
    known = _sum_flagged(outlets, date.min, first - timedelta(days=1))
    has_history = len({one.day for one in outlets if one.day < first and one.assessed}) >= MIN_HISTORY_DAYS
    fresh = tuple(one for one in _sum_flagged(outlets, first, day) if one not in known) if has_history else ()
    return Comparison(tuple(moved), fresh, tuple(grown))


def _sum_flagged(counts: Sequence[DayCount], first: date, last: date) -> dict[str, int]:
    """Flagged articles of each subject that has any within these days."""
    found: dict[str, int] = defaultdict(int)
    for one in counts:
        if one.flagged and first <= one.day <= last:
            found[one.subject] += one.flagged
    return dict(found)


def _make_series(counts: Sequence[DayCount], days: Sequence[date]) -> list[Series]:
    by_subject: dict[str, dict[date, DayCount]] = defaultdict(dict)
    for one in counts:
        by_subject[one.subject][one.day] = one
    return [_make_one(subject, found, days) for subject, found in sorted(by_subject.items())]


def _make_one(subject: str, found: Mapping[date, DayCount], days: Sequence[date]) -> Series:
    flagged = tuple(found[day].flagged if day in found else 0 for day in days)
    return Series(subject, flagged, tuple(found[day].assessed if day in found else 0 for day in days))


def _judge_all(series: Sequence[Series], days: Sequence[date], false_alarms: float) -> tuple[Trend, ...]:
    pooled = pool_dispersion([one.cut(0, WINDOW_DAYS) for one in series])
    # The month's budget is shared out over its days and over all subjects.
    limit = false_alarms / _MONTH_DAYS / max(1, len(series))
    return tuple(_judge_one(one, days, pooled=pooled, limit=limit) for one in series if any(one.flagged))


def _judge_one(one: Series, days: Sequence[date], *, pooled: float, limit: float) -> Trend:
    places = range(WINDOW_DAYS, len(days))
    found = (_judge_day(one, place, days[place], pooled) for place in places)
    movement, week, earlier = judge_movement(one, pooled)
    return Trend(
        subject=one.subject,
        articles=sum(one.flagged[WINDOW_DAYS:]),
        daily=one.flagged,
        movement=movement,
        week=1_000 * week,
        earlier=1_000 * earlier,
        spikes=tuple(spike for spike in found if spike is not None and spike.chance < limit),
    )


def _judge_day(one: Series, place: int, day: date, pooled: float) -> Spike | None:
    """How unlikely a day is; None where too little came on it, or before it, to tell."""
    count, assessed = one.flagged[place], one.assessed[place]
    before = one.cut(place - WINDOW_DAYS, place)
    if count < MIN_SPIKE_ARTICLES or sum(map(bool, before.assessed)) < MIN_HISTORY_DAYS:
        return None
    usual = learn_usual(before, pooled)
    expected = usual.rate * assessed
    return Spike(day, count, expected, chance_of_more(count, expected, _day_variance(usual, expected)))


def judge_movement(one: Series, pooled: float) -> tuple[Movement, float, float]:
    """How the last week compares with the days before it, and the rates of both."""
    split = len(one.flagged) - WEEK_DAYS
    week, before = one.cut(split, len(one.flagged)), one.cut(max(0, split - WINDOW_DAYS + WEEK_DAYS), split)
    now = sum(week.flagged) / max(1, sum(week.assessed))
    then = sum(before.flagged) / max(1, sum(before.assessed))
    if sum(map(bool, before.assessed)) < MIN_HISTORY_DAYS:
        return "unknown", now, then
    if not any(before.flagged):
        return "new", now, then
    usual = learn_usual(before, pooled)
    expected = [usual.rate * assessed for assessed in week.assessed]
    total = sum(expected)
    variance = total + usual.dispersion * sum(m * m for m in expected) + total * total * usual.spread
    count = sum(week.flagged)
    if now >= MIN_CHANGE * then and chance_of_more(count, total, variance) < MOVEMENT_CHANCE:
        return "growing", now, then
    if MIN_CHANGE * now <= then and 1 - chance_of_more(count + 1, total, variance) < MOVEMENT_CHANCE:
        return "fading", now, then
    return "steady", now, then


def learn_usual(before: Series, pooled: float) -> Usual:
    """What is usual by a subject's days; days that were bursts themselves do not count."""
    return _fit(_drop_bursts(before, pooled), pooled)


def _drop_bursts(one: Series, pooled: float) -> Series:
    """The days without those that are beyond all that the others, the busiest of them left out too, make likely."""
    usual = _fit(_drop_busiest(one), pooled)
    return _keep(one, [place for place in range(len(one.flagged)) if not _is_burst(one, place, usual)])


def _drop_busiest(one: Series) -> Series:
    busiest = max(range(len(one.flagged)), key=lambda place: one.flagged[place] / max(1, one.assessed[place]), default=0)
    return _keep(one, [place for place in range(len(one.flagged)) if place != busiest])


def _keep(one: Series, places: Sequence[int]) -> Series:
    flagged, assessed = (tuple(days[place] for place in places) for days in (one.flagged, one.assessed))
    return Series(one.subject, flagged, assessed)


def _is_burst(one: Series, place: int, usual: Usual) -> bool:
    expected = usual.rate * one.assessed[place]
    return chance_of_more(one.flagged[place], expected, _day_variance(usual, expected)) < _BURST_CHANCE


def _fit(one: Series, pooled: float) -> Usual:
    days = sum(map(bool, one.assessed))
    # Half an article more: what never came may come all the same.
    rate = (sum(one.flagged) + 0.5) / max(1, sum(one.assessed))
    own, weight = _measure_dispersion(one), _weigh(one)
    dispersion = _CAUTION * max(_LEAST_DISPERSION, (weight * own + _POOL_DAYS * pooled) / (weight + _POOL_DAYS))
    return Usual(rate, dispersion, 1 / (sum(one.flagged) + 0.5) + dispersion / max(1, days))


def pool_dispersion(series: Sequence[Series]) -> float:
    """The dispersion that all subjects together show, bursts left out, weighted by how much each tells of it."""
    cautious = _average_dispersion([_drop_busiest(one) for one in series])
    return _average_dispersion([_drop_bursts(one, cautious) for one in series])


def _average_dispersion(series: Sequence[Series]) -> float:
    weights = [_weigh(one) for one in series]
    if not sum(weights):
        return _LEAST_DISPERSION
    return sum(w * _measure_dispersion(one) for w, one in zip(weights, series, strict=True)) / sum(weights)


def _weigh(one: Series) -> float:
    """In days: rare articles tell little of dispersion, frequent ones a day's worth each day."""
    total, assessed = sum(one.flagged), sum(one.assessed)
    expected = [total * n / max(1, assessed) for n in one.assessed]
    return sum(m / (1 + m) for m in expected)


def _measure_dispersion(one: Series) -> float:
    """By moments: how much more than a Poisson count the days vary, relative to the square of what was expected."""
    total, assessed = sum(one.flagged), sum(one.assessed)
    days = sum(map(bool, one.assessed))
    if not total or days < 2:
        return 0.0
    expected = [total * n / assessed for n in one.assessed]
    excess = sum((y - m) ** 2 for y, m in zip(one.flagged, expected, strict=True)) * days / (days - 1) - total
    return max(0.0, excess / sum(m * m for m in expected))


def _day_variance(usual: Usual, expected: float) -> float:
    return expected + expected * expected * (usual.dispersion + usual.spread)


def chance_of_more(count: int, expected: float, variance: float) -> float:
    """How often a negative binomial count with this mean and variance is ``count`` or more."""
    from scipy.special import betainc  # noqa: PLC0415

    if count <= 0:
        return 1.0
    if expected <= 0:
        return 0.0
    size = expected * expected / max(variance - expected, 1e-9 * expected)
    return float(betainc(count, size, expected / (expected + size)))
