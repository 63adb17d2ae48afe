from dataclasses import replace
from datetime import timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.stages.health import BLOCKED_BY, LEVELS, FeedRecord, State, describe_seconds, judge_feed
from tests.factories import NOON

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
URL = "https://harbour.example/rss"


def make_record(**changes):
    record = FeedRecord(
        "harbour",
        "Harbour News",
        URL,
        last_success_at=NOON - HOUR,
        last_visit_at=NOON - HOUR,
        rhythm_s=3600.0,
        last_new_at=NOON - 2 * HOUR,
        entries_in_window=40,
        visits=20,
    )
    return replace(record, **changes)


def failing(count, kind, **changes):
    base = {
        "consecutive_failures": count,
        "last_kind": kind,
        "last_message": "the server failed.",
        "failures_by_kind": {kind: count},
    }
    return make_record(**base | changes)


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        pytest.param(make_record(), [("ok", "healthy")], id="healthy"),
        pytest.param(
            make_record(last_visit_at=None, last_success_at=None, visits=0), [("warning", "never_visited")], id="never visited"
        ),
        pytest.param(make_record(enabled=False, lies=3, clipped=2), [("ok", "disabled")], id="disabled says nothing else"),
        pytest.param(failing(1, "timeout"), [("warning", "failing")], id="one failure"),
        pytest.param(failing(3, "timeout"), [("error", "failing")], id="three failures in a row"),
        pytest.param(failing(1, None, failures_by_kind={}), [("warning", "failing")], id="a failure of no known kind"),
        pytest.param(make_record(failures_by_kind={"dns": 7, "tls": 4}), [("warning", "failing")], id="most visits failed"),
        pytest.param(make_record(failures_by_kind={"dns": 10}), [("ok", "healthy")], id="half of the visits failed"),
        pytest.param(failing(9, "http_410", last_status_gone=True), [("error", "gone")], id="gone, which is not failing as well"),
        pytest.param(make_record(moved_to="https://new.example/rss"), [("warning", "moved")], id="moved"),
        pytest.param(make_record(moved_to=URL), [("ok", "healthy")], id="moved to where it is"),
        pytest.param(make_record(clipped=1), [("warning", "clipped")], id="clipped"),
        pytest.param(make_record(lies=2), [("warning", "lying")], id="lying"),
        pytest.param(make_record(last_new_at=NOON - 2 * DAY), [("warning", "silent")], id="silent"),
        pytest.param(make_record(last_new_at=NOON - 20 * HOUR), [("ok", "healthy")], id="silent for less than a day"),
        pytest.param(
            make_record(last_new_at=NOON - 3 * DAY, rhythm_s=86_400.0), [("ok", "healthy")], id="a slow feed may be silent"
        ),
        pytest.param(
            make_record(last_new_at=NOON - 3 * DAY, rhythm_s=1e300), [("ok", "healthy")], id="a rhythm beyond all calendars"
        ),
        pytest.param(make_record(rhythm_s=None, last_new_at=NOON - 15 * DAY), [("warning", "stale")], id="stale without a rhythm"),
        pytest.param(make_record(rhythm_s=None, last_new_at=NOON - 13 * DAY), [("ok", "healthy")], id="not yet stale"),
        pytest.param(make_record(rhythm_s=None, last_new_at=None), [("warning", "stale")], id="never gave an item"),
        pytest.param(failing(1, "http_429", not_before=NOON + HOUR), [("warning", "paused")], id="paused"),
        pytest.param(failing(1, "http_429", not_before=NOON - HOUR), [("warning", "failing")], id="the pause is over"),
        pytest.param(failing(1, "http_503"), [("warning", "failing")], id="overloaded, with no wish to be left alone"),
        pytest.param(make_record(not_before=NOON + HOUR), [("ok", "healthy")], id="the next visit is due later"),
        pytest.param(
            make_record(not_before=NOON + HOUR, last_kind="http_429"),
            [("ok", "healthy")],
            id="a pause of long ago, before a success",
        ),
        pytest.param(
            failing(5, "http_503", not_before=NOON + HOUR),
            [("error", "failing"), ("warning", "paused")],
            id="paused again and again",
        ),
        pytest.param(
            failing(4, "connect", last_success_at=NOON - 3 * DAY, last_new_at=NOON - 3 * DAY - HOUR),
            [("error", "failing")],
            id="what cannot be read is not silent",
        ),
        pytest.param(failing(4, "connect", last_success_at=None, last_new_at=None), [("error", "failing")], id="never succeeded"),
        pytest.param(
            failing(1, "timeout", lies=1, clipped=30, moved_to="https://new.example/rss", last_new_at=NOON - 9 * DAY),
            [("warning", "failing"), ("warning", "silent"), ("warning", "lying"), ("warning", "moved"), ("warning", "clipped")],
            id="several at once",
        ),
        *(pytest.param(failing(1, kind), [("error", "blocked")], id=f"blocked by {kind}") for kind in BLOCKED_BY),
    ],
)
def test_what_is_said_of_a_feed(record, expected):
    assert [(note.level, note.state) for note in judge_feed(record, now=NOON)] == expected


@pytest.mark.parametrize(
    ("record", "sentence", "remedy"),
    [
        (make_record(), "Its visits succeed, the last 60 minutes ago; items in these days: 40.", ""),
        (make_record(last_success_at=None), "Its visits succeed; items in these days: 40.", ""),
        (
            failing(3, "dns"),
            "It failed 3 visits in a row (it last succeeded 60 minutes ago): the server failed.",
            "Check the address",
        ),
        (
            failing(1, "odd", last_message=None, last_success_at=None),
            "It failed at the last visit (it never succeeded).",
            "feeds check",
        ),
        (failing(2, "http_403"), "The server refuses this program or this network, 2 visits in a row", "`proxy`"),
        (make_record(failures_by_kind={"tls": 4, "dns": 7}), "11 of 20 visits failed, most often with dns.", "misspelt"),
        (
            failing(1, "http_429", not_before=NOON + 3 * HOUR),
            "is asked too often and is left alone for another 3 hours.",
            "less often",
        ),
        (
            make_record(last_new_at=NOON - 3 * DAY),
            "nothing new for 2 days, although something usually comes every 60 minutes",
            "site",
        ),
        (make_record(rhythm_s=None, last_new_at=NOON - 20 * DAY), "newest item came 19 days before", "another address"),
        (make_record(lies=1), "said once that nothing had changed", "checked"),
        (make_record(lies=4), "said 4 times that nothing had changed", "checked"),
        (make_record(clipped=1), "1 item was left out", "shorter"),
        (make_record(clipped=7), "7 items were left out", "shorter"),
        (make_record(moved_to="https://new.example/rss"), "moved for good to https://new.example/rss.", "feeds.yaml"),
    ],
)
def test_a_sentence_and_a_remedy_say_it_plainly(record, sentence, remedy):
    note = judge_feed(record, now=NOON)[0]
    assert sentence in note.sentence
    assert remedy in note.remedy


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0, "1 minute"), (119, "1 minute"), (7199, "119 minutes"), (7200, "2 hours"), (86_400, "24 hours"), (200_000, "2 days")],
)
def test_lengths_of_time_are_said_as_people_say_them(seconds, expected):
    assert describe_seconds(seconds) == expected


times = st.none() | st.integers(-40, 40).map(lambda days: NOON + days * DAY)
kinds = st.sampled_from([*BLOCKED_BY, "http_429", "http_503", "http_500", "timeout", "dns"])
records = st.builds(
    FeedRecord,
    feed_id=st.just("harbour"),
    outlet=st.just("Harbour News"),
    url=st.just(URL),
    enabled=st.booleans(),
    last_success_at=times,
    last_visit_at=times,
    failures_by_kind=st.dictionaries(kinds, st.integers(1, 50), max_size=3),
    consecutive_failures=st.integers(0, 9),
    last_kind=st.none() | kinds,
    last_message=st.none() | st.text(max_size=20),
    not_before=times,
    rhythm_s=st.none() | st.floats(0, 1e12),
    last_new_at=times,
    clipped=st.integers(0, 9),
    lies=st.integers(0, 9),
    moved_to=st.none() | st.just("https://new.example/rss"),
    last_status_gone=st.booleans(),
    visits=st.integers(0, 60),
)


@given(records)
def test_any_record_gets_notes_worst_first_each_state_once(record):
    notes = judge_feed(record, now=NOON)
    levels = [LEVELS.index(note.level) for note in notes]
    states = [note.state for note in notes]
    assert notes
    assert levels == sorted(levels)
    assert len(set(states)) == len(states)
    assert set(states) <= set(get_args(State))
    assert all(note.sentence.endswith(".") for note in notes)
    assert all(bool(note.remedy) == (note.state != "healthy") for note in notes)
    assert ("healthy" in states) <= (len(states) == 1)
