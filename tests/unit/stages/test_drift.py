import random
from collections import Counter
from datetime import date

import pytest

from monitor.records import Document
from monitor.stages.drift import (
    MAX_TERMS,
    MIN_MOVED,
    compare_scores,
    count_terms,
    find_new_terms,
    find_silent,
    measure_shift,
    measure_unknown,
)
from monitor.stages.features import PREFIX_CHARS

USUAL = (900, 60, 20, 10, 5, 3, 2)


def draw(weights, articles, seed):
    dice = random.Random(seed)
    counts = Counter(dice.choices(range(len(weights)), weights, k=articles))
    return tuple(counts[n] for n in range(len(weights)))


@pytest.mark.parametrize("articles", [100, 1_000, 20_000])
def test_chance_alone_moves_nothing(articles):
    shifts = [measure_shift(draw(USUAL, articles, n), draw(USUAL, 4 * articles, -1 - n)) for n in range(200)]
    assert sum(shift >= MIN_MOVED for shift in shifts) <= 4


def test_a_distribution_that_moves_is_seen():
    assert measure_shift((600, 60, 20, 10, 5, 200, 105), USUAL) > 0.5


@pytest.mark.parametrize(
    ("now", "before"), [((0,) * 7, USUAL), (USUAL, (0,) * 7), ((0,) * 7, (0,) * 7)], ids=["now", "before", "both"]
)
def test_nothing_counted_is_no_error(now, before):
    assert measure_shift(now, before) >= 0


def test_scores_that_are_not_listed_count_as_the_lowest_class():
    (shift,) = compare_scores({"a": [0, 0, 0, 0, 0, 50]}, {"a": [0, 0, 0, 0, 0, 5]}, assessed=(100, 100))
    assert (shift.narrative, shift.now[0], shift.now[-1], shift.before[-1]) == ("a", 0.5, 0.5, 0.05)
    assert shift.is_moved


def test_the_widest_shift_comes_first_and_a_narrative_may_be_missing_on_one_side():
    shifts = compare_scores({"b": [0, 0, 0, 0, 0, 90]}, {"a": [1, 0, 0, 0, 0, 0]}, assessed=(200, 200))
    assert [shift.narrative for shift in shifts] == ["b", "a"]
    assert [shift.is_moved for shift in shifts] == [True, False]


def read(*texts):
    return count_terms(Document(str(n), title=text) for n, text in enumerate(texts))


def test_a_word_counts_once_a_text_whatever_its_case():
    counts, texts = read("Саммит, саммит и САММИТ", "Дождь")
    assert (counts["саммит"], texts) == (1, 2)


def test_new_words_are_found_and_common_ones_are_not():
    before, n_before = read(*(f"Погода сегодня хорошая, утро {n}" for n in range(400)))
    now, n_now = read(*("Погода сегодня хорошая" + (" орешник" if n % 5 == 0 else "") for n in range(100)))
    (term,) = find_new_terms(now, before, texts=(n_now, n_before), known_prefixes={"погода"})
    assert (term.term, term.now, term.before, term.is_known) == ("орешник", 20, 0, False)


def test_no_more_terms_are_listed_than_can_be_read():
    now, n_now = read(*(" ".join(f"слово{chr(1072 + k // 30)}{chr(1072 + k % 30)}" for k in range(90)) for _ in range(50)))
    terms = find_new_terms(now, Counter(), texts=(n_now, 200), known_prefixes=())
    assert len(terms) == MAX_TERMS


def test_chance_alone_brings_few_new_words():
    dice = random.Random(1)
    words = [f"слово{chr(1072 + k // 30)}{chr(1072 + k % 30)}" for k in range(900)]
    texts = [" ".join(dice.sample(words, 30)) for _ in range(1_000)]
    (now, n_now), (before, n_before) = read(*texts[:200]), read(*texts[200:])
    assert len(find_new_terms(now, before, texts=(n_now, n_before), known_prefixes=())) <= 1


@pytest.mark.parametrize(("known", "expected"), [({"погода"[:PREFIX_CHARS]}, 0.5), ((), 1.0)], ids=["half", "none"])
def test_unknown_words_are_those_that_begin_like_none(known, expected):
    assert measure_unknown(Counter({"погода": 3, "орешник": 3}), known) == expected


def test_of_no_words_nothing_is_unknown():
    assert measure_unknown(Counter(), ()) is None


def test_narratives_without_a_flag_are_named_with_their_last_one():
    since = date(2026, 5, 1)
    found = find_silent(["a", "b", "c"], {"a": since, "b": date(2026, 4, 30)}, since=since)
    assert [(one.narrative, one.last) for one in found] == [("b", date(2026, 4, 30)), ("c", None)]
