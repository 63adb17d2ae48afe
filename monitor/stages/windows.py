"""Sentences and the windows of about forty words that are scored.

In a long article the claim is one sentence; scored whole, it drowns. So an article's score is its best window's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import sentencex

from monitor.stages.language import LANGUAGES, detect_language
from monitor.text import WORD, find_tokens

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.records import (
        Document,
        FieldName,
    )

WINDOW_WORDS = 40
MAX_WINDOWS = 400
# What is longer is no sentence; it is cut, so that neither a window nor an excerpt grows without bound.
MAX_SENTENCE_CHARS = 3_000
_PARAGRAPH = re.compile(r"[^\n]+")
_SEGMENTER_LANGUAGES = frozenset({*LANGUAGES, "bg"})


class Sentence(NamedTuple):
    """Characters ``start`` to ``end`` of a document's field."""

    field: FieldName
    start: int
    end: int
    text: str


class Window(NamedTuple):
    """Neighbouring sentences scored together: numbers ``first`` to ``last`` (exclusive) in the document's sentences.

    The title is scored with every window, since body sentences often leave out who and where.
    """

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Reading:
    """A document cut up for the model: its sentences, the words of each as they stand there, and the windows."""

    document: Document
    lang: str
    sentences: tuple[Sentence, ...]
    words: tuple[list[str], ...]
    windows: tuple[Window, ...]

    @property
    def has_title(self) -> bool:
        """Whether the first sentence is the title."""
        return bool(self.sentences) and self.sentences[0].field == "title"

    def join(self, first: int, last: int) -> str:
        """The title and the sentences from ``first`` to ``last`` (exclusive), a line each."""
        chosen = self.sentences[first:last]
        if self.has_title and first > 0:
            chosen = (self.sentences[0], *chosen)
        return "\n".join(sentence.text for sentence in chosen)


def read_document(document: Document) -> Reading:
    """Cut a document up. Without a single word it has no windows. What lies behind the last window is left out."""
    given = (document.lang or "").lower()[:2]
    lang = given if given in LANGUAGES else detect_language(_opening(document))
    sentences = split_sentences(document, lang)
    words = tuple(find_tokens(sentence.text) for sentence in sentences)
    if not any(WORD.search(sentence.text) for sentence in sentences):
        return Reading(document, lang, sentences, words, ())
    windows = make_windows([len(found) for found in words], has_title=sentences[0].field == "title")
    end = windows[-1].last
    return Reading(document, lang, sentences[:end], words[:end], windows)


def _opening(document: Document) -> str:
    return f"{document.title}\n{document.summary[:500]}\n{document.text[:500]}"


def split_sentences(document: Document, lang: str) -> tuple[Sentence, ...]:
    """All sentences in reading order: the title as one, then summary and text."""
    sentences: list[Sentence] = []
    if title := document.title.strip():
        sentences.append(_place("title", 0, document.title, title))
    sentences += _split_field("summary", document.summary, lang)
    sentences += _split_field("text", document.text, lang)
    return tuple(sentences)


def _split_field(name: FieldName, value: str, lang: str) -> list[Sentence]:
    found = []
    segmenter_lang = lang if lang in _SEGMENTER_LANGUAGES else "en"
    for paragraph in _PARAGRAPH.finditer(value):
        offset = paragraph.start()
        for span in sentencex.get_sentence_boundaries(segmenter_lang, paragraph.group()):
            end = offset + span["end_index"]
            for start in range(offset + span["start_index"], end, MAX_SENTENCE_CHARS):
                piece = value[start : min(end, start + MAX_SENTENCE_CHARS)]
                if text := piece.strip():
                    found.append(_place(name, start, piece, text))
    return found


def _place(name: FieldName, start: int, piece: str, text: str) -> Sentence:
    """A sentence: ``text`` is ``piece`` without the blanks around it."""
    left = start if piece[0] == text[0] else start + len(piece) - len(piece.lstrip())
    return Sentence(name, left, left + len(text), text)


def make_windows(words: Sequence[int], *, has_title: bool, window_words: int = WINDOW_WORDS) -> tuple[Window, ...]:
    """The title alone, then overlapping runs of body sentences of at least ``window_words`` words.

    ``words`` has the number of words of every sentence. A window holds two sentences at least, where there are two, and the
    next one starts about half a window further on but not behind its last sentence: so any two neighbours stand together in
    some window. No more than `MAX_WINDOWS` are made; what lies beyond is some 8,000 words into the text.
    """
    windows = [Window(0, 1)] if has_title else []
    first = len(windows)
    while first < len(words) and len(windows) < MAX_WINDOWS:
        last = min(len(words), max(first + 2, _reach(words, first, window_words)))
        windows.append(Window(first, last))
        if last == len(words):
            break
        first = max(first + 1, min(last - 1, _reach(words, first, window_words // 2)))
    return tuple(windows)


def _reach(words: Sequence[int], first: int, wanted: int) -> int:
    """The number of the sentence after which ``wanted`` words, counted from ``first``, are reached."""
    total = 0
    for number in range(first, len(words)):
        total += words[number]
        if total >= wanted:
            return number + 1
    return len(words)
