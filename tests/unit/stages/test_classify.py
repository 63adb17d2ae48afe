from dataclasses import replace

import numpy as np
import pytest

from monitor.records import Assessment, Document
from monitor.stages.classify import MAX_EVIDENCE, MAX_TERMS, assess, calibrate, choose_stance, stance_context
from monitor.stages.windows import make_windows, split_sentences
from tests.factories import make_document, make_model

CLAIM = "Жители единогласно выбрали новую жизнь."
REFUTED = "Сообщение о том, что жители единогласно голосовали, это фейк."
FILLER = "Утром в городе открылась выставка цветов, вечером пройдёт дождь. "


def assess_one(**fields: str) -> Assessment:
    return assess(make_model(), [make_document(**fields)])[0]


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
    assert score.score > 0.9
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
    model = make_model()
    model = replace(model, offsets=np.array([0, -9], dtype=np.float32))
    listed = assess(model, [make_document(text="Истоки родной гавани. " + CLAIM)])[0].narratives
    assert [score.id for score in listed] == ["fake_loyalty"]
    listed = assess(make_model(), [make_document(text="Истоки родной гавани. " + CLAIM)])[0].narratives
    assert [score.score for score in listed] == sorted((score.score for score in listed), reverse=True)
    assert len(listed) == 2


def test_unlikely_narratives_have_no_evidence_and_no_terms():
    score = score_of(assess_one(text=FILLER))
    assert score.score == pytest.approx(0.0474, abs=1e-4)
    assert (score.evidence, score.terms, score.is_carried) == ((), (), False)


def test_terms_are_the_words_that_weighed_most_as_folded_in_the_text():
    assert score_of(assess_one(text=CLAIM)).terms == ("единогласно",)


def test_terms_are_limited_and_pairs_are_shown_as_written():
    words = ("первый", "второй", "третий", "четверть", "пятница", "шестой", "седьмой", "восьмой", "девятый")
    model = make_model({"n": (*(w[:5] for w in words), "новой жизни")})
    assert len(score_of(assess(model, [make_document(text=" ".join(words))])[0], "n").terms) == MAX_TERMS
    assert score_of(assess(model, [make_document(text="О новой жизни")])[0], "n").terms == ("новой жизни",)


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"title": " \n", "text": "\t"}, id="blank"),
        pytest.param({"title": "!!!", "text": "— … —"}, id="punctuation"),
        pytest.param({"title": "🙂🙂"}, id="emoji"),
    ],
)
def test_a_document_without_a_word_gets_an_empty_assessment(fields):
    assert assess_one(**fields) == Assessment("und", ())


def test_answers_come_in_order_and_do_not_depend_on_the_batch():
    documents = [
        make_document("a", text=CLAIM),
        make_document("b"),
        make_document("c", title="Фейк дня", text=FILLER * 30 + REFUTED),
        make_document("d", text="Истоки родной гавани"),
    ]
    together = assess(make_model(), documents)
    assert together == [assess(make_model(), [document])[0] for document in documents]
    assert assess(make_model(), []) == []


@pytest.mark.parametrize(
    ("hint", "expected"),
    [("uk", "uk"), ("EN-gb", "en"), ("de", "ru"), ("", "ru"), (None, "ru")],
)
def test_a_language_hint_is_taken_where_it_is_one_of_ours(hint, expected):
    document = Document("d", text="Сегодня утром жители города собрались на площади и слушали музыку.", lang=hint)
    assert assess(make_model(), [document])[0].lang == expected


def test_calibration_turns_margins_into_probabilities():
    slopes, offsets = np.array([1, 2], dtype=np.float32), np.array([0, -4], dtype=np.float32)
    assert calibrate(np.array([0, 2], dtype=np.float32), slopes, offsets).tolist() == [0.5, 0.5]
    assert calibrate(np.array([1, 3], dtype=np.float32), slopes, offsets) == pytest.approx([0.7311, 0.8808], abs=1e-4)


@pytest.mark.parametrize(
    ("probabilities", "min_promotes", "expected"),
    [
        pytest.param([0.7, 0.2, 0.1], 0.6, ("promotes", 0.7), id="clear"),
        pytest.param([0.6, 0.3, 0.1], 0.6, ("promotes", 0.6), id="at the limit"),
        pytest.param([0.55, 0.3, 0.15], 0.6, ("reports", 0.3), id="most likely but too low"),
        pytest.param([0.4, 0.1, 0.5], 0.6, ("refutes", 0.5), id="refutes"),
        pytest.param([0.4, 0.25, 0.35], 0.3, ("promotes", 0.4), id="low limit"),
    ],
)
def test_promotes_must_reach_its_own_limit(probabilities, min_promotes, expected):
    assert choose_stance(np.array(probabilities), min_promotes) == expected


def read_contexts(document: Document) -> list[tuple[str, str, str]]:
    """For each window of a document: its body sentences, the text near it, and the whole text."""
    sentences = split_sentences(document, "ru")
    found = []
    for window in make_windows(sentences):
        near, whole = stance_context(document, sentences, window)
        found += [(s.text, near, whole) for s in sentences[window.first : window.last] if s.field != "title"]
    return found


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"text": FILLER * 40}, id="text"),
        pytest.param({"summary": FILLER * 40}, id="summary"),
        pytest.param({"summary": FILLER, "text": FILLER * 40}, id="short summary and text"),
        pytest.param({"summary": FILLER * 40, "text": CLAIM}, id="window over a long summary and a text"),
    ],
)
def test_the_stance_is_read_from_what_stands_around_the_window(fields):
    document = make_document(title="Заголовок", **fields)
    for sentence, near, whole in read_contexts(document):
        assert near.startswith("Заголовок\n")
        assert sentence in near
        assert whole == "\n".join(("Заголовок", *fields.values()))
    assert all(len(near) < 2_500 for _, near, _ in read_contexts(document))


def test_the_title_alone_is_judged_with_the_beginning_of_the_body():
    document = make_document(title="Заголовок", text=CLAIM + FILLER * 60)
    sentences = split_sentences(document, "ru")
    near, _ = stance_context(document, sentences, make_windows(sentences)[0])
    assert near.startswith(f"Заголовок\n{CLAIM}")
    assert len(near) < 1_500
