"""Text to sparse rows: word prefixes, alone and in pairs, and letter groups within words.

Prefixes stand for inflected forms and are shared by Russian and Ukrainian cognates; letter groups reach what prefixes
miss (compounds, vowel shifts). No stemmer and no dictionary is needed.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from monitor.text import WORD, fold

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

PREFIX_CHARS = 5
GROUP_CHARS = (3, 4, 5)
MAX_WORD_CHARS = 40
_CYRILLIC = re.compile("[а-яіїєґ]")
_LATIN = re.compile("[a-z]")
# Latin letters that pass for Cyrillic ones: feeds mix them by accident, spammers on purpose.
_LOOKALIKES = str.maketrans("aceopxyikmhtb", "асеорхуікмнтв")


def tokenize(text: str) -> list[str]:
    """Folded words in order; a word that mixes scripts is read as Cyrillic."""
    return [_unmix(match.group()[:MAX_WORD_CHARS]) for match in WORD.finditer(fold(text))]


def _unmix(word: str) -> str:
    if _LATIN.search(word) and _CYRILLIC.search(word):
        return word.translate(_LOOKALIKES)
    return word


def iterate_prefixes(words: Sequence[str]) -> Iterator[str]:
    """Prefixes of the words, and pairs of neighbouring prefixes (parted by a space)."""
    previous = ""
    for word in words:
        prefix = word[:PREFIX_CHARS]
        yield prefix
        if previous:
            yield f"{previous} {prefix}"
        previous = prefix


def iterate_groups(word: str) -> Iterator[str]:
    """Groups of three to five letters of a word, its ends marked by spaces."""
    padded = f" {word} "
    for size in GROUP_CHARS:
        for start in range(len(padded) - size + 1):
            yield padded[start : start + size]


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """The features a model knows. Columns are prefixes first, then letter groups; ``idf`` has one weight per column."""

    prefixes: tuple[str, ...]
    groups: tuple[str, ...]
    idf: NDArray[np.float32]
    _prefix_columns: dict[str, int] = field(init=False, repr=False, default_factory=dict)
    _group_columns: dict[str, int] = field(init=False, repr=False, default_factory=dict)
    _columns_of_word: dict[str, list[int]] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._prefix_columns.update({name: column for column, name in enumerate(self.prefixes)})
        self._group_columns.update({name: column for column, name in enumerate(self.groups)})

    def __len__(self) -> int:
        return len(self.prefixes) + len(self.groups)

    def find_prefix(self, prefix: str) -> int | None:
        """The column of a prefix or pair."""
        return self._prefix_columns.get(prefix)

    def weigh(self, texts: Sequence[str]) -> sparse.csr_matrix:
        """Sublinear TF-IDF, float32, texts x columns. Prefixes and groups of a text each have unit length (or are zero)."""
        words = [tokenize(text) for text in texts]
        prefixes = _weigh([self._count_prefixes(w) for w in words], self.idf[: len(self.prefixes)])
        groups = _weigh([self._count_groups(w) for w in words], self.idf[len(self.prefixes) :])
        return sparse.csr_matrix(sparse.hstack([prefixes, groups]), dtype=np.float32)

    def _count_prefixes(self, words: Sequence[str]) -> list[int]:
        known = self._prefix_columns
        return [known[feature] for feature in iterate_prefixes(words) if feature in known]

    def _count_groups(self, words: Sequence[str]) -> list[int]:
        columns: list[int] = []
        for word in words:
            columns += self._find_groups(word)
        return columns

    def _find_groups(self, word: str) -> list[int]:
        # Words repeat, their letter groups with them: remembering makes this many times quicker.
        if word not in self._columns_of_word:
            if len(self._columns_of_word) > 50_000:
                self._columns_of_word.clear()
            known = self._group_columns
            self._columns_of_word[word] = [known[group] for group in iterate_groups(word) if group in known]
        return self._columns_of_word[word]


def _weigh(columns: Sequence[list[int]], idf: NDArray[np.float32]) -> sparse.csr_matrix:
    ends = np.cumsum([0, *(len(row) for row in columns)])
    flat = np.fromiter((column for row in columns for column in row), dtype=np.int32, count=int(ends[-1]))
    counts = sparse.csr_matrix((np.ones(len(flat), dtype=np.float32), flat, ends), shape=(len(columns), len(idf)))
    counts.sum_duplicates()
    counts.data = (1.0 + np.log(counts.data)).astype(np.float32) * idf[counts.indices]
    norms = np.sqrt(np.asarray(counts.multiply(counts).sum(axis=1))).ravel()
    norms[norms == 0] = 1.0
    counts.data = (counts.data / np.repeat(norms, np.diff(counts.indptr))).astype(np.float32)
    return counts


def learn_vocabulary(texts: Sequence[str], *, min_texts: int) -> Vocabulary:
    """Features that at least ``min_texts`` texts have, each kind in alphabetical order, with smoothed idf."""
    prefix_counts: Counter[str] = Counter()
    group_counts: Counter[str] = Counter()
    for text in texts:
        words = tokenize(text)
        prefix_counts.update(set(iterate_prefixes(words)))
        group_counts.update({group for word in set(words) for group in iterate_groups(word)})
    prefixes = tuple(sorted(name for name, count in prefix_counts.items() if count >= min_texts))
    groups = tuple(sorted(name for name, count in group_counts.items() if count >= min_texts))
    frequencies = np.array([prefix_counts[p] for p in prefixes] + [group_counts[g] for g in groups], dtype=np.float64)
    return Vocabulary(prefixes, groups, (np.log((1 + len(texts)) / (1 + frequencies)) + 1).astype(np.float32))
