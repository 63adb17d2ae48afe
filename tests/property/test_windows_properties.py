from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.records import (
    Document,
)
from monitor.stages.windows import MAX_SENTENCE_CHARS, make_windows, read_document, split_sentences
from monitor.text import WORD

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


@given(st.lists(st.integers(0, 60), min_size=1, max_size=60), st.booleans(), st.integers(1, 50))
def test_windows_go_forward_and_leave_no_sentence_out(words, has_title, window_words):
    windows = make_windows(words, has_title=has_title, window_words=window_words)
    assert {n for w in windows for n in range(w.first, w.last)} == set(range(len(words)))
    spans = [(w.first, w.last) for w in windows]
    assert spans == sorted(set(spans))
    assert windows[-1].last == len(words)


@given(st.lists(st.integers(0, 60), min_size=2, max_size=60), st.integers(2, 50))
def test_any_two_neighbours_stand_together_in_some_window(words, window_words):
    windows = make_windows(words, has_title=False, window_words=window_words)
    assert all(any(w.first <= n and n + 2 <= w.last for w in windows) for n in range(len(words) - 1))


@settings(deadline=None)  # the first text loads the language detector
@given(documents, st.sampled_from(["ru", "uk", "en", None]))
def test_a_reading_is_whole_and_has_windows_where_it_has_a_word(document, lang):
    reading = read_document(Document("d", document.title, document.summary, document.text, lang))
    assert len(reading.words) == len(reading.sentences)
    assert bool(reading.windows) == any(WORD.search(s.text) for s in reading.sentences)
    assert all(len(s.text) <= MAX_SENTENCE_CHARS for s in reading.sentences if s.field != "title")
    for window in reading.windows:
        assert 0 <= window.first < window.last <= len(reading.sentences)
        joined = reading.join(window.first, window.last)
        assert joined.startswith(document.title.strip())
        assert all(s.text in joined for s in reading.sentences[window.first : window.last])
