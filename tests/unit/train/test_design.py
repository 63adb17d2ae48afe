import numpy as np
import pytest

from monitor.records import (
    Document,
)
from monitor.stages.features import fold_word, learn_vocabulary
from monitor.stages.passages import read_batch
from monitor.stages.windows import read_document
from monitor.stages.wordtable import WordTable
from monitor.train.design import Design
from tests.factories import make_document, make_vocabulary

FILLER = "Утром в городе открылась выставка цветов, вечером пройдёт сильный дождь. "
TEXTS = (
    make_document("a", title="Родная гавань", text="Мост открыт. Гавань родная, родная гавань."),
    make_document("b"),
    make_document("c", text="!!!"),
    make_document("d", title="Итоги", text=FILLER * 40 + "Кры\u0301м и гавань. " + FILLER * 40),
)


def make_design(
    *documents: Document, prefixes: tuple[str, ...] = ("гаван", "родна", "родна гаван"), idf: tuple[float, ...] = ()
) -> Design:
    return Design(make_vocabulary(prefixes, (), idf), [read_document(document) for document in documents])


def test_a_row_counts_features_weighs_them_and_is_divided_by_the_length():
    rows = make_design(make_document(text="Родная гавань."), idf=(1, 2, 3)).window_rows()
    assert rows.toarray()[0] == pytest.approx(np.array([1, 2, 3]) / np.sqrt(1 + 4 + 9))


def test_a_feature_that_comes_twice_counts_twice_over_the_length_of_two():
    rows = make_design(make_document(text="Гавань, мост, гавань.")).window_rows()
    assert rows.toarray()[0] == pytest.approx([2 / np.sqrt(2), 0, 0])


def test_the_title_is_in_every_row_of_its_text_once():
    rows = make_design(make_document(title="Гавань", text="Родная. " + FILLER * 10)).window_rows().toarray()
    assert (rows[:, 0] > 0).all()
    assert rows[0] == pytest.approx([1, 0, 0])
    assert rows[1] == pytest.approx(np.array([1, 1, 0]) / np.sqrt(2))


def test_texts_without_windows_have_no_rows():
    design = make_design(make_document("a"), make_document("b", text="…"), make_document("c", text="Гавань."))
    assert design.window_rows().shape == (1, 3)
    assert design.batch.owners.tolist() == [2]


@pytest.mark.parametrize("documents", [(), (make_document("a"),)], ids=["no texts", "an empty text"])
def test_nothing_makes_no_rows(documents):
    assert make_design(*documents).window_rows().shape == (0, 3)


def test_a_window_without_known_features_is_a_row_of_zeros():
    assert make_design(make_document(text="Мост открыт.")).window_rows().nnz == 0


def test_rows_times_weights_are_the_outputs_of_scoring():
    readings = [read_document(text) for text in TEXTS]
    vocabulary = learn_vocabulary([[[fold_word(w) for w in words] for words in r.words] for r in readings], min_texts=1)
    weights = np.random.default_rng(1).normal(size=(len(vocabulary), 5)).astype(np.float32)
    batch, design = read_batch(WordTable(vocabulary, weights), TEXTS), Design(vocabulary, readings)
    assert np.array_equal(design.batch.owners, batch.owners)
    assert design.window_rows() @ weights == pytest.approx(batch.windows.outputs, abs=1e-4)


def test_rows_for_stance_times_weights_are_what_the_stance_model_reads():
    readings = [read_document(text) for text in TEXTS]
    vocabulary = learn_vocabulary([[[fold_word(w) for w in words] for words in r.words] for r in readings], min_texts=1)
    weights = np.random.default_rng(2).normal(size=(len(vocabulary), 3)).astype(np.float32)
    batch, design = read_batch(WordTable(vocabulary, weights), TEXTS), Design(vocabulary, readings)
    windows = np.arange(len(batch.owners))
    pairs = batch.pair(batch.owners, windows)
    near, whole, cues = design.stance_rows(batch.owners, windows)
    assert near @ weights == pytest.approx(pairs.near.outputs, abs=1e-4)
    assert whole @ weights == pytest.approx(pairs.whole.outputs, abs=1e-4)
    assert np.array_equal(cues, pairs.cues)


def test_words_in_disguise_make_the_same_rows():
    plain = make_design(make_document(text="Родная гавань."))
    disguised = make_design(make_document(text="Pо\u0301дная га\u200dвань."))
    assert np.array_equal(plain.window_rows().toarray(), disguised.window_rows().toarray())
