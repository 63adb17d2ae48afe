import unicodedata

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from monitor.stages.cues import CUES, PAIR_CUES, WORD_CUES, find_pair_places, find_word_cues, measure_marks, scale_cues
from monitor.stages.features import MAX_WORD_CHARS, fold_word, iterate_groups, learn_vocabulary
from monitor.stages.windows import Sentence
from monitor.text import WORD, find_tokens

LETTERS = st.text("абвЁёіїґ'’ -abcXYZ«»\"!?.\n 12\u200d\u0301", max_size=80)
ANY = st.text(st.characters(exclude_categories=()), max_size=60)
texts = st.one_of(LETTERS, ANY)
words = st.one_of(st.text("абвёіabc'-\u200d\u0301", max_size=50), ANY)
folded_texts = st.lists(st.lists(st.lists(words.map(fold_word), max_size=8), max_size=3), max_size=4)


@given(words)
def test_folded_words_are_short_lower_and_hold_nothing_unseen(word):
    folded = fold_word(word)
    assert len(folded) <= MAX_WORD_CHARS
    assert not any(unicodedata.category(char) in {"Mn", "Cf", "Zs"} for char in folded)


@given(st.text("абвгґёжзийклїєсмABCdeopxyZ'-12\u0301\u200d", max_size=60))
def test_folding_twice_is_folding_once_whatever_the_case(word):
    folded = fold_word(word)
    assert fold_word(folded) == folded == fold_word(word.upper()) == fold_word(word.lower())


@given(texts)
def test_tokens_hold_every_word_and_come_in_order(text):
    tokens = find_tokens(text)
    place = 0
    for token in tokens:
        place = text.index(token, place) + len(token)
    assert all(any(word in token for token in tokens) for word in WORD.findall(text))


@given(words.map(fold_word))
def test_groups_are_pieces_of_the_marked_word(word):
    groups = list(iterate_groups(word))
    assert len(groups) == max(0, len(word) - 1)
    assert all(len(group) == 4 and group in f" {word} " for group in groups)


@given(folded_texts)
def test_every_word_that_taught_a_vocabulary_is_described_by_it(taught):
    vocabulary = learn_vocabulary(taught, min_texts=1)
    assert vocabulary.idf.shape == (len(vocabulary),)
    assert "" not in vocabulary.prefixes
    for word in (word for sentences in taught for sentence in sentences for word in sentence):
        found = vocabulary.describe(word)
        assert len(found) == len(list(iterate_groups(word))) + bool(word)
        assert all(0 <= column < len(vocabulary) for column in found)


@given(folded_texts)
def test_every_pair_that_taught_a_vocabulary_is_found_in_it(taught):
    vocabulary = learn_vocabulary(taught, min_texts=1)
    for sentence in (sentence for sentences in taught for sentence in sentences):
        known = [vocabulary.prefix_columns.get(word[:5], -1) for word in sentence]
        places, columns = vocabulary.find_pairs(np.array(known, dtype=np.int32))
        expected = [n for n in range(1, len(sentence)) if sentence[n] and sentence[n - 1]]
        assert places.tolist() == expected
        assert [vocabulary.prefixes[c] for c in columns] == [f"{sentence[n - 1][:5]} {sentence[n][:5]}" for n in expected]


@given(words.map(fold_word))
def test_cues_of_any_word_fit_their_columns(word):
    assert len(find_word_cues(word)) == WORD_CUES
    assert all(0 <= bits < 1 << len(PAIR_CUES) for bits in find_pair_places(word))


@given(st.lists(texts, min_size=1, max_size=4))
def test_scaled_cues_are_finite_and_the_quoted_share_is_a_share(given_texts):
    marks = np.array([measure_marks(Sentence("text", 0, len(text), text)) for text in given_texts], dtype=np.float64)
    cues = scale_cues(np.ones((len(marks), WORD_CUES)), marks)
    assert cues.shape == (len(given_texts), len(CUES))
    assert np.isfinite(cues).all()
    assert (cues[:, WORD_CUES] >= 0).all()
    assert (cues[:, WORD_CUES] <= 1).all()
