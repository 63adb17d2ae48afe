"""Near copies: which texts share most of their wording, however many there are.

A text is the set of its shingles: runs of three words, hashed to 32 bits; a short text, such as a headline, is the set of
its pairs of words. Two texts are near copies where the Jaccard similarity of their sets is at least `MIN_SIMILARITY`.
Comparing each with each would take for ever, so only texts that share a band are compared: a band is a hash of `ROWS`
minima of the set under as many permutations. Of two texts with similarity s, one of `BANDS` bands is shared with
probability 1 - (1 - s ** ROWS) ** BANDS: .9994 at .8, .60 at .5, .02 at .2, .001 at .1. What a band proposes is then measured
exactly. More rows in a band would propose less, but measuring costs less than the additional bands that they would need.

Nothing here is random: the same text has the same shingles and bands in every process and on every machine, so they can be
stored.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from monitor.stages.articles import MIN_COPY_WORDS
from monitor.stages.features import fold_word
from monitor.text import find_tokens

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

MIN_SIMILARITY = 0.8
BANDS = 14
ROWS = 4
# Below this many words a text is the set of its pairs: one replaced word would spoil too many runs of three.
MIN_LONG_WORDS = 20
# A book in a feed is compared by its beginning.
MAX_WORDS = 10_000
# Members of one band that a text is compared with. Beyond that it is boilerplate, or a story whose copies find each other.
MAX_BUCKET = 200

_MEMO_CHARS = 40
_WORD_BYTES = 8
# How much is worked on at a time: the first keeps it within a processor's cache, the others bound memory.
_SHINGLES_AT_ONCE = 1 << 16
_CANDIDATES_AT_ONCE = 1 << 20
_PAIRS_AT_ONCE = 1 << 11
_HIGH = np.uint64(32)

Pairs = NDArray[np.int64]


def _draw_constants(name: str, count: int) -> NDArray[np.uint64]:
    """Odd numbers of 64 bits that look random and never change."""
    drawn = hashlib.shake_256(name.encode("ascii")).digest(_WORD_BYTES * count)
    return np.frombuffer(drawn, dtype="<u8").astype(np.uint64) | np.uint64(1)


_FIRST, _SECOND, _THIRD = _draw_constants("words of a shingle", 3)
_FACTORS = (_draw_constants("factors", BANDS * ROWS) >> _HIGH).astype(np.uint32) | np.uint32(1)
_SHIFTS = (_draw_constants("shifts", BANDS * ROWS) >> _HIGH).astype(np.uint32)
_BAND_FACTORS = _draw_constants("rows of a band", BANDS * ROWS).reshape(BANDS, ROWS)
_BAND_SHIFTS = _draw_constants("bands", BANDS)


class WordMemo(dict[str, bytes]):
    """What stands between two spaces → the hashes of its words, 8 bytes each; empty for bare punctuation.

    Looking a hash up is many times quicker than making it. It forgets everything when it holds ``max_entries`` (the default:
    about 40 MB).
    """

    def __init__(self, max_entries: int = 200_000) -> None:
        super().__init__()
        self._max_entries = max_entries

    def __missing__(self, chunk: str) -> bytes:
        folded = (fold_word(token) for token in find_tokens(chunk))
        hashes = b"".join(hashlib.blake2b(word.encode(), digest_size=_WORD_BYTES).digest() for word in folded if word)
        if len(chunk) <= _MEMO_CHARS:
            if len(self) >= self._max_entries:
                self.clear()
            self[chunk] = hashes
        return hashes


@dataclass(frozen=True, eq=False, slots=True)
class ShingleSets:
    """The shingles of several texts, one after the other: text n has ``values[starts[n]:starts[n + 1]]``, rising, each once."""

    values: NDArray[np.uint32]
    starts: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __getitem__(self, place: int) -> NDArray[np.uint32]:
        return self.values[self.starts[place] : self.starts[place + 1]]

    @property
    def sizes(self) -> NDArray[np.int64]:
        """How many shingles each text has."""
        return np.diff(self.starts)

    @classmethod
    def join(cls, sets: Iterable[NDArray[np.uint32]]) -> ShingleSets:
        """From one array per text."""
        listed = list(sets)
        values = np.concatenate([np.zeros(0, dtype=np.uint32), *listed])
        return cls(values, _add_up(np.array([len(one) for one in listed], dtype=np.int64)))

    def number(self, places: NDArray[np.int64]) -> NDArray[np.uint64]:
        """The shingles of the chosen texts, each below the number (from 0) of the choice, as one rising row of 64-bit keys."""
        sizes = self.sizes[places]
        starts = _add_up(sizes)
        within = np.arange(starts[-1]) + np.repeat(self.starts[places] - starts[:-1], sizes)
        numbers = np.repeat(np.arange(len(places), dtype=np.uint64) << _HIGH, sizes)
        keys: NDArray[np.uint64] = numbers | self.values[within].astype(np.uint64)
        return keys


def _add_up(sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where pieces of these sizes begin when put one after the other, and where the last one ends."""
    return np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(sizes)])


def make_shingles(texts: Sequence[str], memo: WordMemo) -> ShingleSets:
    """The shingles of each text; none for a text of fewer than six words.

    ``memo`` only saves time. Upper case, punctuation, stress marks and typographic variants make no difference.
    """
    hashed = [b"".join(map(memo.__getitem__, text.split(maxsplit=MAX_WORDS)[:MAX_WORDS])) for text in texts]
    counts = np.array([len(one) // _WORD_BYTES for one in hashed], dtype=np.int64)
    words = np.frombuffer(b"".join(hashed), dtype="<u8").astype(np.uint64, copy=False)
    numbers = np.repeat(np.arange(len(texts), dtype=np.uint64), counts)
    is_long = counts >= MIN_LONG_WORDS
    is_short = (counts >= MIN_COPY_WORDS) & ~is_long
    pairs = words[:-1] * _FIRST + words[1:] * _SECOND
    runs = pairs[:-1] + words[2:] * _THIRD
    keys = np.concatenate([_key_shingles(pairs, numbers, is_short), _key_shingles(runs, numbers, is_long)])
    keys.sort()
    is_first = np.ones(len(keys), dtype=bool)
    is_first[1:] = keys[1:] != keys[:-1]
    keys = keys[is_first]
    starts = np.searchsorted(keys, np.arange(len(texts) + 1, dtype=np.uint64) << _HIGH)
    return ShingleSets(keys.astype(np.uint32), starts.astype(np.int64))


def _key_shingles(sums: NDArray[np.uint64], numbers: NDArray[np.uint64], is_chosen: NDArray[np.bool_]) -> NDArray[np.uint64]:
    """The high half of each sum below its text's number: of chosen texts, and only where the words are of one text."""
    first, last = numbers[: len(sums)], numbers[len(numbers) - len(sums) :]
    kept = np.flatnonzero((first == last) & is_chosen[first.astype(np.int64)])
    return (first[kept] << _HIGH) | (sums[kept] >> _HIGH)


def make_bands(sets: ShingleSets) -> NDArray[np.int64]:
    """One key of 32 bits per text and band: texts x `BANDS`. Texts without shingles must be left out by the caller.

    Keys that are equal by accident cost a comparison: about one in 200 texts among 100,000.
    """
    minima = np.empty((len(sets), BANDS * ROWS), dtype=np.uint32)
    for start, end in _cut_evenly(sets.starts, _SHINGLES_AT_ONCE):
        begins = sets.starts[start:end]
        minima[start:end] = _find_minima(sets.values[begins[0] : sets.starts[end]], begins - begins[0])
    keys = np.empty((len(sets), BANDS), dtype=np.uint64)
    for band in range(BANDS):
        rows = minima[:, band * ROWS : (band + 1) * ROWS].astype(np.uint64)
        keys[:, band] = (rows * _BAND_FACTORS[band]).sum(axis=1, dtype=np.uint64) + _BAND_SHIFTS[band]
    return (keys >> _HIGH).astype(np.int64) - (1 << 31)


def _cut_evenly(starts: NDArray[np.int64], most: int) -> Iterator[tuple[int, int]]:
    """First and last (excluded) of as many pieces at a time as hold ``most`` elements together, but one at least."""
    start = 0
    while start < len(starts) - 1:
        end = max(start + 1, int(np.searchsorted(starts, starts[start] + most, side="right")) - 1)
        yield start, end
        start = end


def _find_minima(values: NDArray[np.uint32], starts: NDArray[np.int64]) -> NDArray[np.uint32]:
    """The least value of each text under each permutation."""
    minima = np.empty((len(_FACTORS), len(starts)), dtype=np.uint32)
    moved = np.empty_like(values)
    for place, (factor, shift) in enumerate(zip(_FACTORS, _SHIFTS, strict=True)):
        np.multiply(values, factor, out=moved)
        np.add(moved, shift, out=moved)
        np.minimum.reduceat(moved, starts, out=minima[place])
    return minima.T


@dataclass(frozen=True, eq=False, slots=True)
class Candidates:
    """Texts worth comparing. ``pairs`` (n x 2): row of a new text, row of one before it, each pair once, rising.

    ``is_kept`` says of each band row given whether its bucket still has room; ``cut`` counts the buckets that have none.
    """

    pairs: Pairs
    is_kept: NDArray[np.bool_]
    cut: int


def find_candidates(
    keys: NDArray[np.int64], rows: NDArray[np.int64], *, first_new: int, max_bucket: int = MAX_BUCKET
) -> Candidates:
    """Pairs of texts that share a band.

    ``keys`` and ``rows`` (both n) are band keys and the rows (below 2 ** 31) of the texts that have them; rows from
    ``first_new`` on are new. A text is compared with the ``max_bucket`` oldest of a bucket at most.
    """
    order = np.lexsort((rows, keys))
    sorted_keys, sorted_rows = keys[order], rows[order]
    is_first = np.ones(len(keys), dtype=bool)
    is_first[1:] = sorted_keys[1:] != sorted_keys[:-1]
    firsts = np.flatnonzero(is_first)
    bucket = np.cumsum(is_first) - 1
    ranks = np.arange(len(keys)) - firsts[bucket]
    partners = np.where(sorted_rows >= first_new, np.minimum(ranks, max_bucket), 0)
    starts = _add_up(partners)
    found = [np.zeros(0, dtype=np.int64)]
    for start, end in _cut_evenly(starts, _CANDIDATES_AT_ONCE):
        chosen = partners[start:end]
        ranks_before = np.arange(starts[end] - starts[start]) - np.repeat(starts[start:end] - starts[start], chosen)
        earlier = sorted_rows[np.repeat(firsts[bucket[start:end]], chosen) + ranks_before]
        found.append(np.unique(np.repeat(sorted_rows[start:end] << 32, chosen) | earlier))
    both = np.unique(np.concatenate(found))
    is_kept = np.empty(len(keys), dtype=bool)
    is_kept[order] = ranks < max_bucket
    pairs = np.stack([both >> 32, both & 0xFFFFFFFF], axis=1)
    return Candidates(pairs, is_kept, cut=len(np.unique(bucket[ranks >= max_bucket])))


def measure_similarity(sets: ShingleSets, pairs: Pairs) -> NDArray[np.float64]:
    """Exact Jaccard similarity of each pair of places in ``sets`` (n x 2), 0..1; two empty sets have none.

    Pairs whose sizes alone keep them below `MIN_SIMILARITY` are not looked into and have similarity 0.
    """
    sizes = sets.sizes[pairs]
    smaller, larger = sizes.min(axis=1, initial=1 << 62), sizes.max(axis=1, initial=0)
    likely = np.flatnonzero((smaller >= MIN_SIMILARITY * larger) & (larger > 0))
    shared = np.zeros(len(pairs), dtype=np.int64)
    for start in range(0, len(likely), _PAIRS_AT_ONCE):
        chosen = likely[start : start + _PAIRS_AT_ONCE]
        shared[chosen] = _count_shared(sets, pairs[chosen])
    similarity = np.zeros(len(pairs))
    similarity[likely] = shared[likely] / (smaller + larger - shared)[likely]
    return similarity


def _count_shared(sets: ShingleSets, pairs: Pairs) -> NDArray[np.int64]:
    keys = np.concatenate([sets.number(pairs[:, 0]), sets.number(pairs[:, 1])])
    keys.sort(kind="stable")  # two rising rows: a single merge
    twice = keys[1:][keys[1:] == keys[:-1]] >> _HIGH
    return np.bincount(twice.astype(np.int64), minlength=len(pairs))


def merge_clusters(clusters: Mapping[int, int], pairs: Iterable[tuple[int, int]]) -> dict[int, int]:
    """Which cluster each cluster is now part of, by the near copies found.

    ``clusters`` gives the cluster of every row that a pair names, a new text's own row for a new one. The lowest number, the
    oldest, stays. Clusters that stay as they are stand for themselves.
    """
    parent = {cluster: cluster for cluster in clusters.values()}

    def find_root(cluster: int) -> int:
        while parent[cluster] != cluster:
            parent[cluster] = parent[parent[cluster]]
            cluster = parent[cluster]
        return cluster

    for one, other in pairs:
        low, high = sorted((find_root(clusters[one]), find_root(clusters[other])))
        parent[high] = low
    return {cluster: find_root(cluster) for cluster in parent}
