import random

import pytest

from monitor.dayreports import Unfitting
from monitor.stages.candidates import MAX_CANDIDATES, MAX_EXAMPLES, MIN_STORIES, find_candidates

DICE = random.Random(1)
WORDS = [
    f"{a}{b}{c}ость" for a in ("мор", "гор", "пар", "сад", "зим", "лет", "вод", "дом") for b in "аеиоу" for c in "бвгдзклмнпрст"
]
FORMS = ("жужелица", "жужелицы", "жужелицу")
STORY = "{} замечена у пролива, лаборатория молчит"


def write(n, *, story=None, outlet=None, text=None, language="ru"):
    dice = random.Random(n)
    around = " ".join(dice.sample(WORDS, 25))
    return Unfitting(f"a{n}", story or f"s{n}", around if text is None else text, around, "", outlet or f"Газета {n % 7}", language)


def tell(n, **changes):
    return write(n, text=STORY.format(FORMS[n % 3]), **changes)


MONTH = [write(n) for n in range(800)]
WEEK = [write(n) for n in range(1_000, 1_200)]


def test_a_story_that_bursts_is_one_candidate_with_its_words_and_examples():
    told = [tell(n) for n in range(2_000, 2_012)]
    (found,) = find_candidates([*WEEK, *told], MONTH)
    assert any(term.startswith("жужелиц") for term in found.terms)
    assert "лаборатория" in found.terms
    assert (found.stories, found.articles, found.outlets, found.languages) == (12, 12, 7, ("ru",))
    assert len(found.examples) == MAX_EXAMPLES
    assert {one.article_id for one in found.examples} <= {one.article_id for one in told}


def test_in_a_quiet_month_there_is_none():
    weeks = [[write(10_000 * k + n) for n in range(200)] for k in range(1, 11)]
    assert [find_candidates(week, MONTH) for week in weeks] == [()] * 10


@pytest.mark.parametrize(
    "told",
    [
        pytest.param([tell(n) for n in range(2_000, 2_000 + MIN_STORIES - 1)], id="too few"),
        pytest.param([tell(n, story="copies") for n in range(2_000, 2_020)], id="copies of one"),
        pytest.param([tell(n, outlet="Маяк") for n in range(2_000, 2_020)], id="one outlet alone"),
    ],
)
def test_what_only_few_tell_is_none(told):
    assert find_candidates([*WEEK, *told], MONTH) == ()


def test_what_was_told_before_does_not_burst():
    before = [tell(n) for n in range(3_000, 3_048)]
    assert find_candidates([*WEEK, *(tell(n) for n in range(2_000, 2_012))], [*MONTH, *before]) == ()


def test_two_stories_are_two_candidates_the_most_told_first():
    other = [write(n, text="Ведомство проверяет дроны над виноградником", language="uk") for n in range(4_000, 4_020)]
    found = find_candidates([*WEEK, *(tell(n) for n in range(2_000, 2_012)), *other], MONTH)
    assert [(one.stories, one.languages) for one in found] == [(20, ("uk",)), (12, ("ru",))]


def test_no_more_are_offered_than_can_be_looked_at():
    told = [write(5_000 + 20 * k + n, text=f"тема{chr(1072 + k) * 3}") for k in range(MAX_CANDIDATES + 3) for n in range(20)]
    assert len(find_candidates([*WEEK, *told], MONTH)) == MAX_CANDIDATES


@pytest.mark.parametrize(("now", "before"), [((), MONTH), (WEEK, ()), ((), ())], ids=["now", "before", "both"])
def test_without_articles_there_is_nothing_to_compare(now, before):
    assert find_candidates(now, before) == ()
