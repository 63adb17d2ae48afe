import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from monitor.stages.cues import CUES, count_cues, quoted_share
from monitor.stages.features import MAX_WORD_CHARS, learn_vocabulary, tokenize

LETTERS = st.text("абвЁёіїґ'’ -abcXYZ«»\"!?.\n 12", max_size=80)
texts = st.one_of(LETTERS, st.text(max_size=60))


@given(texts)
def test_words_are_short_and_never_empty(text):
    assert all(0 < len(word) <= MAX_WORD_CHARS for word in tokenize(text))


@given(LETTERS)
def test_cyrillic_and_latin_words_do_not_depend_on_case(text):
    assert tokenize(text.upper()) == tokenize(text.lower())


@given(st.lists(texts, min_size=1, max_size=5))
def test_each_half_of_a_row_has_unit_length_or_is_zero(given_texts):
    vocabulary = learn_vocabulary(given_texts, min_texts=1)
    rows = vocabulary.weigh(given_texts).toarray()
    assert rows.shape == (len(given_texts), len(vocabulary))
    split = len(vocabulary.prefixes)
    for half in (rows[:, :split], rows[:, split:]):
        norms = np.linalg.norm(half, axis=1)
        assert all(norm == 0 or abs(norm - 1) < 1e-4 for norm in norms)


@given(texts)
def test_cues_are_finite_numbers_and_the_quoted_share_is_a_share(text):
    cues = count_cues(text)
    assert cues.shape == (len(CUES),)
    assert np.isfinite(cues).all()
    assert (cues >= 0).all()
    assert 0 <= quoted_share(text) <= 1
