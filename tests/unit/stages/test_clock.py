from datetime import UTC, datetime, timedelta

import pytest

from monitor.stages.clock import choose_pruning_time, doubt_clock

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("last_run", "said"),
    [
        (None, None),
        (timedelta(days=-30), None),
        (timedelta(minutes=30), None),
        (timedelta(hours=2), "the clock was wrong then, or is now"),
        (timedelta(days=-40), "40 days ago: was there such a pause, or has the clock jumped ahead?"),
    ],
    ids=["first run", "a month ago", "machines that differ", "ahead", "long ago"],
)
def test_a_clock_is_doubted_by_the_last_run(last_run, said):
    doubt = doubt_clock(NOW, NOW + last_run if last_run is not None else None)
    assert doubt is None if said is None else said in (doubt or "")


@pytest.mark.parametrize(
    ("days_ago", "expected"),
    [([], 0), ([0], 0), ([0, 1, 2, 3, 4, 5, 6, 400], 0), ([0, 1, 400, 401], 401), ([0, -365, 1], 0)],
    ids=["none", "first", "a week after a pause", "two days after a pause", "one ahead"],
)
def test_age_is_counted_from_a_time_that_is_believed(days_ago, expected):
    days = [NOW - timedelta(days=ago) for ago in days_ago]
    assert choose_pruning_time(NOW, days) == NOW - timedelta(days=expected)
