"""Near copies: shingles, bands, exact similarity, clusters that merge."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.stages.copies import MIN_SIMILARITY, Groups, WordHashes, make_band_keys, make_shingles, measure_similarity

KNOWN = WordHashes()
WORDS = [f"слово{n}" for n in range(400)]
TEXT = " ".join(WORDS[:200])


def shingles(text: str) -> np.ndarray:
    return make_shingles(text, KNOWN)


def similarity(one: str, other: str) -> float:
    return measure_similarity(shingles(one), shingles(other))


def jaccard(one: str, other: str) -> float:
    """The same by plain sets of words."""
    sets = [{tuple(text.split()[i : i + 3]) for i in range(len(text.split()) - 2)} for text in (one, other)]
    return len(sets[0] & sets[1]) / len(sets[0] | sets[1])


def test_the_same_words_are_the_same_shingles_whatever_the_print():
    assert similarity("Паром «Берег» вышел в море ещё утром.", "паром берег вышел, в море еще утром") == 1.0


@pytest.mark.parametrize("text", ["", "Паром вышел", "раз два три четыре пять"], ids=["empty", "two words", "five words"])
def test_a_text_of_few_words_is_nobodys_copy(text):
    assert len(shingles(text)) == 0
    assert make_band_keys(shingles(text)) == []
    assert similarity(text, text) == 0.0


@pytest.mark.parametrize("changed", [1, 3, 5, 8])
def test_the_similarity_is_that_of_the_sets(changed):
    words = WORDS[:200]
    for n in range(changed):
        words[20 * n + 7] = "иначе"
    other = " ".join(words)
    expected = jaccard(TEXT, other)
    assert similarity(TEXT, other) == pytest.approx(expected)


def test_texts_of_very_different_length_are_no_copies():
    assert similarity(TEXT, " ".join(WORDS[:100])) == 0.0


def test_the_numbers_are_the_same_in_every_process():
    assert make_band_keys(make_shingles(TEXT, WordHashes())) == make_band_keys(shingles(TEXT))
    assert shingles("паром вышел в море рано утром").tolist() == [131190680, 2753361090, 3022307436, 4209910378]


def test_near_copies_share_a_band_and_others_do_not():
    drawn = random.Random(1)
    missed = shared = 0
    for _ in range(300):
        words = drawn.choices(WORDS, k=200)
        near = [word if drawn.random() > 0.02 else "иначе" for word in words]
        one, other = (make_band_keys(shingles(" ".join(text))) for text in (words, near))
        is_copy = similarity(" ".join(words), " ".join(near)) >= MIN_SIMILARITY
        missed += is_copy and not set(one) & set(other)
        shared += bool(set(one) & set(make_band_keys(shingles(" ".join(drawn.choices(WORDS, k=200))))))
    assert missed == 0
    assert shared == 0


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=20))
def test_joined_rows_have_the_first_of_them_as_their_cluster(pairs: list[tuple[int, int]]) -> None:
    groups = Groups()
    sets = [{n} for n in range(13)]
    for one, other in pairs:
        groups.join(one, other)
        merged = next(s for s in sets if one in s) | next(s for s in sets if other in s)
        sets = [s for s in sets if not s & merged] + [merged]
    for members in sets:
        assert {groups.find(row) for row in members} == {min(members)}
