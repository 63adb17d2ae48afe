"""Words to features: the beginnings of words, alone and in pairs, and groups of letters within words.

Beginnings stand for inflected forms and are shared by Russian and Ukrainian cognates; letter groups reach what they miss
(compounds, vowel shifts). No stemmer and no dictionary is needed.

Every feature belongs to one word or to two neighbours of one sentence, so a passage is the sum of its words: sentences are
added up once, and any window of them, or the text around it, is a difference of running sums. That is what makes a long
article cheap. A passage's length, which its sum is divided by, is counted as though no two words shared a feature.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from monitor.text import fold

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

PREFIX_CHARS = 5
GROUP_CHARS = 4
MAX_WORD_CHARS = 40
_MARKS = 1 << 20
_CYRILLIC = re.compile("[а-яіїєґ]")
# Characters that nobody sees; they go before a word is cut, lest a row of them pushes its letters out.
_UNSEEN = re.compile("[\u034f\u061c\u180e\u200b-\u200f\u2060-\u2064\ufe00-\ufe0f\xad]")
_LATIN = re.compile("[a-z]")
# Latin letters that pass for Cyrillic ones: feeds mix them by accident, spammers on purpose.
_LOOKALIKES = str.maketrans("aceopxyikmhtb", "асеорхуікмнтв")


def fold_word(raw: str) -> str:
    """A word in lower case without stress marks, joiners and typographic variants; mixed scripts are read as Cyrillic."""
    seen = raw if raw.isalnum() else _UNSEEN.sub("", raw)
    composed = unicodedata.normalize("NFKC", seen[: 2 * MAX_WORD_CHARS])
    if not composed.isalnum():
        composed = "".join(char for char in composed if unicodedata.category(char) not in {"Mn", "Cf", "Zs"})
    folded = fold(composed).strip("'-")[:MAX_WORD_CHARS]
    if _LATIN.search(folded) and _CYRILLIC.search(folded):
        return folded.translate(_LOOKALIKES)
    return folded


def iterate_groups(word: str) -> Iterator[str]:
    """Groups of four letters of a word, its ends marked by spaces."""
    padded = f" {word} "
    for start in range(len(padded) - GROUP_CHARS + 1):
        yield padded[start : start + GROUP_CHARS]


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """The features a model knows: columns are prefixes and their pairs first (pairs have a space), then letter groups.

    ``idf`` has one weight per column.
    """

    prefixes: tuple[str, ...]
    groups: tuple[str, ...]
    idf: NDArray[np.float32]
    prefix_columns: dict[str, int] = field(init=False, repr=False, default_factory=dict)
    _group_columns: dict[str, int] = field(init=False, repr=False, default_factory=dict)
    pair_keys: NDArray[np.int64] = field(init=False, repr=False)
    pair_columns: NDArray[np.int32] = field(init=False, repr=False)
    _pair_marks: NDArray[np.bool_] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.prefix_columns.update({name: column for column, name in enumerate(self.prefixes) if " " not in name})
        self._group_columns.update({name: column for column, name in enumerate(self.groups, len(self.prefixes))})
        pairs = [(self._pair_key(name), column) for column, name in enumerate(self.prefixes) if " " in name]
        known = sorted(pair for pair in pairs if pair[0] >= 0)
        object.__setattr__(self, "pair_keys", np.array([key for key, _ in known], dtype=np.int64))
        object.__setattr__(self, "pair_columns", np.array([column for _, column in known], dtype=np.int32))
        marks = np.zeros(_MARKS, dtype=bool)
        marks[_mark(self.pair_keys)] = True
        object.__setattr__(self, "_pair_marks", marks)

    def __len__(self) -> int:
        return len(self.prefixes) + len(self.groups)

    def _pair_key(self, name: str) -> int:
        first, _, second = name.partition(" ")
        if first not in self.prefix_columns or second not in self.prefix_columns:
            return -1
        return self.prefix_columns[first] * len(self) + self.prefix_columns[second]

    def describe(self, word: str) -> list[int]:
        """The columns of a folded word: its prefix and its letter groups, as far as they are known."""
        known = self._group_columns
        columns = [known[group] for group in iterate_groups(word) if group in known]
        prefix = self.prefix_columns.get(word[:PREFIX_CHARS])
        if prefix is not None:
            columns.append(prefix)
        return columns

    def find_pairs(self, prefixes: NDArray[np.int32]) -> tuple[NDArray[np.intp], NDArray[np.int32]]:
        """Where a word and the one before it form a known pair: positions of the second word, and the pairs' columns.

        ``prefixes`` are the words' prefix columns in reading order, -1 for a word without and at every sentence's end.
        """
        if not len(self.pair_keys) or len(prefixes) < 2:
            return np.zeros(0, dtype=np.intp), np.zeros(0, dtype=np.int32)
        before, after = prefixes[:-1].astype(np.int64), prefixes[1:]
        keys = before * len(self) + after
        # Looking a pair up takes long; a table of marks rules most of them out.
        likely = np.flatnonzero(self._pair_marks[_mark(keys)] & (before >= 0) & (after >= 0))
        places = np.minimum(np.searchsorted(self.pair_keys, keys[likely]), len(self.pair_keys) - 1)
        is_known = self.pair_keys[places] == keys[likely]
        return likely[is_known] + 1, self.pair_columns[places[is_known]]


def _mark(keys: NDArray[np.int64]) -> NDArray[np.int64]:
    """A number below `_MARKS` for each key, spread evenly."""
    marks: NDArray[np.int64] = ((keys * 0x9E3779B1) >> 16) & (_MARKS - 1)
    return marks


def learn_vocabulary(texts: Sequence[Iterable[Sequence[str]]], *, min_texts: int) -> Vocabulary:
    """Features that at least ``min_texts`` texts have, each kind in alphabetical order, with smoothed idf.

    A text is given as the folded words of each of its sentences.
    """
    prefix_counts: Counter[str] = Counter()
    group_counts: Counter[str] = Counter()
    for sentences in texts:
        found = [name for words in sentences for name in _iterate_prefixes(words)]
        prefix_counts.update(set(found))
        group_counts.update({group for words in sentences for word in set(words) for group in iterate_groups(word)})
    prefixes = tuple(sorted(name for name, count in prefix_counts.items() if count >= min_texts))
    groups = tuple(sorted(name for name, count in group_counts.items() if count >= min_texts))
    frequencies = np.array([prefix_counts[p] for p in prefixes] + [group_counts[g] for g in groups], dtype=np.float64)
    return Vocabulary(prefixes, groups, (np.log((1 + len(texts)) / (1 + frequencies)) + 1).astype(np.float32))


def _iterate_prefixes(words: Sequence[str]) -> Iterator[str]:
    """Prefixes of the words, and pairs of neighbouring prefixes (parted by a space)."""
    previous = ""
    for word in words:
        prefix = word[:PREFIX_CHARS]
        if prefix:
            yield prefix
        if prefix and previous:
            yield f"{previous} {prefix}"
        previous = prefix
