from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.records import Document
from monitor.stages.classify import assess
from monitor.stages.windows import Sentence, make_windows, split_sentences
from tests.factories import make_model

PIECES = [
    "Единогласно за. ",
    "родная гавань",
    "фейк",
    "\n",
    "\r\n",
    "\u2028",
    "\x85",
    "…",
    "!",
    "«",
    "» ",
    "🙂",
    "e\u0301",
    "т. д. ",
    " ",
    "12.5",
]
texts = st.one_of(st.text(max_size=200), st.lists(st.sampled_from(PIECES), max_size=40).map("".join))
documents = st.builds(Document, st.just("d"), title=texts, summary=texts, text=texts)
languages = st.sampled_from(["ru", "uk", "en", "bg", "und"])


@given(documents, languages)
def test_sentences_slice_back_to_their_text_in_order_without_overlap(document, lang):
    end_of: dict[str, int] = {}
    for sentence in split_sentences(document, lang):
        assert getattr(document, sentence.field)[sentence.start : sentence.end] == sentence.text
        assert sentence.text == sentence.text.strip() != ""
        assert sentence.start >= end_of.get(sentence.field, 0)
        end_of[sentence.field] = sentence.end


@given(documents, languages)
def test_no_letter_is_left_out_of_the_sentences(document, lang):
    for field in ("title", "summary", "text"):
        kept = "".join(s.text for s in split_sentences(document, lang) if s.field == field)
        assert "".join(kept.split()) == "".join(getattr(document, field).split())


@given(st.lists(st.integers(0, 60), max_size=60), st.booleans(), st.integers(1, 50))
def test_windows_go_forward_and_leave_no_sentence_out(words, has_title, window_words):
    body = tuple(Sentence("text", 0, 0, " ".join(["слово"] * count)) for count in words)
    sentences = (Sentence("title", 0, 5, "Мост"), *body) if has_title else body
    windows = make_windows(sentences, window_words=window_words)
    assert {n for w in windows for n in range(w.first, w.last)} == set(range(len(sentences)))
    spans = [(w.first, w.last) for w in windows]
    assert spans == sorted(set(spans))


@settings(deadline=None)
@given(documents, st.sampled_from(["ru", "uk", "en", None]))
def test_evidence_slices_back_to_its_text_and_scores_are_probabilities(document, lang):
    (assessment,) = assess(make_model(), [Document("d", document.title, document.summary, document.text, lang)])
    for score in assessment.narratives:
        assert 0 <= score.score <= 1
        assert 0 <= score.stance_score <= 1
        assert score.flagged == (score.is_carried and score.stance == "promotes")
        for evidence in score.evidence:
            assert getattr(document, evidence.field)[evidence.start : evidence.end] == evidence.text
