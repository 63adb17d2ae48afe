import numpy as np
import pytest

from monitor.stages.features import MAX_WORD_CHARS, Vocabulary, fold_word, iterate_groups, learn_vocabulary
from tests.factories import make_vocabulary


def learn(*texts: str, min_texts: int = 1) -> Vocabulary:
    """A vocabulary of texts that are a sentence each, their words folded already."""
    return learn_vocabulary([[text.split()] for text in texts], min_texts=min_texts)


def find_pairs(vocabulary: Vocabulary, *prefixes: str) -> list[tuple[int, str]]:
    """Positions and names of the pairs in a row of words, which are given by their prefixes."""
    numbers = np.array([vocabulary.prefix_columns.get(prefix, -1) for prefix in prefixes], dtype=np.int32)
    places, columns = vocabulary.find_pairs(numbers)
    return [(int(place), vocabulary.prefixes[column]) for place, column in zip(places, columns, strict=True)]


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        pytest.param("Ёлка", "елка", id="case and ё"),
        pytest.param("ЕЛЬ", "ель", id="capitals"),
        pytest.param("п’ять", "п'ять", id="right quotation mark"),
        pytest.param("пʼять", "п'ять", id="modifier apostrophe"),
        pytest.param("п'ять", "п'ять", id="apostrophe"),
        pytest.param("Кто-то", "кто-то", id="hyphen"),
        pytest.param("Кpым", "крым", id="Latin p in a Cyrillic word"),
        pytest.param("KРЫM", "крым", id="Latin capitals in a Cyrillic word"),
        pytest.param("YouTube", "youtube", id="Latin word stays"),
        pytest.param("СВО2022", "сво2022", id="digits"),
        pytest.param("Кры\u0301м", "крым", id="stress mark"),
        pytest.param("и\u0306од", "йод", id="a breve that belongs to its letter stays"),
        pytest.param("и\u200d\u0306од", "йод", id="even behind a joiner"),
        pytest.param("Кр\u200bы\u200d\u2060м\ufe0f", "крым", id="joiners and selectors"),
        pytest.param("Кр\xadым", "крым", id="soft hyphen"),
        pytest.param("Ｋｙｉｖ", "kyiv", id="wide letters"),
        pytest.param("ﬁnal", "final", id="ligature"),
        pytest.param("'цитата'", "цитата", id="quotation marks"),
        pytest.param("-то-", "то", id="dashes at the ends"),
        pytest.param("-", "", id="a dash alone"),
        pytest.param("\u200d", "", id="a joiner alone"),
        pytest.param("\uff9e", "", id="a lone mark in disguise"),
        pytest.param("\ufdfa", "صلىاللهعليهوسلم", id="one character that stands for several words"),
        pytest.param("", "", id="empty"),
    ],
)
def test_words_are_folded_and_unmixed(word, expected):
    assert fold_word(word) == expected


def test_endless_words_are_cut():
    assert fold_word("а" * 500) == "а" * MAX_WORD_CHARS


@pytest.mark.parametrize(
    "unseen", ["\u200b", "\u200d", "\ufe0f", "\xad", "\u034f"], ids=["space", "joiner", "selector", "hyphen", "grapheme"]
)
def test_no_flood_of_unseen_characters_pushes_the_letters_out(unseen):
    assert fold_word((unseen * 90).join("референдум")) == "референдум"


def test_groups_of_four_letters_mark_the_ends_of_a_word():
    assert list(iterate_groups("крым")) == [" кры", "крым", "рым "]
    assert list(iterate_groups("да")) == [" да "]


@pytest.mark.parametrize("word", ["", "и"])
def test_very_short_words_have_no_groups(word):
    assert list(iterate_groups(word)) == []


def test_a_word_is_described_by_its_prefix_and_its_groups():
    vocabulary = make_vocabulary(("крыма", "рефер"), (" реф", "ндум"))
    assert len(vocabulary) == 4
    assert sorted(vocabulary.describe("референдум")) == [1, 2, 3]
    assert vocabulary.describe("крыма") == [0]


def test_a_group_counts_as_often_as_it_stands_in_a_word():
    assert make_vocabulary((), ("баба",)).describe("бабабаба") == [0, 0, 0]


@pytest.mark.parametrize("word", ["", "мост", "рефе"])
def test_an_unknown_word_has_no_columns(word):
    assert make_vocabulary(("рефер",), ("ндум",)).describe(word) == []


def test_inflected_forms_and_cognates_share_a_prefix():
    vocabulary = make_vocabulary(("рефер",))
    assert {tuple(vocabulary.describe(word)) for word in ("референдум", "референдума", "референдуму")} == {(0,)}


def test_a_pair_is_found_where_its_second_word_stands():
    vocabulary = make_vocabulary(("гаван", "родна", "родна гаван"))
    assert find_pairs(vocabulary, "родна", "гаван", "мост", "родна", "гаван") == [(1, "родна гаван"), (4, "родна гаван")]


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(("гаван", "родна"), id="the other way round"),
        pytest.param(("родна", "мост", "гаван"), id="not neighbours"),
        pytest.param(("родна",), id="one word"),
        pytest.param((), id="none"),
    ],
)
def test_a_pair_needs_both_words_side_by_side_in_order(words):
    assert find_pairs(make_vocabulary(("гаван", "родна", "родна гаван")), *words) == []


def test_a_word_may_pair_with_itself():
    assert find_pairs(make_vocabulary(("очень", "очень очень")), "очень", "очень", "очень") == [
        (1, "очень очень"),
        (2, "очень очень"),
    ]


def test_a_pair_of_unknown_words_is_never_found():
    vocabulary = make_vocabulary(("гаван", "родна гаван"))
    assert len(vocabulary.pair_keys) == 0
    assert find_pairs(vocabulary, "родна", "гаван") == []


def test_every_pair_of_a_large_vocabulary_is_found_and_no_other():
    names = [f"w{n}" for n in range(60)]
    pairs = [f"{a} {b}" for i, a in enumerate(names) for j, b in enumerate(names) if (i * 7 + j * 11) % 5 == 0]
    vocabulary = make_vocabulary(tuple(sorted([*names, *pairs])))
    random = np.random.default_rng(3)
    words = [names[n] for n in random.integers(0, 60, size=5_000)]
    expected = [(n, f"{words[n - 1]} {words[n]}") for n in range(1, len(words)) if f"{words[n - 1]} {words[n]}" in set(pairs)]
    assert find_pairs(vocabulary, *words) == expected


def test_features_are_learned_from_enough_texts_in_alphabetical_order():
    vocabulary = learn("мост открыт", "мост закрыт мост", "берег", min_texts=2)
    assert vocabulary.prefixes == ("мост",)
    assert vocabulary.groups == tuple(sorted(vocabulary.groups))
    assert "мост" in vocabulary.groups
    assert "ерег" not in vocabulary.groups


def test_prefixes_are_learned_alone_and_in_neighbouring_pairs():
    assert learn("жители крыма за").prefixes == ("жител", "жител крыма", "за", "крыма", "крыма за")


def test_pairs_do_not_reach_over_the_end_of_a_sentence():
    vocabulary = learn_vocabulary([[["жители", "крыма"], ["за", "мир"]]], min_texts=1)
    assert [name for name in vocabulary.prefixes if " " in name] == ["жител крыма", "за мир"]


def test_what_folds_to_nothing_is_no_feature_and_parts_its_neighbours():
    vocabulary = learn_vocabulary([[["мост", "", "берег"]]], min_texts=1)
    assert vocabulary.prefixes == ("берег", "мост")


def test_learned_weights_fall_with_the_number_of_texts():
    vocabulary = learn("мост берег", "мост")
    idf = dict(zip(vocabulary.prefixes, vocabulary.idf.tolist(), strict=False))
    assert idf["мост"] == pytest.approx(np.log(3 / 3) + 1)
    assert idf["берег"] == pytest.approx(np.log(3 / 2) + 1)


@pytest.mark.parametrize("texts", [[], [[]], [[[]]]], ids=["no texts", "no sentences", "no words"])
def test_nothing_teaches_nothing(texts):
    vocabulary = learn_vocabulary(texts, min_texts=1)
    assert (len(vocabulary), vocabulary.idf.dtype) == (0, np.float32)
