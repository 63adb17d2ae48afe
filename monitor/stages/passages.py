"""A batch of texts as sums: over their sentences, their windows, and the text around a window."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from monitor.stages.windows import read_document
from monitor.stages.wordtable import Sums

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from monitor.records import (
        Document,
    )
    from monitor.stages.windows import Reading, Sentence
    from monitor.stages.wordtable import WordTable

# How much of a text on either side of a window the stance model reads with it, in words; whole sentences are read.
STANCE_REACH_WORDS = 100


@dataclass(frozen=True, eq=False)
class Batch:
    """Texts with the sums of their sentences and windows.

    Sentences and windows of all texts are numbered through. ``owners`` gives the text of each window, ``firsts`` and
    ``lasts`` (exclusive) its sentences, ``titles`` the sentence that is its text's title, or -1.
    """

    readings: tuple[Reading, ...]
    starts: NDArray[np.int64]
    sentences: Sums
    owners: NDArray[np.int64]
    firsts: NDArray[np.int64]
    lasts: NDArray[np.int64]
    titles: NDArray[np.int64]
    windows: Sums = field(init=False)
    _running: NDArray[np.float64] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        running = np.zeros((len(self.sentences) + 1, self.sentences.values.shape[1]))
        np.cumsum(self.sentences.values, axis=0, out=running[1:])
        object.__setattr__(self, "_running", running)
        object.__setattr__(self, "windows", self.add_up(self.firsts, self.lasts, self.titles))

    def add_up(self, firsts: NDArray[np.int64], lasts: NDArray[np.int64], titles: NDArray[np.int64]) -> Sums:
        """Sums over runs of sentences, each with the title (its number, or -1) where that is not among them."""
        values = self._running[lasts] - self._running[firsts]
        extra = (titles >= 0) & (titles < firsts)
        values[extra] += self.sentences.values[titles[extra]]
        return Sums(values, self.sentences.width)

    def find_best(self, margins: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Of each text the highest margin per column, and the window that has it; -1 where a text has no windows."""
        shape = (len(self.readings), margins.shape[1])
        highest, best = np.full(shape, -np.inf), np.full(shape, -1, dtype=np.int64)
        counts = np.bincount(self.owners, minlength=len(self.readings))
        filled = np.flatnonzero(counts)
        starts = (np.cumsum(counts) - counts)[filled]
        highest[filled] = np.maximum.reduceat(margins, starts, axis=0)
        # The first window that reaches its text's highest margin.
        is_highest = margins == highest[self.owners]
        numbers = np.where(is_highest, np.arange(len(margins))[:, None], len(margins))
        best[filled] = np.minimum.reduceat(numbers, starts, axis=0)
        return highest, best

    def pair(self, texts: NDArray[np.intp], windows: NDArray[np.int64]) -> Pairs:
        """Texts with one window each, for the stance model."""
        return Pairs(self, np.asarray(texts, dtype=np.int64), windows)

    def join(self, window: int) -> str:
        """The text of a window with the title, a line per sentence."""
        text = int(self.owners[window])
        start = int(self.starts[text])
        return self.readings[text].join(int(self.firsts[window]) - start, int(self.lasts[window]) - start)

    def sentence_numbers(self, window: int) -> list[int]:
        """The sentences of a window, the title first."""
        numbers = list(range(int(self.firsts[window]), int(self.lasts[window])))
        title = int(self.titles[window])
        return numbers if title < 0 or title in numbers else [title, *numbers]

    def sentence(self, number: int) -> Sentence:
        """A sentence by its number."""
        text = int(np.searchsorted(self.starts, number, side="right")) - 1
        return self.readings[text].sentences[number - int(self.starts[text])]

    def words_of(self, window: int) -> list[str]:
        """The words of a window and the title."""
        text, start = int(self.owners[window]), int(self.starts[int(self.owners[window])])
        return [word for number in self.sentence_numbers(window) for word in self.readings[text].words[number - start]]


@dataclass(frozen=True, eq=False)
class Pairs:
    """Texts of a batch with one of their windows each: what the stance model reads.

    ``near`` sums the title, the window and about `STANCE_REACH_WORDS` on either side of it: a refutation anywhere near the
    claim counts. ``whole`` sums all of the text, ``cues`` has the cues of title, window, near text and whole text side by side.
    """

    batch: Batch
    texts: NDArray[np.int64]
    windows: NDArray[np.int64]
    begins: NDArray[np.int64] = field(init=False, repr=False)
    ends: NDArray[np.int64] = field(init=False, repr=False)
    near_firsts: NDArray[np.int64] = field(init=False, repr=False)
    near_lasts: NDArray[np.int64] = field(init=False, repr=False)
    near: Sums = field(init=False, repr=False)
    whole: Sums = field(init=False, repr=False)
    cues: NDArray[np.float32] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        batch = self.batch
        ends = batch.starts + np.array([len(r.sentences) for r in batch.readings], dtype=np.int64)
        begin, end = batch.starts[self.texts], ends[self.texts]
        object.__setattr__(self, "begins", begin)
        object.__setattr__(self, "ends", end)
        firsts, lasts, titles = batch.firsts[self.windows], batch.lasts[self.windows], batch.titles[self.windows]
        words = np.concatenate([[0.0], np.cumsum(batch.sentences.words)])
        near_firsts = np.searchsorted(words, words[firsts] - STANCE_REACH_WORDS, side="left")
        near_lasts = np.searchsorted(words, words[lasts] + STANCE_REACH_WORDS, side="right") - 1
        object.__setattr__(self, "near_firsts", np.clip(near_firsts, begin, firsts))
        object.__setattr__(self, "near_lasts", np.clip(near_lasts, lasts, end))
        object.__setattr__(self, "near", batch.add_up(self.near_firsts, self.near_lasts, titles))
        nothing = np.full(len(titles), -1, dtype=np.int64)
        only_title = batch.add_up(begin, np.where(titles >= 0, begin + 1, begin), nothing)
        object.__setattr__(self, "whole", batch.add_up(begin, end, nothing))
        passages = (only_title, batch.add_up(firsts, lasts, nothing), self.near, self.whole)
        object.__setattr__(self, "cues", np.hstack([passage.cues for passage in passages]))

    def title(self, n: int) -> str:
        """The title of a pair's text."""
        return self.batch.readings[int(self.texts[n])].document.title

    def whole_text(self, n: int) -> str:
        """All that was read of a pair's text, a line per sentence."""
        reading = self.batch.readings[int(self.texts[n])]
        return reading.join(0, len(reading.sentences))


def read_batch(table: WordTable, documents: Sequence[Document]) -> Batch:
    """Read texts and add up their words."""
    return make_batch(table, tuple(read_document(document) for document in documents))


def make_batch(table: WordTable, readings: tuple[Reading, ...]) -> Batch:
    """Add up the words of texts that were read."""
    sums = table.sum_sentences(readings)
    counts = np.array([len(reading.sentences) for reading in readings], dtype=np.int64)
    starts = np.cumsum(counts) - counts
    rows = [
        (text, start + window.first, start + window.last, start if reading.has_title else -1)
        for text, (reading, start) in enumerate(zip(readings, starts.tolist(), strict=True))
        for window in reading.windows
    ]
    owners, firsts, lasts, titles = np.array(rows, dtype=np.int64).reshape(-1, 4).T
    return Batch(readings, starts, sums, owners, firsts, lasts, titles)
