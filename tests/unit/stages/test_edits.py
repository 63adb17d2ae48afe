"""What changed between two texts, and what vanished from a feed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.stages.edits import MAX_COMPARED_WORDS, Change, diff_texts, find_vanished, shorten_diff

WORDS = st.lists(st.sampled_from(["порт", "паром", "вышел", "закрыт", "утром", "снова"]), max_size=30).map(" ".join)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param("", "", (), id="nothing"),
        pytest.param("порт закрыт", "порт закрыт", (Change("same", "порт закрыт"),), id="equal"),
        pytest.param("", "порт", (Change("added", "порт"),), id="all new"),
        pytest.param("порт", "", (Change("removed", "порт"),), id="all gone"),
        pytest.param(
            "порт закрыт до утра",
            "порт открыт до утра",
            (Change("same", "порт"), Change("removed", "закрыт"), Change("added", "открыт"), Change("same", "до утра")),
            id="one word",
        ),
    ],
)
def test_changes_are_told_word_by_word(before, after, expected):
    assert diff_texts(before, after) == expected


@given(WORDS, WORDS)
def test_both_texts_can_be_made_again_from_the_changes(before: str, after: str) -> None:
    changes = diff_texts(before, after)
    assert " ".join(change.text for change in changes if change.kind != "added") == before
    assert " ".join(change.text for change in changes if change.kind != "removed") == after


def test_long_texts_that_differ_throughout_are_replaced_whole():
    before, after = (" ".join(f"{letter}{n}" for n in range(MAX_COMPARED_WORDS + 1)) for letter in "ab")
    assert [change.kind for change in diff_texts(f"начало {before}", f"начало {after}")] == ["same", "removed", "added"]


def test_a_shortened_diff_shows_a_few_words_around_each_change():
    before = " ".join(f"слово{n}" for n in range(60))
    shown = shorten_diff(diff_texts(before, before.replace("слово30", "другое")), max_chars=1000)
    assert [change.kind for change in shown] == ["same", "removed", "added", "same"]
    assert shown[0].text == "… слово24 слово25 слово26 слово27 слово28 слово29"
    assert shown[-1].text.endswith("слово36 …")


def test_a_shortened_diff_holds_its_limit():
    shown = shorten_diff(diff_texts("а " * 900, "б " * 900), max_chars=100)
    assert sum(len(change.text) for change in shown) < 120
    assert shown[-1] == Change("same", "…")


@pytest.mark.parametrize(
    ("previous", "current", "expected"),
    [
        pytest.param("", "abc", "", id="first document"),
        pytest.param("abc", "", "", id="empty document"),
        pytest.param("abcd", "abcd", "", id="the same"),
        pytest.param("abcd", "xabc", "", id="scrolled off"),
        pytest.param("abcd", "acd", "b", id="from the middle"),
        pytest.param("abcd", "xacd", "b", id="from the middle with a new one on top"),
        pytest.param("abcd", "bcd", "a", id="the newest"),
        pytest.param("abcd", "xbcd", "a", id="the newest with a new one on top"),
        pytest.param("abcd", "bcdx", "", id="scrolled off a feed that grows below"),
        pytest.param("abcd", "abdx", "c", id="from the middle of a feed that grows below"),
        pytest.param("abcd", "abcx", "d", id="the newest of a feed that grows below"),
        pytest.param("abcdef", "xyzf", "", id="mostly replaced"),
        pytest.param("abcdef", "fdbeca", "", id="shuffled"),
    ],
)
def test_what_vanished_is_told_from_what_scrolled_off(previous, current, expected):
    assert find_vanished(list(previous), list(current)) == tuple(expected)


@given(st.lists(st.integers(), unique=True, max_size=30), st.integers(0, 30), st.integers(0, 30))
def test_a_feed_that_only_moves_on_loses_nothing(items: list[int], new: int, shown: int) -> None:
    keys = [str(item) for item in items]
    assert find_vanished(keys[new:][:shown], keys[:shown]) == ()
