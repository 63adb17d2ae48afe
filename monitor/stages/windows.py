"""Sentences and the windows of about forty words that are scored.

In a long article the claim is one sentence; scored whole, it drowns. So an article's score is its best window's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sentencex

from monitor.text import count_words

if TYPE_CHECKING:
    from monitor.records import Document, FieldName

WINDOW_WORDS = 40
MAX_WINDOWS = 400
_PARAGRAPH = re.compile(r"[^\n]+")
_SEGMENTER_LANGUAGES = frozenset({"ru", "uk", "en", "bg"})


@dataclass(frozen=True, slots=True)
class Sentence:
    """Characters ``start`` to ``end`` of a document's field."""

    field: FieldName
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Window:
    """Neighbouring sentences scored together: numbers ``first`` to ``last`` (exclusive) in the document's sentences.

    ``text`` holds the title too, since body sentences often leave out who and where.
    """

    first: int
    last: int
    text: str


def split_sentences(document: Document, lang: str) -> tuple[Sentence, ...]:
    """All sentences in reading order: the title as one, then summary and text."""
    sentences: list[Sentence] = []
    if document.title.strip():
        sentences.append(_trimmed("title", document.title, 0, len(document.title)))
    sentences += _split_field("summary", document.summary, lang)
    sentences += _split_field("text", document.text, lang)
    return tuple(sentences)


def _split_field(name: FieldName, value: str, lang: str) -> list[Sentence]:
    found = []
    for paragraph in _PARAGRAPH.finditer(value):
        segmenter_lang = lang if lang in _SEGMENTER_LANGUAGES else "en"
        for span in sentencex.get_sentence_boundaries(segmenter_lang, paragraph.group()):
            start, end = paragraph.start() + span["start_index"], paragraph.start() + span["end_index"]
            if value[start:end].strip():
                found.append(_trimmed(name, value, start, end))
    return found


def _trimmed(name: FieldName, value: str, start: int, end: int) -> Sentence:
    piece = value[start:end]
    left = start + len(piece) - len(piece.lstrip())
    right = end - (len(piece) - len(piece.rstrip()))
    return Sentence(name, left, right, value[left:right])


def make_windows(sentences: tuple[Sentence, ...], *, window_words: int = WINDOW_WORDS) -> tuple[Window, ...]:
    """The title alone, then overlapping runs of body sentences of at least ``window_words`` words, each with the title.

    A window holds two sentences at least, where there are two, and the next one starts about half a window further on but
    not behind its last sentence: so any two neighbours stand together in some window.
    No more than `MAX_WINDOWS` are made; what lies beyond is some 8,000 words into the text.
    """
    title = sentences[0].text if sentences and sentences[0].field == "title" else ""
    body_from = 1 if title else 0
    windows = [Window(0, 1, title)] if title else []
    words = [count_words(sentence.text) for sentence in sentences]
    first = body_from
    while first < len(sentences) and len(windows) < MAX_WINDOWS:
        last = min(len(words), max(first + 2, _reach(words, first, window_words)))
        windows.append(Window(first, last, "\n".join((title, *(s.text for s in sentences[first:last]))).strip()))
        if last == len(sentences):
            break
        first = max(first + 1, min(last - 1, _reach(words, first, window_words // 2)))
    return tuple(windows)


def _reach(words: list[int], first: int, wanted: int) -> int:
    """The number of the sentence after which ``wanted`` words, counted from ``first``, are reached."""
    total = 0
    for number in range(first, len(words)):
        total += words[number]
        if total >= wanted:
            return number + 1
    return len(words)
