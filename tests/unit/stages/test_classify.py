import math
from dataclasses import replace

import numpy as np
import pytest

from monitor.records import (
    STANCES,
    Assessment,
)
from monitor.stages.classify import (
    MAX_ENCODED_WINDOWS,
    MAX_EVIDENCE,
    MAX_TERMS,
    STANCE_CUES,
    Calibration,
    Model,
    assess,
    choose_stance,
    judge_stances,
    least_promotes,
    soften,
)
from monitor.stages.cues import CUES
from monitor.stages.passages import read_batch
from tests.factories import make_calibration, make_document, make_model, make_random_model, make_second_stage
from tests.fakes import FakeEncoder

CLAIM = "Жители единогласно выбрали новую жизнь."
REFUTED = "Сообщение о том, что жители единогласно голосовали, это фейк."
FILLER = "Утром в городе открылась выставка цветов, вечером пройдёт дождь. "


def assess_one(model: Model | None = None, encoder: FakeEncoder | None = None, **fields: str) -> Assessment:
    return assess(model or make_model(), [make_document(**fields)], encoder)[0]


def score_of(assessment: Assessment, narrative: str = "fake_loyalty"):
    return next(score for score in assessment.narratives if score.id == narrative)


@pytest.mark.parametrize("field", ["title", "summary", "text"])
def test_evidence_is_the_sentence_of_the_field_that_holds_the_claim(field):
    value = CLAIM if field == "title" else f"{FILLER}{CLAIM} {FILLER}"
    document = make_document(**{field: value})
    score = score_of(assess(make_model(), [document])[0])
    evidence = score.evidence[0]
    assert (evidence.field, evidence.text) == (field, CLAIM)
    assert getattr(document, field)[evidence.start : evidence.end] == CLAIM


def test_only_sentences_that_carry_the_score_are_evidence():
    evidence = score_of(assess_one(title="Погода на завтра", text=f"{FILLER}{CLAIM} {FILLER}")).evidence
    assert [e.text for e in evidence] == [CLAIM]


def test_evidence_is_limited_to_the_strongest_sentences():
    evidence = score_of(assess_one(text=" ".join(f"Единогласно {n}." for n in ("раз", "два", "три", "вновь", "опять")))).evidence
    assert len(evidence) == MAX_EVIDENCE


def test_a_claim_in_the_title_is_evidence_beside_the_one_in_the_body():
    evidence = score_of(assess_one(title="Истоки города", text="Это родная гавань."), "crimea_always_russian").evidence
    assert {e.field for e in evidence} == {"title", "text"}


def test_the_best_window_decides_however_long_the_rest_is():
    short = score_of(assess_one(text=CLAIM))
    long = score_of(assess_one(text=FILLER * 60 + CLAIM + " " + FILLER * 60))
    assert long.score == short.score == pytest.approx(0.9526, abs=1e-4)
    assert long.evidence[0].start > 1000


def test_a_text_that_promotes_above_the_threshold_is_flagged():
    assessment = assess_one(text=CLAIM)
    score = score_of(assessment)
    assert (score.stance, score.is_carried, score.flagged, assessment.flagged) == ("promotes", True, True, True)


def test_a_text_that_refutes_is_carried_but_never_flagged():
    assessment = assess_one(text=REFUTED)
    score = score_of(assessment)
    assert score.score > 0.7
    assert (score.stance, score.is_carried, score.flagged, assessment.flagged) == ("refutes", True, False, False)


def test_a_refutation_in_the_title_counts_for_a_claim_far_down():
    assert score_of(assess_one(title="Фейк дня", text=FILLER * 40 + CLAIM)).stance == "refutes"


@pytest.mark.parametrize(
    ("threshold", "is_carried"),
    [pytest.param(0.9526, True, id="equal"), pytest.param(0.9527, False, id="just above"), pytest.param(0.95, True, id="below")],
)
def test_a_score_at_the_threshold_carries_and_one_below_does_not(threshold, is_carried):
    score = score_of(assess(make_model(threshold=threshold), [make_document(text=CLAIM)])[0])
    assert (score.score, score.is_carried, score.flagged) == (0.9526, is_carried, is_carried)


def test_narratives_are_listed_best_first_and_unlikely_ones_left_out():
    text = "Истоки родной гавани. " + CLAIM
    listed = assess_one(text=text).narratives
    assert [score.score for score in listed] == sorted((score.score for score in listed), reverse=True)
    assert len(listed) == 2
    model = replace(make_model(), calibration=Calibration(np.ones(2, dtype=np.float32), np.array([0, -9], dtype=np.float32)))
    assert [score.id for score in assess_one(model, text=text).narratives] == ["fake_loyalty"]


def test_unlikely_narratives_have_no_evidence_and_no_terms():
    score = score_of(assess_one(text=FILLER))
    assert score.score == pytest.approx(0.0474, abs=1e-4)
    assert (score.evidence, score.terms, score.is_carried) == ((), (), False)


def test_likely_narratives_are_shown_though_they_are_not_carried():
    score = score_of(assess_one(make_model(threshold=0.99), text=CLAIM))
    assert not score.is_carried
    assert (score.evidence[0].text, score.terms) == (CLAIM, ("единогласно",))


def test_terms_are_the_words_that_weighed_most_as_they_stand_in_the_text():
    assert score_of(assess_one(text=CLAIM)).terms == ("единогласно",)
    assert score_of(assess_one(title="ЕДИНОГЛАСНО", text=CLAIM)).terms == ("единогласно",)


def test_terms_are_limited():
    words = ("первый", "второй", "третий", "четверть", "пятница", "шестой", "седьмой", "восьмой", "девятый")
    model = make_model({"n": tuple(w[:5] for w in words)})
    assert score_of(assess_one(model, text=" ".join(words)), "n").terms == words[:MAX_TERMS]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("Жители едино\u200dгласно выбрали", id="joiner"),
        pytest.param("Жители единогла\u0301сно выбрали", id="stress mark"),
        pytest.param("Жители eдинoглaснo выбрали", id="Latin letters"),
        pytest.param("ЖИТЕЛИ ЕДИНОГЛАСНО ВЫБРАЛИ", id="capitals"),
        pytest.param("Жители е" + "\u200b" * 200 + "диногласно выбрали", id="flood of joiners"),
    ],
)
def test_disguised_words_weigh_as_the_words_themselves(text):
    plain = score_of(assess_one(text="Жители единогласно выбрали", lang="ru"))
    found = score_of(assess_one(text=text, lang="ru"))
    assert (found.score, found.stance, found.flagged) == (plain.score, plain.stance, True)
    assert found.evidence[0].text == text


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"title": " \n", "text": "\t"}, id="blank"),
        pytest.param({"title": "!!!", "text": "— … —"}, id="punctuation"),
        pytest.param({"title": "🙂🙂"}, id="emoji"),
        pytest.param({"title": "-", "text": "' \u200d"}, id="tokens that are no words"),
    ],
)
def test_a_document_without_a_word_gets_an_empty_assessment(fields):
    assert assess_one(**fields) == Assessment("und", ())


@pytest.mark.parametrize("slope", [-1.0, 0.0, 1.0])
@pytest.mark.parametrize("encoder", [None, FakeEncoder()], ids=["first stage", "both stages"])
def test_a_document_without_a_word_beside_others_gets_an_empty_assessment(slope, encoder):
    # A calibration fitted on few texts may slope either way; nothing must not become the neighbour's windows by it.
    model = replace(make_model(second=make_second_stage()), calibration=make_calibration(slope=slope))
    empty, full, blank = assess(model, [make_document("a"), make_document("b", text=CLAIM), make_document("c", text="…")], encoder)
    assert (empty.narratives, blank.narratives) == ((), ())
    assert full.narratives


def test_a_title_alone_is_scored():
    score = score_of(assess_one(title=CLAIM))
    assert (score.score, score.flagged) == (0.9526, True)


def test_a_claim_in_a_text_of_ten_thousand_sentences_is_found_with_its_place():
    text = FILLER * 300 + CLAIM + " " + FILLER * 10_000
    score = score_of(assess_one(title="Новости", text=text))
    assert score.flagged
    assert [(e.start, e.text) for e in score.evidence] == [(len(FILLER) * 300, CLAIM)]


def test_one_sentence_of_three_megabytes_is_scored_in_bounded_pieces():
    text = "Жители единогласно " + "слово " * 500_000
    score = score_of(assess_one(text=text, lang="ru"))
    assert score.score > 0.9
    assert len(score.evidence[0].text) <= 3_000
    assert text[score.evidence[0].start : score.evidence[0].end] == score.evidence[0].text


def test_a_title_of_three_megabytes_is_scored():
    assert score_of(assess_one(title="Жители единогласно " + "слово " * 500_000, lang="ru")).score > 0.9


def test_answers_come_in_order_and_do_not_depend_on_the_batch():
    documents = [
        make_document("a", text=CLAIM),
        make_document("b"),
        make_document("c", title="Фейк дня", text=FILLER * 30 + REFUTED),
        make_document("d", text="Истоки родной гавани"),
        make_document("e", text="!!!"),
        make_document("f", title="Гавань", text=CLAIM * 200),
    ]
    together = assess(make_model(), documents)
    assert together == [assess(make_model(), [document])[0] for document in documents]
    assert assess(make_model(), []) == []


def test_texts_that_repeat_themselves_get_the_same_evidence_in_every_batch():
    # All windows of such a text are equally good; which one is best must not hang on rounding.
    documents = [
        make_document(str(n), title="Итоги", text=f"{word} {FILLER} {REFUTED} {CLAIM} " * 60) for n, word in enumerate("абвгд")
    ]
    model = make_random_model(documents)
    alone = [assess(model, [document])[0] for document in documents]
    for start in range(len(documents)):
        assert assess(model, documents[start:]) == alone[start:]


def test_calibration_turns_margins_into_probabilities():
    calibration = Calibration(np.array([1, 2], dtype=np.float32), np.array([0, -4], dtype=np.float32))
    assert calibration.apply(np.array([[0, 2]])).tolist() == [[0.5, 0.5]]
    assert calibration.apply(np.array([[1, 3]])).tolist() == [[0.7311, 0.8808]]


@pytest.mark.parametrize(("margin", "expected"), [(1e6, 1.0), (-1e6, 0.0), (np.inf, 1.0), (-np.inf, 0.0)])
def test_calibration_bears_any_margin(margin, expected):
    assert make_calibration(1).apply(np.array([[margin]])).tolist() == [[expected]]


def test_softened_margins_are_probabilities_however_large():
    found = soften(np.array([[1000.0, 0, -1000], [1, 1, 1]]))
    assert found.sum(axis=1) == pytest.approx([1, 1])
    assert found[0, 0] == pytest.approx(1)
    assert found[1] == pytest.approx([1 / 3] * 3)


@pytest.mark.parametrize(
    ("probabilities", "min_promotes", "expected"),
    [
        pytest.param([0.7, 0.2, 0.1], 0.6, ("promotes", 0.7), id="clear"),
        pytest.param([0.6, 0.3, 0.1], 0.6, ("promotes", 0.6), id="at the limit"),
        pytest.param([0.55, 0.3, 0.15], 0.6, ("reports", 0.3), id="most likely but too low"),
        pytest.param([0.4, 0.1, 0.5], 0.6, ("refutes", 0.5), id="refutes"),
        pytest.param([0.4, 0.25, 0.35], 0.3, ("promotes", 0.4), id="low limit"),
        pytest.param([1.0, 0.0, 0.0], math.inf, ("reports", 0.0), id="never"),
    ],
)
def test_promotes_must_reach_its_own_limit(probabilities, min_promotes, expected):
    assert choose_stance(np.array(probabilities), min_promotes) == expected


@pytest.mark.parametrize(
    ("title", "says_untrue", "expected"),
    [
        pytest.param("Итоги дня", False, 0.6, id="plain"),
        pytest.param("Итоги дня", True, 0.9, id="contested"),
        pytest.param("Фейк: итоги дня", False, math.inf, id="label"),
        pytest.param("Фейк: итоги дня", True, math.inf, id="label and contested"),
    ],
)
def test_more_is_asked_of_contested_texts_and_too_much_of_fact_checks(title, says_untrue, expected):
    assert least_promotes(0.6, 0.9, title, says_untrue) == expected


def test_the_limit_for_contested_texts_is_never_the_lower_one():
    assert least_promotes(0.9, 0.6, "", says_untrue=True) == 0.9


def test_a_text_that_says_that_something_is_untrue_refutes_unless_it_all_but_surely_promotes() -> None:
    probabilities = np.array([0.3, 0.6, 0.1])
    assert choose_stance(probabilities, 0.97, says_untrue=True) == ("refutes", 0.7)
    assert choose_stance(probabilities, 0.97) == ("reports", 0.6)
    assert choose_stance(np.array([0.98, 0.01, 0.01]), 0.97, says_untrue=True) == ("promotes", 0.98)


@pytest.mark.parametrize(
    ("title", "extra", "stance"),
    [
        pytest.param("Итоги дня", "", "promotes", id="plain"),
        pytest.param("Итоги дня", "На самом деле это было не так.", "refutes", id="contested at once"),
        pytest.param("Итоги дня", FILLER * 60 + "На самом деле это было не так.", "refutes", id="contested far away"),
        pytest.param("Перевірка: итоги дня", "", "refutes", id="label"),
        pytest.param("Фейк: итоги дня", "", "refutes", id="label that the model knows"),
    ],
)
def test_contested_texts_and_fact_checks_are_not_said_to_promote(title, extra, stance):
    # "promotes" has about 0.79 here: enough for a plain text, not for a contested one.
    model = replace(make_model(), min_promotes_contested=0.95)
    score = score_of(assess_one(model, title=title, text=f"{CLAIM} {extra}"))
    assert score.is_carried
    assert (score.stance, score.flagged) == (stance, stance == "promotes")


def test_near_text_and_whole_text_count_alike_for_stance():
    model = make_model()
    batch = read_batch(model.words, [make_document(text=CLAIM + " " + FILLER * 40 + "Фейк!")])
    (probabilities,) = judge_stances(model, batch.pair(np.array([0]), np.array([0])))
    # Nothing near; of the whole text "фейк" is one of two known words.
    expected = np.exp([2, 0, 9 / math.sqrt(2) / 2])
    assert probabilities == pytest.approx(expected / expected.sum())


@pytest.mark.parametrize(
    ("passage", "fields"),
    [
        pytest.param(0, {"title": "Разве?", "text": CLAIM}, id="title"),
        pytest.param(1, {"title": "Итоги", "text": f"{CLAIM} Разве?"}, id="window"),
        pytest.param(2, {"text": f"{CLAIM} {FILLER * 6} Разве?"}, id="near"),
        pytest.param(3, {"text": f"{CLAIM} {FILLER * 40} Разве?"}, id="whole"),
    ],
)
def test_a_cue_speaks_for_a_stance_by_where_it_stands(passage, fields):
    cues = np.zeros((STANCE_CUES, len(STANCES)), dtype=np.float32)
    cues[passage * len(CUES) + CUES.index("question"), STANCES.index("reports")] = 9
    assert score_of(assess_one(replace(make_model(), stance_cues=cues), **fields)).stance == "reports"
    without = {name: text.replace("Разве?", "Разве.") for name, text in fields.items()}
    assert score_of(assess_one(replace(make_model(), stance_cues=cues), **without)).stance == "promotes"


# The encoder knows two words that the first stage does not: one speaks for the first narrative, the other one against it.
ENCODER_WORDS = ("сдача", "уют")
CLAIMS = ((4.0, 0.0), (-8.0, 0.0), (0.0, 0.0))


def make_two_stages(**changes: object) -> Model:
    return make_model(second=make_second_stage(CLAIMS, **changes))


@pytest.mark.parametrize(
    ("extra", "margin"),
    [
        pytest.param("", 3, id="nothing"),
        pytest.param(" Это сдача.", 3 + 4, id="for"),
        pytest.param(" Это уют.", 3 - 8, id="against"),
    ],
)
def test_margins_of_both_stages_are_added(extra, margin):
    model = make_two_stages(calibration=make_calibration(offset=1.0))
    score = score_of(assess_one(model, FakeEncoder(*ENCODER_WORDS), text=CLAIM + extra))
    assert score.score == pytest.approx(1 / (1 + math.exp(-margin - 1)), abs=1e-4)


def test_the_encoder_reranks_narratives_and_windows():
    text = f"Истоки и гавань. {FILLER * 12} Это сдача. Все единогласно и дружно."
    first = assess_one(make_two_stages(), text=text).narratives
    both = assess_one(make_two_stages(), FakeEncoder(*ENCODER_WORDS), text=text).narratives
    assert [s.id for s in first] == ["crimea_always_russian", "fake_loyalty"]
    assert [s.id for s in both] == ["fake_loyalty", "crimea_always_russian"]


def test_the_best_window_is_the_one_that_both_stages_like_best():
    text = f"Единогласно уют. {FILLER * 12} Единогласно и гавань, сдача."
    assert "уют" in score_of(assess_one(make_two_stages(), text=text)).evidence[0].text
    assert "сдача" in score_of(assess_one(make_two_stages(), FakeEncoder(*ENCODER_WORDS), text=text)).evidence[0].text


def test_without_an_encoder_the_first_stage_answers_for_itself():
    text = CLAIM + " Это сдача."
    assert assess_one(make_two_stages(), text=text) == assess_one(make_model(), text=text)


def test_a_model_without_a_second_stage_asks_no_encoder():
    encoder = FakeEncoder(*ENCODER_WORDS)
    assert assess_one(make_model(), encoder, text=CLAIM) == assess_one(make_model(), text=CLAIM)
    assert encoder.seen == []


def test_each_stage_has_its_own_calibration():
    model = make_two_stages(calibration=make_calibration(slope=0.5, offset=-1.0))
    encoder = FakeEncoder(*ENCODER_WORDS)
    assert score_of(assess_one(model, text=CLAIM)).score == 0.9526
    assert score_of(assess_one(model, encoder, text=CLAIM)).score == pytest.approx(1 / (1 + math.exp(-(3 * 0.5 - 1))), abs=1e-4)


def test_each_stage_has_its_own_thresholds():
    model = make_two_stages(thresholds=np.full(2, 0.99))
    encoder = FakeEncoder(*ENCODER_WORDS)
    assert score_of(assess_one(model, text=CLAIM)).is_carried
    assert not score_of(assess_one(model, encoder, text=CLAIM)).is_carried
    assert score_of(assess_one(model, encoder, text=CLAIM + " Это сдача.")).is_carried


def test_the_encoder_has_no_say_in_stance():
    model, encoder = make_two_stages(), FakeEncoder(*ENCODER_WORDS)
    text = REFUTED + " Это сдача."
    first, both = score_of(assess_one(model, text=text)), score_of(assess_one(model, encoder, text=text))
    assert (first.stance, first.stance_score) == (both.stance, both.stance_score) == ("refutes", first.stance_score)


def test_texts_in_which_the_first_stage_saw_nothing_are_not_encoded():
    encoder = FakeEncoder(*ENCODER_WORDS)
    model = replace(make_two_stages(), calibration=make_calibration(offset=-3.0))
    documents = [make_document("a", text=FILLER), make_document("b"), make_document("c", text="Это сдача.")]
    assert assess(model, documents, encoder) == assess(model, documents)
    assert encoder.seen == []


def test_all_texts_of_a_batch_are_encoded_at_once_with_few_windows_each_and_their_titles():
    encoder = FakeEncoder(*ENCODER_WORDS)
    documents = [make_document(str(n), title="Итоги", text=f"{CLAIM} {FILLER * 20} Истоки, гавань. " * 3) for n in range(3)]
    assess(make_two_stages(), documents, encoder)
    (seen,) = encoder.seen
    assert 3 <= len(seen) <= 3 * MAX_ENCODED_WINDOWS
    assert all(text.startswith("Итоги\n") for text in seen)


def test_answers_of_both_stages_do_not_depend_on_the_batch():
    encoder = FakeEncoder(*ENCODER_WORDS)
    documents = [
        make_document("a", text=CLAIM + " Это сдача."),
        make_document("b", text=FILLER * 90),
        make_document("c"),
        make_document("d", title="Уют", text=FILLER * 20 + CLAIM + FILLER * 20 + "Истоки, гавань."),
    ]
    together = assess(make_two_stages(), documents, encoder)
    assert together == [assess(make_two_stages(), [document], encoder)[0] for document in documents]
