"""Scoring adds remembered words up and takes differences; training multiplies sparse rows. Both must say the same."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.records import (
    Document,
)
from monitor.stages.classify import assess, judge_stances
from monitor.stages.features import fold_word, learn_vocabulary
from monitor.stages.passages import read_batch
from monitor.stages.windows import read_document
from monitor.stages.wordtable import WordTable
from monitor.train.design import Design
from monitor.train.fit import Weights, _judge_stances
from tests.factories import make_random_model, make_second_stage
from tests.fakes import FakeEncoder

WORDS = (
    *(
        "Жители",
        "единогласно",
        "родная",
        "гавань",
        "київський",
        "режим",
        "фейк",
        "п’ять",
        "кто-то",
        "The",
        "so-called",
        "vote",
        "на",
        "самом",
    ),
    *("деле", "Кpым", "кры\u0301м", "га\u200dвань", "2014", "-", "'", "и", "ﬁnal", "\ufdfa", "❤\ufe0f"),
)
ENDS = (" ", " ", " ", ", ", ". ", "! ", "? ", "\n", " «", "» ", " — ")
passages = st.lists(st.tuples(st.sampled_from(WORDS), st.sampled_from(ENDS)), max_size=60).map(
    lambda pairs: "".join(map("".join, pairs))
)
anything = st.one_of(passages, passages, st.text(max_size=120))
long_passages = st.tuples(passages, st.integers(1, 8)).map(lambda given: given[0] * given[1])
documents = st.builds(
    Document, st.just("d"), title=anything, summary=anything, text=st.one_of(anything, long_passages), lang=st.just("ru")
)
batches = st.lists(documents, min_size=1, max_size=5)
seeds = st.integers(0, 99)
UNSEEN = st.text("\u200b\u200c\u200d\u2060\xad\ufe0f\u034f", max_size=3)


@settings(deadline=None)
@given(batches, seeds)
def test_scoring_a_window_gives_what_training_would(texts: list[Document], seed: int) -> None:
    model = make_random_model(texts, seed)
    batch = read_batch(model.words, texts)
    rows = Design(model.vocabulary, batch.readings).window_rows()
    assert rows.shape == (len(batch.windows), len(model.vocabulary))
    np.testing.assert_allclose(batch.windows.outputs, rows @ model.weights, rtol=1e-3, atol=1e-3)


@settings(deadline=None)
@given(batches, seeds)
def test_judging_a_stance_gives_what_training_would(texts: list[Document], seed: int) -> None:
    model = make_random_model(texts, seed)
    batch = read_batch(model.words, texts)
    windows = np.arange(len(batch.windows))
    split = len(model.narratives)
    weights = Weights(
        model.vocabulary,
        model.weights[:, :split],
        model.claims_intercept,
        stance=model.weights[:, split:],
        stance_intercept=model.stance_intercept,
        stance_cues=model.stance_cues,
    )
    design = Design(model.vocabulary, batch.readings)
    scored, trained = (
        judge_stances(model, batch.pair(batch.owners, windows)),
        _judge_stances(weights, design, batch.owners, windows),
    )
    np.testing.assert_allclose(scored, trained, atol=2e-3)


@settings(deadline=None)
@given(batches)
def test_rows_are_never_shorter_than_one_but_where_nothing_is_known(texts: list[Document]) -> None:
    # Lengths are counted as though no two words shared a feature; where they do, a row is longer.
    readings = [read_document(text) for text in texts]
    vocabulary = learn_vocabulary([[[fold_word(w) for w in words] for words in r.words] for r in readings], min_texts=1)
    rows = Design(vocabulary, readings).window_rows()
    squares = np.asarray(rows.multiply(rows).sum(axis=1)).ravel()
    assert np.all((squares > 1 - 1e-3) | (np.diff(rows.indptr) == 0))


@settings(deadline=None)
@given(batches, seeds)
def test_a_batch_gives_the_answers_of_its_texts_one_by_one(texts: list[Document], seed: int) -> None:
    model = make_random_model(texts, seed)
    together = assess(model, texts)
    fresh = replace(model)
    assert together == [assess(fresh, [text])[0] for text in texts]
    assert together[::-1] == assess(model, texts[::-1])


@settings(deadline=None)
@given(batches, seeds)
def test_a_batch_read_by_an_encoder_gives_the_answers_of_its_texts_one_by_one(texts: list[Document], seed: int) -> None:
    second = make_second_stage(np.random.default_rng(seed).normal(size=(3, 2)).tolist())
    model = replace(make_random_model(texts, seed), second=second)
    encoder = FakeEncoder("гавань", "фейк")
    assert assess(model, texts, encoder) == [assess(model, [text], encoder)[0] for text in texts]


@settings(deadline=None)
@given(documents, seeds)
def test_evidence_slices_back_and_scores_are_probabilities(document: Document, seed: int) -> None:
    (assessment,) = assess(make_random_model([document], seed), [document])
    for score in assessment.narratives:
        assert 0 <= score.score <= 1
        assert 0 <= score.stance_score <= 1
        assert score.flagged == (score.is_carried and score.stance == "promotes")
        assert all(getattr(document, e.field)[e.start : e.end] == e.text != "" for e in score.evidence)


@settings(deadline=None)
@given(st.lists(st.sampled_from(WORDS[:14]), min_size=1, max_size=12), st.data())
def test_unseen_characters_inside_words_change_no_score(words: list[str], data: st.DataObject) -> None:
    plain = Document("d", title=" ".join(words), lang="ru")
    # Stress marks stand on vowels; on some consonants they make another letter.
    marks = {letter: st.tuples(UNSEEN, st.sampled_from(["", "\u0301"])).map("".join) for letter in "аеиоуыэюя"}
    disguised = ["".join(letter + data.draw(marks.get(letter, UNSEEN)) for letter in word) for word in words]
    model = make_random_model([plain])
    first = assess(model, [plain])[0].narratives
    second = assess(model, [replace(plain, title=" ".join(disguised))])[0].narratives
    assert [(s.id, s.score) for s in first] == [(s.id, s.score) for s in second]


@settings(deadline=None)
@given(batches, seeds)
def test_a_table_that_met_other_texts_sums_as_a_new_one(texts: list[Document], seed: int) -> None:
    model = make_random_model(texts, seed)
    readings = [read_document(text) for text in texts]
    fresh = WordTable(model.vocabulary, model.weights).sum_sentences(readings[:1]).values
    model.words.sum_sentences(readings)
    assert np.array_equal(model.words.sum_sentences(readings[:1]).values, fresh)
