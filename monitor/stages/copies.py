"""Near copies: which articles say the same in nearly the same words.

A text is the set of its runs of three words (shingles). Two texts are near copies where at least `MIN_SIMILARITY` of all their
shingles are common to both (Jaccard). MinHash with bands finds candidates, which are then compared exactly.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from monitor.text import find_tokens, fold

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

MIN_SIMILARITY = 0.8
MIN_WORDS = 6
# A pair of similarity .8 is missed once in 950 times: (1 - .8⁴)¹³. Of pairs at .4 one in four is compared for nothing.
BANDS, ROWS = 13, 4
# A longer text is known by its beginning.
MAX_WORDS = 5_000
_MAX_KNOWN_WORDS = 500_000
_SEED = 20140227


def _draw_multipliers() -> NDArray[np.uint64]:
    drawn = np.random.Generator(np.random.PCG64(_SEED)).integers(1, 2**63, BANDS * ROWS, dtype=np.uint64)
    return drawn | np.uint64(1)


_MULTIPLIERS = _draw_multipliers()
_WORD_PLACES = _MULTIPLIERS[:3]
_BAND_PLACES = _MULTIPLIERS[ROWS : 2 * ROWS]
_BAND_NUMBERS = np.arange(1, BANDS + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)


class WordHashes(dict[str, int]):
    """Hash of every word met so far; the same in every process."""

    def __missing__(self, word: str) -> int:
        if len(self) >= _MAX_KNOWN_WORDS:
            self.clear()
        self[word] = value = int.from_bytes(hashlib.blake2b(word.encode("utf-8", "replace"), digest_size=8).digest(), "little")
        return value


def make_shingles(text: str, known: WordHashes) -> NDArray[np.uint32]:
    """The text's shingles as sorted numbers without repetition; none where it has fewer than `MIN_WORDS` words."""
    words = find_tokens(fold(text))[:MAX_WORDS]
    if len(words) < MIN_WORDS:
        return np.empty(0, dtype=np.uint32)
    hashes = np.fromiter(map(known.__getitem__, words), dtype=np.uint64, count=len(words))
    mixed = hashes[:-2] * _WORD_PLACES[0] + hashes[1:-1] * _WORD_PLACES[1] + hashes[2:] * _WORD_PLACES[2]
    return np.unique((mixed >> np.uint64(32)).astype(np.uint32))


def make_band_keys(shingles: NDArray[np.uint32]) -> list[int]:
    """One number per band, signed 64 bits: near copies have at least one in common, others hardly ever."""
    if not len(shingles):
        return []
    # Multiply-shift: the upper half of the product is as good as random for each multiplier.
    products = shingles.astype(np.uint64)[:, None] * _MULTIPLIERS
    smallest = (products >> np.uint64(20)).min(axis=0).reshape(BANDS, ROWS)
    keys = (smallest * _BAND_PLACES).sum(axis=1, dtype=np.uint64) + _BAND_NUMBERS
    mixed: list[int] = ((keys ^ (keys >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)).view(np.int64).tolist()
    return mixed


def measure_similarity(one: NDArray[np.uint32], other: NDArray[np.uint32]) -> float:
    """Jaccard similarity of two sets of shingles, 0 to 1."""
    if not len(one) or not len(other):
        return 0.0
    # Where the sizes differ that much, the similarity cannot be reached whatever they hold.
    if min(len(one), len(other)) < MIN_SIMILARITY * max(len(one), len(other)):
        return 0.0
    merged = np.concatenate((one, other))
    merged.sort(kind="mergesort")
    common = int((merged[1:] == merged[:-1]).sum())
    return common / (len(merged) - common)


class Groups:
    """Which cluster each row belongs to while clusters merge: the one whose first row came first keeps its name."""

    def __init__(self) -> None:
        self._parents: dict[int, int] = {}

    def find(self, row: int) -> int:
        """The first row of a row's cluster."""
        root = row
        while (above := self._parents.get(root, root)) != root:
            root = above
        while row != root:
            self._parents[row], row = root, self._parents.get(row, row)
        return root

    def join(self, one: int, other: int) -> None:
        """Make two clusters one."""
        first, second = sorted((self.find(one), self.find(other)))
        self._parents[second] = first

    def iterate_moved(self) -> Iterator[tuple[int, int]]:
        """Rows that are not their cluster's first, each with that."""
        for row in list(self._parents):
            if (root := self.find(row)) != row:
                yield row, root
