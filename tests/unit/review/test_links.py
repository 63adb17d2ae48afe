from datetime import date
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.decisions import ORDERS, Filters
from monitor.review.links import View, read_after, read_form_view, read_number, read_view, write_after

words = st.text(min_size=1, max_size=50).map(lambda word: word.replace("\0", "")).filter(bool)
filters = st.builds(
    Filters,
    narrative=st.none() | words,
    language=st.none() | words,
    feed_id=st.none() | words,
    day=st.none() | st.dates(),
    flagged=st.booleans(),
)
views = st.builds(View, order=st.sampled_from(ORDERS), filters=filters)


@given(views)
def test_a_link_leads_back_to_its_view(view):
    assert read_view(dict(parse_qsl(view.query().removeprefix("?")))) == view


def test_a_plain_view_needs_no_query():
    assert View().query() == ""
    assert View().query(done=7) == "?done=7"
    assert View("uncertain").only(flagged=True).sorted_by("certain").query() == "?flagged=1"


@pytest.mark.parametrize(
    "query",
    [
        pytest.param({"order": "newest"}, id="order"),
        pytest.param({"day": "yesterday"}, id="day"),
        pytest.param({"flagged": "yes"}, id="flagged"),
        pytest.param({"narrative": "", "language": "\0"}, id="empty"),
        pytest.param({"unknown": "x"}, id="unknown"),
    ],
)
def test_what_makes_no_sense_is_left_out(query):
    assert read_view(query) == View()


def test_in_a_form_the_answer_is_not_the_filter():
    assert read_form_view({"narrative": "answer", "order": "sample"}) == View("sample")
    assert read_form_view({"narrative": "answer", "filter_narrative": "asked"}).filters.narrative == "asked"


@given(st.floats(-1e9, 1e9, allow_nan=False), st.integers(0, 2**31 - 1))
def test_the_place_of_a_page_is_exact(rank, number):
    assert read_after(write_after(rank, number)) == (rank, number)


@pytest.mark.parametrize("raw", ["", "1", "~", "a~1", "1~b", "nan~1", "inf~1", "1~-1", "1~99999999999"])
def test_a_place_that_is_none(raw):
    assert read_after(raw) is None


@pytest.mark.parametrize(("raw", "number"), [("7", 7), ("", None), ("-1", None), ("x", None), ("²", None), ("9" * 20, None)])
def test_numbers(raw, number):
    assert read_number(raw) == number


def test_a_filter_by_narrative_keeps_the_draw_fair_others_do_not():
    assert not Filters(narrative="n", flagged=True).is_selective
    assert Filters(language="uk").is_selective
    assert Filters(feed_id="f").is_selective
    assert Filters(day=date(2026, 5, 14)).is_selective
