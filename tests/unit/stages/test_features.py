import numpy as np
import pytest

from monitor.stages.features import MAX_WORD_CHARS, Vocabulary, iterate_groups, iterate_prefixes, learn_vocabulary, tokenize


def make_vocabulary(prefixes: tuple[str, ...] = (), groups: tuple[str, ...] = (), idf: list[float] | None = None) -> Vocabulary:
    return Vocabulary(prefixes, groups, np.array(idf or [1.0] * (len(prefixes) + len(groups)), dtype=np.float32))


def weigh(vocabulary: Vocabulary, text: str) -> list[float]:
    return vocabulary.weigh([text]).toarray()[0].tolist()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("Ёлка и ЕЛЬ", ["елка", "и", "ель"], id="case and ё"),
        pytest.param("п’ять п'ять пʼять", ["п'ять"] * 3, id="apostrophes"),
        pytest.param("кто-то сказал: «да!»", ["кто-то", "сказал", "да"], id="hyphen and punctuation"),
        pytest.param("Кpым", ["крым"], id="Latin p in a Cyrillic word"),
        pytest.param("YouTube", ["youtube"], id="Latin word stays"),
        pytest.param("СВО2022", ["сво2022"], id="digits"),
        pytest.param("", [], id="empty"),
        pytest.param("— … !", [], id="no words"),
    ],
)
def test_words_are_folded_and_unmixed(text, expected):
    assert tokenize(text) == expected


def test_endless_words_are_cut():
    assert tokenize("а" * 500) == ["а" * MAX_WORD_CHARS]


def test_prefixes_come_alone_and_in_neighbouring_pairs():
    assert list(iterate_prefixes(["жители", "крыма", "за"])) == ["жител", "крыма", "жител крыма", "за", "крыма за"]


def test_inflected_forms_and_cognates_share_a_prefix():
    assert {next(iterate_prefixes([word])) for word in tokenize("референдум референдума референдуму")} == {"рефер"}


def test_groups_of_three_to_five_letters_mark_the_ends_of_a_word():
    assert list(iterate_groups("сво")) == [" св", "сво", "во ", " сво", "сво ", " сво "]


def test_a_row_has_its_columns_in_the_vocabulary_order():
    vocabulary = make_vocabulary(("крыма", "рефер"), (" св",))
    assert len(vocabulary) == 3
    assert weigh(vocabulary, "референдум") == [0.0, 1.0, 0.0]
    assert weigh(vocabulary, "сво") == [0.0, 0.0, 1.0]


def test_prefixes_and_groups_have_unit_length_each():
    row = np.array(weigh(make_vocabulary(("крыма", "рефер"), (" кр", "рым")), "Референдум Крыма"))
    assert np.linalg.norm(row[:2]) == pytest.approx(1.0)
    assert np.linalg.norm(row[2:]) == pytest.approx(1.0)


def test_repetition_counts_by_its_logarithm():
    row = weigh(make_vocabulary(("крыма", "рефер")), "крыма крыма крыма референдум")
    assert row[0] / row[1] == pytest.approx(1 + np.log(3))


def test_rare_features_weigh_more():
    row = weigh(make_vocabulary(("крыма", "рефер"), idf=[1.0, 2.0]), "референдум крыма")
    assert row[1] / row[0] == pytest.approx(2.0)


@pytest.mark.parametrize("text", ["", "совсем другое"])
def test_a_text_without_known_features_is_a_row_of_zeros(text):
    assert weigh(make_vocabulary(("рефер",)), text) == [0.0]


def test_a_row_does_not_depend_on_the_texts_beside_it():
    vocabulary = make_vocabulary(("крыма", "рефер"), ("рым",))
    alone = vocabulary.weigh(["Референдум Крыма"]).toarray()
    beside = vocabulary.weigh(["", "Крыма крыма", "Референдум Крыма"]).toarray()
    assert np.array_equal(alone[0], beside[2])


def test_rows_are_float32_and_a_vocabulary_of_nothing_works():
    assert make_vocabulary(("крыма",)).weigh(["крыма"]).dtype == np.float32
    assert make_vocabulary().weigh(["крыма", ""]).shape == (2, 0)


def test_a_prefix_finds_its_column():
    vocabulary = make_vocabulary(("крыма", "рефер крыма"), ("рым",))
    assert (vocabulary.find_prefix("рефер крыма"), vocabulary.find_prefix("рым")) == (1, None)


def test_features_are_learned_from_enough_texts_in_alphabetical_order():
    vocabulary = learn_vocabulary(["мост открыт", "мост закрыт мост", "берег"], min_texts=2)
    assert vocabulary.prefixes == ("мост",)
    assert vocabulary.groups == tuple(sorted(vocabulary.groups))
    assert "мост" in vocabulary.groups
    assert "ерег" not in vocabulary.groups


def test_learned_weights_fall_with_the_number_of_texts():
    vocabulary = learn_vocabulary(["мост берег", "мост"], min_texts=1)
    idf = dict(zip(vocabulary.prefixes, vocabulary.idf.tolist(), strict=False))
    assert idf["мост"] == pytest.approx(np.log(3 / 3) + 1)
    assert idf["берег"] == pytest.approx(np.log(3 / 2) + 1)
