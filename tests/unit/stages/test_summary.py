from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.reports import AssessmentCounts, FeedCounts, RunError, UntoldArticle
from monitor.stages.summary import MAX_TITLES, disarm, summarize_crash, summarize_day, summarize_failure
from tests.factories import make_report

DAY = date(2026, 5, 14)


def article(number: int, **changes) -> UntoldArticle:
    values = {
        "article_id": f"a{number}",
        "title": f"Title {number}",
        "outlet": "Pier",
        "narrative": "fake_loyalty",
        "score": 0.5 + number / 100,
    }
    return UntoldArticle(**(values | changes))


def test_a_message_counts_by_narrative_and_names_the_surest() -> None:
    untold = [article(n) for n in range(8)] + [article(20, narrative="special_operation", title="The surest", score=0.99)]
    report = make_report(feeds=FeedCounts(due=9, fetched=7, failed=2), assessments=AssessmentCounts(9, 3, 0))

    message = summarize_day(DAY, untold, report, name_of=str.upper, where="https://d.example/x")

    assert message.title == "Narrative digest 2026-05-14: 9 new articles promote a known narrative"
    lines = message.body.splitlines()
    assert lines[:3] == ["What they promote:", "  8 × FAKE‗LOYALTY", "  1 × SPECIAL‗OPERATION"]
    assert lines[lines.index("Among them:") + 1] == "  – The surest (Pier)"
    assert f"  … and {9 - MAX_TITLES} more articles" in lines
    assert lines[-2:] == ["Not seen: 2 of 9 feeds failed; 3 articles wait for the model.", "Digest: https://d.example/x"]


def test_one_article_is_told_in_the_singular_and_all_being_well_is_said() -> None:
    message = summarize_day(DAY, [article(1)], make_report(), name_of=str, where="/d")
    assert message.title.endswith("1 new article promotes a known narrative")
    assert "Not seen: nothing" in message.body


def test_a_failure_names_feeds_and_what_to_do() -> None:
    errors = tuple(RunError(f"feed-{n}", None, "http_403", "refused") for n in range(7))
    report = make_report(feeds=FeedCounts(due=7, failed=7), errors=errors)
    body = summarize_failure(DAY, report, where="/d").body
    assert "None of the 7 feeds" in body
    assert "feed-0: http‗403" in body
    assert "… and 2 more feeds" in body
    assert "monitor feeds check" in body


def test_a_crash_tells_its_reason() -> None:
    assert "disk is full" in summarize_crash(DAY, "store: the disk is full").body


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        pytest.param("@everyone look", "＠everyone look", id="mention"),
        pytest.param("<!channel> <@U1>", "‹!channel› ‹＠U1›", id="Slack"),
        pytest.param("[a](http://x.example)", "(a)(http:⁄⁄x.example)", id="link"),
        pytest.param("**bold** _it_ `code`", "∗∗bold∗∗ ‗it‗ 'code'", id="markup"),
        pytest.param("one\n\ntwo\x00\u202e", "one two", id="lines and controls"),
    ],
)
def test_foreign_text_is_disarmed(raw: str, shown: str) -> None:
    assert disarm(raw) == shown


@given(st.text(max_size=400))
def test_any_title_is_one_short_harmless_line(raw: str) -> None:
    shown = disarm(raw)
    assert len(shown) <= 140
    assert not set(shown) & set("@<>*_`[]~|#\n\r\0")
