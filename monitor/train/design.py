"""Readings to the sparse rows that weights are fitted on: the same sums that scoring makes, feature by feature."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from monitor.stages.features import PREFIX_CHARS, Vocabulary, fold_word
from monitor.stages.passages import Batch, make_batch
from monitor.stages.wordtable import WordTable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from monitor.stages.windows import Reading


class Design:
    """Rows over a vocabulary for the windows of some texts, and for the text around a window."""

    def __init__(self, vocabulary: Vocabulary, readings: Sequence[Reading]) -> None:
        no_outputs = np.zeros((len(vocabulary), 0), dtype=np.float32)
        self.batch: Batch = make_batch(WordTable(vocabulary, no_outputs), tuple(readings))
        self._sentences = _weigh_sentences(vocabulary, [words for reading in readings for words in reading.words])

    def window_rows(self) -> sparse.csr_matrix:
        """Windows x features, each of about unit length."""
        batch = self.batch
        return self._rows(batch.firsts, batch.lasts, batch.titles, batch.windows.squares)

    def stance_rows(
        self, texts: NDArray[np.int64], windows: NDArray[np.int64]
    ) -> tuple[sparse.csr_matrix, sparse.csr_matrix, NDArray[np.float32]]:
        """Pairs of text and window: term rows of the text near the window, those of the whole text, and the cues."""
        pairs = self.batch.pair(texts, windows)
        near = self._rows(pairs.near_firsts, pairs.near_lasts, self.batch.titles[windows], pairs.near.squares)
        nothing = np.full(len(texts), -1, dtype=np.int64)
        whole = self._rows(pairs.begins, pairs.ends, nothing, pairs.whole.squares)
        return near, whole, pairs.cues

    def _rows(
        self, firsts: NDArray[np.int64], lasts: NDArray[np.int64], titles: NDArray[np.int64], squares: NDArray[np.float64]
    ) -> sparse.csr_matrix:
        members = [
            [*([title] if 0 <= title < first else []), *range(first, last)]
            for first, last, title in zip(firsts.tolist(), lasts.tolist(), titles.tolist(), strict=True)
        ]
        ends = np.cumsum([0, *(len(row) for row in members)])
        flat = np.fromiter((number for row in members for number in row), dtype=np.int64, count=int(ends[-1]))
        shape = (len(members), self._sentences.shape[0])
        chosen = sparse.csr_matrix((np.ones(len(flat), dtype=np.float32), flat, ends), shape=shape)
        lengths = np.sqrt(np.maximum(squares, 1e-9)).astype(np.float32)
        return sparse.csr_matrix(sparse.diags(1 / lengths) @ (chosen @ self._sentences), dtype=np.float32)


def _weigh_sentences(vocabulary: Vocabulary, sentences: Sequence[Sequence[str]]) -> sparse.csr_matrix:
    remembered: dict[str, tuple[list[int], int]] = {}
    rows: list[int] = []
    columns: list[int] = []
    prefixes: list[int] = []
    owners: list[int] = []
    for number, words in enumerate(sentences):
        for word in words:
            if word not in remembered:
                folded = fold_word(word)
                remembered[word] = vocabulary.describe(folded), vocabulary.prefix_columns.get(folded[:PREFIX_CHARS], -1)
            found, prefix = remembered[word]
            columns += found
            rows += [number] * len(found)
            prefixes.append(prefix)
            owners.append(number)
    seconds, pairs = vocabulary.find_pairs(np.array(prefixes, dtype=np.int32))
    places = np.array(owners, dtype=np.int64)
    together = places[seconds] == places[seconds - 1]
    all_rows = np.concatenate([np.array(rows, dtype=np.int64), places[seconds[together]]])
    all_columns = np.concatenate([np.array(columns, dtype=np.int64), pairs[together]])
    shape = (len(sentences), len(vocabulary))
    return sparse.csr_matrix((vocabulary.idf[all_columns], (all_rows, all_columns)), shape=shape)
