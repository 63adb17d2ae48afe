import random
from datetime import date, timedelta

import numpy as np
import pytest
from scipy.stats import nbinom

from monitor.dayreports import DayCount, GrownStory, Shift
from monitor.stages.trends import (
    FALSE_ALARMS,
    MIN_HISTORY_DAYS,
    WINDOW_DAYS,
    Series,
    chance_of_more,
    compare_periods,
    judge_movement,
    judge_trends,
    learn_usual,
    pool_dispersion,
)
from tests.factories import NOON

DAY = date(2026, 5, 30)


def count_days(subject: str, flagged: list[int], *, assessed: list[int] | int = 1000, last: date = DAY) -> list[DayCount]:
    """Counts of days that end with ``last``."""
    amounts = [assessed] * len(flagged) if isinstance(assessed, int) else assessed
    first = last - timedelta(days=len(flagged) - 1)
    pairs = enumerate(zip(flagged, amounts, strict=True))
    return [DayCount(first + timedelta(days=n), subject, few, many) for n, (few, many) in pairs]


def judge(*series: list[DayCount], since: date | None = None):
    counts = [one for found in series for one in found]
    return judge_trends(counts, counts, day=DAY, since=since)


QUIET = [3, 2, 4, 3, 1, 2, 3] * 4


@pytest.mark.parametrize(
    ("today", "is_spike"),
    [(0, False), (3, False), (5, False), (16, True), (40, True)],
    ids=["none", "usual", "some more", "burst", "flood"],
)
def test_a_spike_is_a_day_that_chance_does_not_explain(today, is_spike):
    (trend,) = judge(count_days("a", [*QUIET, today])).narratives
    assert bool(trend.spikes) == is_spike
    if is_spike:
        assert trend.spikes[0].day == DAY
        assert trend.spikes[0].articles == today
        assert 2 < trend.spikes[0].expected < 3.2
        assert trend.spikes[0].chance < FALSE_ALARMS / 30


def test_what_is_expected_follows_how_many_articles_the_day_had():
    (busy,) = judge(count_days("a", [*QUIET, 16], assessed=[*[1000] * 28, 5000])).narratives
    assert busy.spikes == ()
    (partial,) = judge(count_days("a", [*QUIET, 7], assessed=[*[1000] * 28, 150])).narratives
    assert [spike.day for spike in partial.spikes] == [DAY]


def test_two_articles_are_no_spike_however_unlikely():
    (trend,) = judge(count_days("a", [1, *[0] * 27, 2])).narratives
    assert trend.spikes == ()


def test_a_restless_subject_needs_more_for_a_spike_than_an_even_one():
    restless, even = [0, 0, 9, 0, 0, 12, 0] * 4, [3] * 28
    others = [count_days(f"other {n}", [*even, 3]) for n in range(8)]
    found = {
        t.subject: t for t in judge(count_days("even", [*even, 14]), count_days("restless", [*restless, 14]), *others).narratives
    }
    assert found["even"].spikes
    assert not found["restless"].spikes


def test_an_earlier_burst_does_not_hide_the_next_one():
    (trend,) = judge(count_days("a", [*QUIET[:14], 60, *QUIET[15:], 18])).narratives
    assert [spike.articles for spike in trend.spikes] == [18]


@pytest.mark.parametrize("history", [0, 3, MIN_HISTORY_DAYS - 1])
def test_without_enough_history_nothing_is_told(history):
    trends = judge(count_days("a", [*[2] * history, 50]))
    assert trends.history_days == history
    (trend,) = trends.narratives
    assert (trend.movement, trend.spikes) == ("unknown", ())


def test_days_without_any_assessed_article_are_no_history():
    trends = judge(count_days("a", [*[0] * 25, 2, 2, 2, 50], assessed=[*[0] * 25, 900, 900, 900, 900]))
    assert trends.history_days == 3
    assert trends.narratives[0].spikes == ()


@pytest.mark.parametrize(
    ("flagged", "movement"),
    [
        pytest.param([*[0] * 22, 0, 0, 0, 0, 1, 2, 1], "new", id="new"),
        pytest.param([*[2] * 22, 6, 7, 8, 9, 9, 8, 9], "growing", id="growing"),
        pytest.param([*[8] * 22, 3, 2, 1, 1, 0, 1, 0], "fading", id="fading"),
        pytest.param([*[4] * 22, 4, 5, 3, 4, 4, 5, 4], "steady", id="steady"),
        pytest.param([*[9] * 22, *[0] * 7], "fading", id="vanished"),
    ],
)
def test_the_last_week_is_held_against_the_weeks_before(flagged, movement):
    (trend,) = judge(count_days("a", flagged)).narratives
    assert trend.movement == movement
    assert trend.daily == tuple(flagged)
    assert trend.articles == flagged[-1]
    assert (trend.week, trend.earlier) == (pytest.approx(sum(flagged[-7:]) / 7), pytest.approx(sum(flagged[:22]) / 22))


def test_a_week_with_twice_the_articles_is_steady_if_the_share_is():
    series = Series("a", (*[4] * 22, *[8] * 7), (*[1000] * 22, *[2000] * 7))
    assert judge_movement(series, 0.1)[0] == "steady"


def test_a_span_looks_at_each_of_its_days():
    flagged = [*QUIET, 3, 30, 2, 3, 25, 2, 3]
    trends = judge(count_days("a", flagged), since=DAY - timedelta(days=6))
    (trend,) = trends.narratives
    assert [(spike.day, spike.articles) for spike in trend.spikes] == [(date(2026, 5, 25), 30), (date(2026, 5, 28), 25)]
    assert trend.articles == sum(flagged[-7:])
    assert len(trends.days) == WINDOW_DAYS + 7


def test_subjects_that_were_never_flagged_are_left_out_but_count_as_tests():
    quiet = [one for n in range(400) for one in count_days(f"q{n:03}", [0] * 29)]
    border = count_days("a", [*QUIET, 10])
    assert judge(border).narratives[0].spikes
    assert judge(border, quiet).narratives[0].spikes == ()
    assert [trend.subject for trend in judge(border, quiet).narratives] == ["a"]


@pytest.mark.parametrize(("mean", "variance"), [(2.0, 3.0), (0.3, 0.9), (20.0, 120.0)])
def test_chances_are_those_of_the_negative_binomial(mean, variance):
    size = mean * mean / (variance - mean)
    for count in range(1, 60):
        exact = float(nbinom.sf(count - 1, size, size / (size + mean)))
        assert chance_of_more(count, mean, variance) == pytest.approx(exact, abs=1e-12)
    assert chance_of_more(0, mean, variance) == 1.0


def test_chances_at_the_edges():
    assert chance_of_more(3, 0.0, 0.0) == 0.0
    assert chance_of_more(3, 2.0, 2.0) == pytest.approx(0.3233, abs=1e-3)  # Poisson


def test_dispersion_is_found_again():
    rng = np.random.default_rng(3)
    series = []
    for n in range(200):
        rates = rng.gamma(1 / 0.6, 10 * 0.6, size=28)
        series.append(Series(str(n), tuple(int(y) for y in rng.poisson(rates)), (1000,) * 28))
    assert 0.45 < pool_dispersion(series) < 0.75
    assert pool_dispersion([Series("none", (0,) * 28, (0,) * 28)]) > 0


def test_what_never_came_is_rare_and_not_impossible():
    usual = learn_usual(Series("a", (0,) * 28, (1000,) * 28), 0.2)
    assert 0 < usual.rate < 1e-4


def make_quiet_month(rng: np.random.Generator, *, subjects: int, dispersion: float) -> list[DayCount]:
    """28 days of history and 30 more, on which nothing happens but chance."""
    assessed = [int(rng.integers(1000, 2600) * (0.6 if n % 7 > 4 else 1)) for n in range(WINDOW_DAYS + 30)]
    counts = []
    for subject in range(subjects):
        mean = 10 ** rng.uniform(-1.3, 1.6)
        for n, many in enumerate(assessed):
            rate = mean * many / 1600
            rate = rng.gamma(1 / dispersion, rate * dispersion) if dispersion else rate
            counts.append(DayCount(DAY - timedelta(days=57 - n), f"s{subject:02}", int(rng.poisson(rate)), many))
    return counts


@pytest.mark.parametrize("dispersion", [0.0, 0.3, 1.0])
def test_quiet_months_raise_no_more_alarms_than_is_said(dispersion):
    rng = np.random.default_rng(11)
    months = 6
    alarms = 0
    for _ in range(months):
        counts = make_quiet_month(rng, subjects=27, dispersion=dispersion)
        trends = judge_trends(counts, counts, day=DAY, since=DAY - timedelta(days=29))
        alarms += sum(len(trend.spikes) for trend in trends.narratives)
    # A Poisson count with the stated mean is above this once in a thousand times.
    assert alarms <= months * FALSE_ALARMS + 3 * (months * FALSE_ALARMS) ** 0.5


def test_order_of_the_counts_makes_no_difference():
    counts = [*count_days("a", [*QUIET, 9]), *count_days("b", [*QUIET, 1])]
    shuffled = random.Random(4).sample(counts, len(counts))
    assert judge_trends(counts, counts, day=DAY) == judge_trends(shuffled, shuffled, day=DAY)


def test_a_day_is_compared_with_the_one_before():
    narratives = [*count_days("up", [1, 2, 9]), *count_days("same", [4, 4, 4]), *count_days("gone", [0, 3, 0])]
    outlets = [*count_days("Маяк", [*[1] * 9, 1]), *count_days("Причал", [*[0] * 9, 2])]
    grown = GrownStory("a1", "Мост", None, "ru", "Маяк", NOON, 2, 3, ("Причал",), ("up",))
    found = compare_periods(narratives, outlets, [grown], day=DAY)
    assert found.shifts == (Shift("up", 2, 9), Shift("gone", 3, 0))
    assert found.new_outlets == ("Причал",)
    assert found.grown == (grown,)


def test_a_span_is_compared_with_as_many_days_before():
    narratives = count_days("a", [1, 1, 1, 2, 2, 2])
    assert compare_periods(narratives, [], [], day=DAY, since=DAY - timedelta(days=2)).shifts == (Shift("a", 3, 6),)


def test_with_little_history_no_outlet_is_called_new():
    outlets = count_days("Причал", [0, 0, 2])
    assert compare_periods([], outlets, [], day=DAY).new_outlets == ()
