"""Stand-ins for the parts that are too large or too far away for a test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


class FakeEncoder:
    """`monitor.ports.Encoder` that understands a few words: one dimension each, and a last one for texts with none of them.

    ``seen`` has the texts of every call.
    """

    def __init__(self, *words: str, name: str = "fake-encoder") -> None:
        self._words = words
        self._name = name
        self.seen: list[list[str]] = []

    @property
    def name(self) -> str:
        return self._name

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.seen.append(list(texts))
        rows = [[float(word in text.lower()) for word in self._words] for text in texts]
        vectors = np.array([[*row, float(not any(row))] for row in rows], dtype=np.float32)
        unit: NDArray[np.float32] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return unit
