"""When feeds are visited again."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from monitor.errors import FetchError
from monitor.records import (
    FeedState,
)
from monitor.stages.schedule import (
    FULL_GET_EVERY,
    MAX_WAIT_S,
    VisitPlan,
    after_failure,
    after_success,
    after_unchanged,
    grade_failure,
    plan_visit,
)
from tests.factories import NOON, make_fetched

HOUR = timedelta(hours=1)
KNOWN = FeedState(etag='"1"', document_sha256="ab" * 32)


@pytest.mark.parametrize(
    ("state", "is_due", "is_forced"),
    [
        pytest.param(FeedState(), True, False, id="never visited"),
        pytest.param(replace(KNOWN, not_before=NOON + HOUR), False, False, id="asked to wait"),
        pytest.param(replace(KNOWN, not_before=NOON), True, False, id="waited"),
        pytest.param(replace(KNOWN, not_before=NOON + 24 * HOUR), False, False, id="waits for a day"),
        pytest.param(replace(KNOWN, not_before=NOON + 25 * HOUR), True, False, id="put off by a clock that was wrong"),
        pytest.param(replace(KNOWN, unchanged=FULL_GET_EVERY - 1), True, False, id="unchanged for long"),
        pytest.param(replace(KNOWN, unchanged=FULL_GET_EVERY), True, True, id="unchanged for too long"),
        pytest.param(replace(KNOWN, lies=2), True, True, id="has lied twice"),
        pytest.param(replace(KNOWN, lies=1), True, False, id="has lied once"),
        pytest.param(
            replace(KNOWN, unchanged=4, rhythm_s=600.0, last_new_at=NOON - HOUR), True, True, id="quiet against its rhythm"
        ),
        pytest.param(replace(KNOWN, unchanged=5, rhythm_s=600.0, last_new_at=NOON - HOUR), True, False, id="quiet, not its turn"),
        pytest.param(replace(KNOWN, unchanged=4, rhythm_s=3600.0, last_new_at=NOON - HOUR), True, False, id="quiet as ever"),
        pytest.param(FeedState(unchanged=99), True, False, id="no validators to leave out"),
    ],
)
def test_the_plan(state, is_due, is_forced):
    plan = plan_visit(state, NOON)
    assert (plan.is_due, plan.is_forced) == (is_due, is_forced)


def succeed(state: FeedState, *, new: int = 0, published: tuple[datetime, ...] = (), hint_s: float | None = None, **changes):
    return after_success(state, make_fetched(**changes), new_entries=new, published=published, hint_s=hint_s)


def test_a_success_resets_failures_and_keeps_the_validators():
    after = succeed(FeedState(failures=5, unchanged=3), etag='"2"', last_modified="yesterday")
    assert (after.failures, after.unchanged, after.etag, after.last_modified) == (0, 0, '"2"', "yesterday")
    assert (after.last_success_at, after.last_new_at, after.not_before) == (NOON, None, None)


@pytest.mark.parametrize(
    ("unchanged", "was_forced", "new", "lies"),
    [
        pytest.param(2, True, 1, 1, id="a forced visit finds what 304 hid"),
        pytest.param(2, True, 0, 0, id="nothing new in it"),
        pytest.param(0, True, 1, 0, id="no 304 before"),
        pytest.param(2, False, 1, 0, id="the server said itself that it changed"),
    ],
)
def test_a_lie_is_a_304_that_hid_an_item(unchanged, was_forced, new, lies):
    assert succeed(replace(KNOWN, unchanged=unchanged), new=new, was_forced=was_forced).lies == lies


def test_the_rhythm_is_the_median_gap_and_sets_the_next_visit():
    published = tuple(NOON - n * HOUR for n in (0, 1, 2, 3, 9))
    after = succeed(KNOWN, published=published)
    assert after.rhythm_s == 3600
    assert after.not_before == NOON + timedelta(minutes=27)


def test_two_dates_make_no_rhythm_and_future_ones_do_not_count():
    assert succeed(replace(KNOWN, rhythm_s=900.0), published=(NOON, NOON - HOUR, NOON + HOUR)).rhythm_s == 900


def test_a_slow_feed_is_still_visited_within_hours():
    published = tuple(NOON - n * timedelta(days=7) for n in range(5))
    assert succeed(KNOWN, published=published).not_before <= NOON + timedelta(seconds=MAX_WAIT_S)


def test_what_the_document_asks_for_is_honoured_up_to_a_day():
    assert succeed(KNOWN, hint_s=7200.0).not_before == NOON + timedelta(hours=1.8)
    assert succeed(KNOWN, hint_s=1e9).not_before <= NOON + timedelta(days=1)


def test_a_lasting_redirect_is_remembered_until_it_leads_nowhere():
    moved = succeed(KNOWN, moved_to="https://new.example/rss")
    assert succeed(moved).moved_to == "https://new.example/rss"
    assert after_failure(moved, now=NOON, error=FetchError("timeout", "x"), jitter=0.5).moved_to == "https://new.example/rss"
    assert after_failure(moved, now=NOON, error=FetchError("http_404", "x"), jitter=0.5).moved_to is None


def test_an_unchanged_feed_is_counted():
    after = after_unchanged(replace(KNOWN, failures=2, unchanged=3), now=NOON)
    assert (after.failures, after.unchanged, after.last_success_at) == (0, 4, NOON)


@pytest.mark.parametrize(
    ("kind", "grade", "longest"),
    [
        ("timeout", "temporary", HOUR),
        ("http_503", "temporary", HOUR),
        ("http_429", "temporary", HOUR),
        ("http_403", "soft", 6 * HOUR),
        ("html_page", "soft", 6 * HOUR),
        ("http_410", "hard", 24 * HOUR),
        ("dns", "hard", 24 * HOUR),
    ],
)
def test_failures_slow_the_visits_by_their_grade_and_never_end_them(kind, grade, longest):
    assert grade_failure(kind) == grade
    state, waits = KNOWN, []
    for _ in range(30):
        state = after_failure(state, now=NOON, error=FetchError(kind, "x"), jitter=1.0)
        waits.append(state.not_before - NOON)
    assert waits[0] == timedelta(0)
    assert waits == sorted(waits)
    assert waits[-1] == longest
    assert plan_visit(state, NOON + longest) == VisitPlan(is_due=True)


def test_the_servers_wish_wins_where_it_is_longer():
    after = after_failure(KNOWN, now=NOON, error=FetchError("http_429", "x", retry_after_s=7200), jitter=0.0)
    assert after.not_before == NOON + 2 * HOUR


def test_feeds_that_fail_together_come_again_apart():
    waits = {
        after_failure(replace(KNOWN, failures=3), now=NOON, error=FetchError("timeout", "x"), jitter=j).not_before
        for j in (0, 0.5, 1)
    }
    assert len(waits) == 3
