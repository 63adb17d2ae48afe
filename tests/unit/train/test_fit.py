from dataclasses import replace

import numpy as np
import pytest

from monitor.errors import CorpusError
from monitor.records import STANCES, Mark
from monitor.stages.classify import MIN_ENCODED_SCORE, STANCE_CUES, assess
from monitor.train import fit, thresholds
from monitor.train.decided import DECIDED
from monitor.train.fit import MIN_PROMOTING, Fitted, fit_model
from monitor.train.thresholds import MIN_PRECISION, MIN_THRESHOLD
from tests.factories import make_corpus, make_document, make_labelled_text
from tests.fakes import FakeEncoder

CORPUS = make_corpus()
NARRATIVES = ("crimea_always_russian", "fake_loyalty")


@pytest.fixture(scope="module")
def fitted() -> Fitted:
    return fit_model(CORPUS, seed=1, jobs=1)


@pytest.fixture(scope="module")
def encoder() -> FakeEncoder:
    return FakeEncoder("единогласно", "гавань")


@pytest.fixture(scope="module")
def fitted_with_encoder(encoder: FakeEncoder) -> Fitted:
    return fit_model(CORPUS, seed=1, jobs=1, encoder=encoder)


def test_narratives_with_enough_promoting_texts_are_learned_in_alphabetical_order(fitted):
    assert fitted.model.narratives == NARRATIVES
    rare = [
        make_labelled_text(f"rare-{n}", f"Редкая история {n}.", labels={"biolabs_wmd": "promotes"})
        for n in range(MIN_PROMOTING - 1)
    ]
    assert fit_model([*CORPUS, *rare], seed=1, jobs=1).model.narratives == NARRATIVES


def test_a_corpus_with_nothing_to_learn_is_refused_with_what_is_missing():
    with pytest.raises(CorpusError, match=f"no narrative has {MIN_PROMOTING} promoting texts"):
        fit_model(make_corpus(MIN_PROMOTING - 1), seed=1, jobs=1)


def test_weights_have_the_shapes_that_scoring_expects(fitted):
    model, count = fitted.model, len(NARRATIVES)
    assert model.weights.shape == (len(model.vocabulary), count + len(STANCES))
    assert model.weights.flags.c_contiguous
    assert model.stance_cues.shape == (STANCE_CUES, len(STANCES))
    assert [a.shape for a in (model.claims_intercept, model.thresholds, model.calibration.slopes)] == [(count,)] * 3
    assert model.stance_intercept.shape == (len(STANCES),)
    assert model.bundle_id == ""
    assert model.second is None


@pytest.mark.parametrize(
    ("text", "narrative", "stance"),
    [
        pytest.param("Все жители единогласно проголосовали и это навсегда!", "fake_loyalty", "promotes", id="promotes"),
        pytest.param("Губернатор заявил, что жители единогласно проголосовали.", "fake_loyalty", "reports", id="reports"),
        pytest.param("Это неправда, что полуостров вернулся в родную гавань.", "crimea_always_russian", "refutes", id="refutes"),
    ],
)
def test_what_was_learned_holds_for_other_texts(fitted, text, narrative, stance):
    (assessment,) = assess(fitted.model, [make_document(text=text, lang="ru")])
    assert (assessment.narratives[0].id, assessment.narratives[0].stance) == (narrative, stance)
    assert assessment.narratives[0].score > 0.9


def test_other_news_carry_nothing(fitted):
    (assessment,) = assess(fitted.model, [make_document(text="Утром дождь, паром опоздал.", lang="ru")])
    assert not any(score.is_carried for score in assessment.narratives)


def test_every_text_has_a_held_out_answer_for_every_narrative(fitted):
    held_out = fitted.held_out
    assert held_out.scores.shape == held_out.carried.shape == (len(CORPUS), len(NARRATIVES))
    assert np.array_equal(held_out.carried, held_out.scores >= fitted.model.thresholds)
    carried = {(i, narrative) for i, text in enumerate(CORPUS) for narrative in text.labels}
    assert carried <= set(held_out.stances)


def test_held_out_answers_are_right_where_texts_are_easy(fitted):
    gold = np.array([[narrative in text.labels for narrative in NARRATIVES] for text in CORPUS])
    assert np.array_equal(fitted.held_out.scores > 0.5, gold)


def test_same_corpus_and_seed_give_the_same_weights(fitted):
    again = fit_model(CORPUS, seed=1, jobs=1)
    assert np.array_equal(again.model.weights, fitted.model.weights)
    assert np.array_equal(again.held_out.scores, fitted.held_out.scores)


def test_a_group_is_never_on_both_sides_of_a_fold():
    corpus = [replace(text, group=f"g{n // 3}") for n, text in enumerate(CORPUS)]
    folds = fit._make_folds(corpus, 1)
    assert sorted(i for _, test in folds for i in test) == list(range(len(corpus)))
    for train, test in folds:
        assert not {corpus[i].group for i in train} & {corpus[i].group for i in test}


def test_texts_without_a_word_do_not_stop_the_training(encoder):
    corpus = [*CORPUS, make_labelled_text("marks", "!!!"), make_labelled_text("empty")]
    for used in (None, encoder):
        scores = fit_model(corpus, seed=1, jobs=1, encoder=used).held_out.scores
        assert scores[-2:].max() == 0


def test_progress_is_reported():
    told: list[str] = []
    fit_model(CORPUS, seed=1, jobs=1, report_progress=told.append)
    assert told[0].startswith(f"{len(CORPUS)} texts, 2 narratives")
    assert told[-1] == "fitting on the whole corpus"


def test_with_an_encoder_a_second_stage_is_fitted(fitted_with_encoder, encoder):
    second = fitted_with_encoder.model.second
    assert second.encoder == encoder.name
    assert second.claims.shape == (3, len(NARRATIVES))
    # The first dimension is the word of the second narrative, the second one that of the first.
    assert second.claims[0, 1] > 0 > second.claims[0, 0]
    assert second.claims[1, 0] > 0 > second.claims[1, 1]
    assert second.weight == fit.SECOND_WEIGHT


def test_the_first_stage_is_the_same_with_an_encoder_and_without(fitted, fitted_with_encoder):
    one, both = fitted.model, fitted_with_encoder.model
    count = len(NARRATIVES)
    assert np.array_equal(one.weights[:, :count], both.weights[:, :count])
    assert np.array_equal(one.calibration.slopes, both.calibration.slopes)


def test_held_out_answers_are_those_of_both_stages_where_a_text_is_encoded(fitted, fitted_with_encoder):
    first, both = fitted.held_out.scores, fitted_with_encoder.held_out.scores
    encoded = (first >= MIN_ENCODED_SCORE).any(axis=1)
    assert encoded.any()
    assert not encoded.all()
    assert np.array_equal(first[~encoded], both[~encoded])
    assert not np.array_equal(first[encoded], both[encoded])


def test_every_window_is_encoded_once_with_its_title():
    encoder = FakeEncoder("единогласно")
    corpus = [make_labelled_text("a", "Гавань. " * 100, title="Итоги"), make_labelled_text("b"), make_labelled_text("c", "Мост.")]
    promoting = [
        make_labelled_text(f"p{n}", f"Единогласно {n}.", labels={"fake_loyalty": "promotes"}) for n in range(MIN_PROMOTING)
    ]
    labelled = fit.prepare_corpus([*corpus, *promoting], encoder, 1, lambda _: None)
    seen = [text for texts in encoder.seen for text in texts]
    assert labelled.vectors.shape == (len(seen), 2)
    assert len(seen) == sum(len(reading.windows) for reading in labelled.readings)
    assert seen[0] == "Итоги"
    assert seen[1].startswith("Итоги\nГавань.")
    some = labelled.choose(np.array([2, 4]))
    assert np.array_equal(some.vectors, encoder.encode(["Мост.", "Единогласно 1."]))
    assert some.window_starts.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("scores", "right", "expected"),
    [
        pytest.param([0.9, 0.8, 0.7], [True, True, True], 0.7, id="all right"),
        pytest.param([0.9, 0.8, 0.7], [True, True, False], 0.8, id="the last one wrong"),
        pytest.param([0.7, 0.9, 0.8], [False, True, True], 0.8, id="in any order"),
        pytest.param([0.9, 0.8], [False, True], 0.99, id="never precise enough"),
        pytest.param([1.0, 1.0], [True, False], 0.99, id="equal scores stand or fall together"),
        pytest.param([1.0, 1.0], [False, True], 0.99, id="equal scores in the other order"),
        pytest.param([], [], 0.99, id="nothing flagged"),
    ],
)
def test_a_threshold_is_the_lowest_score_that_is_precise_enough(scores, right, expected):
    assert MIN_PRECISION > 0.67
    assert thresholds.choose_threshold(np.array(scores), np.array(right, dtype=bool), np.ones(len(scores))) == expected


def test_what_is_common_in_a_feed_weighs_more_in_a_threshold():
    scores, right = np.array([0.9, 0.8]), np.array([True, False])
    assert thresholds.choose_threshold(scores, right, np.array([1.0, 0.01])) == 0.8
    assert thresholds.choose_threshold(scores, right, np.array([1.0, 1.0])) == 0.9


def test_the_weights_of_a_feed_make_its_mix():
    weights = thresholds.weigh_as_in_feed(CORPUS)
    kinds = np.array([thresholds.kind_in_feed(text) for text in CORPUS])
    assert {kind: weights[kinds == kind].sum() / weights.sum() for kind in thresholds.FEED_MIX} == pytest.approx(
        thresholds.FEED_MIX
    )


def test_thresholds_are_not_lower_than_the_least_and_carried_counts_from_them_on(fitted_with_encoder):
    model = fitted_with_encoder.model
    assert (model.thresholds >= MIN_THRESHOLD).all()
    assert (model.second.thresholds >= MIN_THRESHOLD).all()


def test_few_held_out_others_are_said_to_promote(fitted):
    others = [s for (i, n), (s, _) in fitted.held_out.stances.items() if CORPUS[i].labels.get(n) in {"reports", "refutes"}]
    assert others.count("promotes") <= thresholds.MAX_FALSE_PROMOTES * len(others) + 1
    assert fitted.model.min_promotes >= 0.5
    assert fitted.model.min_promotes_contested >= fitted.model.min_promotes


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        pytest.param([0.2, 0.3], 0.5, id="never lower than a half"),
        pytest.param([0.8, 0.3], 0.8001, id="just above the highest of few"),
        pytest.param([1.0, 1.0], 0.99, id="never higher than this"),
        pytest.param([], 0.5, id="none to learn from"),
    ],
)
def test_the_least_probability_of_promotes_keeps_others_out(others, expected):
    stances = np.array([[p, 1 - p, 0] for p in others] + [[0.9, 0.1, 0]])
    gold = np.array([1] * len(others) + [0])
    assert thresholds.choose_min_promotes(stances, gold) == pytest.approx(expected)


# What analysts decided


def make_decided(n, text, labels, known=NARRATIVES, **changes):
    answered = None if known is None else frozenset(known)
    changes = {"group": f"cluster-{n}"} | changes
    return make_labelled_text(f"d{n}#1", text, labels=labels, known=answered, kind=DECIDED, **changes)


def test_decided_texts_move_no_text_of_the_corpus_to_another_fold():
    decided = [make_decided(n, "Решение", {}, group=f"cluster-{n // 3}") for n in range(30)]
    plain, more = fit._make_folds(CORPUS, 1), fit._make_folds([*decided, *CORPUS], 1)
    for (_, test), (train, taught) in zip(plain, more, strict=True):
        assert [i - 30 for i in taught if i >= 30] == test.tolist()
        assert not {decided[i].group for i in taught if i < 30} & {decided[i].group for i in train if i < 30}
    assert sorted(i for _, test in more for i in test if i < 30) == list(range(30))


def test_thresholds_and_calibration_do_not_follow_what_analysts_were_asked(fitted):
    # Texts without words teach nothing, and would bend every share if they were counted.
    decided = [make_decided(n, "!!!", {"fake_loyalty": "promotes"}) for n in range(60)]
    again = fit_model([*CORPUS, *decided], seed=1, jobs=1)
    assert again.model.calibration.slopes == pytest.approx(fitted.model.calibration.slopes, rel=0.02)
    assert again.model.thresholds == pytest.approx(fitted.model.thresholds, abs=0.02)
    assert again.held_out.scores.shape == (len(CORPUS) + 60, 2)


def test_a_decision_teaches_what_the_corpus_does_not_say():
    new = "Мост через залив стоит вечно и тому рады рыбаки"
    decided = [make_decided(n, f"{new} номер {n}", {"fake_loyalty": "promotes"}) for n in range(40)]
    asked = [make_document(title=new)]
    scores = []
    for texts in (CORPUS, [*CORPUS, *decided]):
        (answer,) = assess(fit_model(texts, seed=1, jobs=1).model, asked)
        scores.append({n.id: n.score for n in answer.narratives}.get("fake_loyalty", 0.0))
    assert scores[0] < 0.3
    assert scores[1] > 0.7


def test_what_nobody_was_asked_about_is_not_learnt_as_absent():
    texts = [make_decided(n, f"Полуостров вернулся в родную гавань {n}", {}, known=["fake_loyalty"]) for n in range(60)]
    denied = [replace(text, known=None) for text in texts]
    asked = [make_document(title="Полуостров вернулся в родную гавань")]
    found = []
    for decided in (texts, denied):
        (answer,) = assess(fit_model([*CORPUS, *decided], seed=1, jobs=1).model, asked)
        found.append({n.id: n.score for n in answer.narratives}.get("crimea_always_russian", 0.0))
    assert found[0] > found[1] + 0.2


def test_the_marked_sentence_is_the_one_that_is_learnt_from():
    text = (
        "Утром шёл дождь и автобус опоздал. " * 12 + "Зелёный трамвай сам поёт гимн. " + "Потом стало тихо и все ушли домой. " * 12
    )
    start = text.index("Зелёный")
    mark = {"fake_loyalty": Mark("text", start, start + 20)}
    labelled = fit.prepare_corpus([make_decided(1, text, {"fake_loyalty": "promotes"}, marks=mark), *CORPUS])
    marked = labelled.find_marked("fake_loyalty")
    windows = [labelled.readings[0].join(w.first, w.last) for w in labelled.readings[0].windows]
    assert [("трамвай" in window) for window in windows] == marked[: len(windows)].tolist()
    assert 0 < marked.sum() < len(windows)
    assert not labelled.find_marked("crimea_always_russian").any()
