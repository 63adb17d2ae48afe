"""What a model makes of each word, remembered from text to text: a sentence is then a sum of rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from monitor.stages.cues import PAIR_CUES, WORD_CUES, find_pair_places, find_word_cues, measure_marks, scale_cues
from monitor.stages.features import PREFIX_CHARS, Vocabulary, fold_word

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from monitor.stages.windows import Reading

# Beyond this many words the memory starts anew, so that it cannot grow with the input.
MAX_WORDS = 60_000
_BITS = 62
_BIT_COLUMNS = -(-len(PAIR_CUES) // _BITS)
_BIT_VALUES = np.left_shift(np.int64(1), np.arange(_BITS, dtype=np.int64))


MARKS = 4


@dataclass(frozen=True, eq=False)
class Sums:
    """Sums over the words of passages, one row each.

    ``values`` has, per row: one number per output, before division by the length; the squared length; the counts of the
    `WORD_CUES` cues; the `MARKS` that `measure_marks` gives; the number of words.
    """

    values: NDArray[np.float64]
    width: int

    @property
    def outputs(self) -> NDArray[np.float64]:
        """Outputs over the passages' lengths: passages x outputs."""
        lengths = np.sqrt(np.maximum(self.values[:, self.width], 1e-9))
        divided: NDArray[np.float64] = self.values[:, : self.width] / lengths[:, None]
        return divided

    def __len__(self) -> int:
        return len(self.values)

    def outputs_of(self, rows: Sequence[int]) -> NDArray[np.float64]:
        """`outputs` of some rows."""
        return Sums(self.values[rows], self.width).outputs

    @property
    def squares(self) -> NDArray[np.float64]:
        """Squared lengths."""
        return self.values[:, self.width]

    @property
    def cues(self) -> NDArray[np.float32]:
        """Passages x cues of `monitor.stages.cues.CUES`."""
        start = self.width + 1
        return scale_cues(self.values[:, start : start + WORD_CUES], self.values[:, start + WORD_CUES : -1])

    @property
    def words(self) -> NDArray[np.float64]:
        """Numbers of words."""
        return self.values[:, -1]


class _Numbers(dict[str, int]):
    """Words as they stand to the numbers of their folded forms; a word not met before gets one when it is looked up."""

    def __init__(self) -> None:
        super().__init__()
        self.folded: dict[str, int] = {}
        self.new: list[str] = []

    def __missing__(self, word: str) -> int:
        folded = fold_word(word)
        if folded not in self.folded:
            self.folded[folded] = len(self.folded)
            self.new.append(folded)
        self[word] = self.folded[folded]
        return self.folded[folded]

    def take_new(self) -> list[str]:
        """The folded words that came since the last call, in order of their numbers."""
        taken, self.new = self.new, []
        return taken


@dataclass(eq=False)
class WordTable:
    """Rows per word, filled as words are met. ``weights`` is features x outputs, contiguous; it may have no outputs."""

    vocabulary: Vocabulary
    weights: NDArray[np.float32]
    _numbers: _Numbers = field(init=False, repr=False)
    _values: NDArray[np.float32] = field(init=False, repr=False)
    _prefixes: NDArray[np.int32] = field(init=False, repr=False)
    _places: NDArray[np.int64] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._forget()

    @property
    def outputs(self) -> int:
        """Number of outputs."""
        return int(self.weights.shape[1])

    def sum_sentences(self, readings: Sequence[Reading]) -> Sums:
        """The sums of all sentences of these readings, one after the other."""
        sentences = [words for reading in readings for words in reading.words]
        counts = np.fromiter(map(len, sentences), dtype=np.int64, count=len(sentences))
        numbers = self._number([word for words in sentences for word in words])
        marks = np.array([measure_marks(s) for r in readings for s in r.sentences], dtype=np.float32).reshape(-1, MARKS)
        sums = _sum_runs(self._values[numbers], counts)
        self._add_pairs(sums, numbers, counts)
        return Sums(np.hstack([sums, marks, counts[:, None]], dtype=np.float64), self.outputs)

    def rank_words(self, words: Sequence[str], output: int, count: int) -> list[str]:
        """The words, in lower case, that weigh most for an output, strongest first; none that speaks against it."""
        numbers = self._number(words)
        weights = self._values[numbers, output]
        found: dict[str, None] = {}
        for place in np.argsort(-weights, kind="stable").tolist():
            if weights[place] <= 0 or len(found) == count:
                break
            found[words[place].lower()] = None
        return list(found)

    def _number(self, words: Sequence[str]) -> NDArray[np.int64]:
        if len(self._numbers) > MAX_WORDS:
            self._forget()
        numbers = np.fromiter(map(self._numbers.__getitem__, words), dtype=np.int64, count=len(words))
        if self._numbers.new:
            self._describe(self._numbers.take_new())
        return numbers

    def _describe(self, new: Sequence[str]) -> None:
        end = len(self._numbers.folded)
        start = end - len(new)
        if end > len(self._values):
            self._grow(end)
        width = self.outputs
        columns = [self.vocabulary.describe(word) for word in new]
        counts = np.fromiter(map(len, columns), dtype=np.int64, count=len(new))
        flat = np.fromiter((column for found in columns for column in found), dtype=np.int64, count=int(counts.sum()))
        idf = self.vocabulary.idf[flat]
        self._values[start:end, :width] = _sum_runs(self.weights[flat] * idf[:, None], counts)
        self._values[start:end, width] = _sum_runs((idf * idf)[:, None], counts)[:, 0]
        self._values[start:end, width + 1 :] = [find_word_cues(word) for word in new]
        known = self.vocabulary.prefix_columns
        self._prefixes[start:end] = [known.get(word[:PREFIX_CHARS], -1) for word in new]
        self._places[start:end] = [[_spread(bits) for bits in find_pair_places(word)] for word in new]

    def _add_pairs(self, sums: NDArray[np.float32], numbers: NDArray[np.int64], counts: NDArray[np.int64]) -> None:
        """Add what neighbouring words of one sentence weigh and signal together."""
        sentence = np.repeat(np.arange(len(counts)), counts)
        width = self.outputs
        seconds, columns = self.vocabulary.find_pairs(self._prefixes[numbers])
        together = sentence[seconds] == sentence[seconds - 1]
        columns = columns[together]
        pairs = np.bincount(sentence[seconds[together]], minlength=len(counts))
        idf = self.vocabulary.idf[columns]
        sums[:, :width] += _sum_runs(self.weights[columns] * idf[:, None], pairs)
        sums[:, width] += _sum_runs((idf * idf)[:, None], pairs)[:, 0]
        self._add_pair_cues(sums, numbers, sentence)

    def _add_pair_cues(self, sums: NDArray[np.float32], numbers: NDArray[np.int64], sentence: NDArray[np.int64]) -> None:
        places = self._places[numbers]
        both = places[:-1, 0] & places[1:, 1]
        for position in np.flatnonzero(both.any(axis=1) & (sentence[:-1] == sentence[1:])):
            bits = np.flatnonzero((both[position][:, None] & _BIT_VALUES) != 0)
            sums[sentence[position], self.outputs + 1 + PAIR_CUES[bits]] += 1

    def _grow(self, needed: int) -> None:
        size = max(needed, 2 * len(self._values))
        for name in ("_values", "_prefixes", "_places"):
            old = getattr(self, name)
            new = np.zeros((size, *old.shape[1:]), dtype=old.dtype)
            new[: len(old)] = old
            setattr(self, name, new)

    def _forget(self) -> None:
        self._numbers = _Numbers()
        self._values = np.zeros((1024, self.outputs + 1 + WORD_CUES), dtype=np.float32)
        self._prefixes = np.full(1024, -1, dtype=np.int32)
        self._places = np.zeros((1024, 2, _BIT_COLUMNS), dtype=np.int64)


def _spread(bits: int) -> list[int]:
    """A number of any size as several of `_BITS` bits."""
    return [(bits >> (_BITS * k)) & ((1 << _BITS) - 1) for k in range(_BIT_COLUMNS)]


def _sum_runs(rows: NDArray[np.float32], counts: NDArray[np.int64]) -> NDArray[np.float32]:
    """Sums of neighbouring rows: the first ``counts[0]`` of them, the next ``counts[1]`` and so on; none make zero."""
    sums = np.zeros((len(counts), rows.shape[1]), dtype=np.float32)
    filled = np.flatnonzero(counts)
    if len(filled):
        starts = np.cumsum(counts) - counts
        sums[filled] = np.add.reduceat(rows, starts[filled], axis=0)
    return sums
