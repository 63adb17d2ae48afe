"""Held-out answers, kept in the bundle: what models that had not seen a text said of it, beside what is right.

They are what two bundles are compared by without either being asked about texts that it learnt by heart.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from monitor.train.decided import is_decided
from monitor.train.evaluate import tabulate
from monitor.train.measures import Answers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from monitor.records import LabelledText
    from monitor.train.evaluate import Judged

FILE = "held_out.npz"


@dataclass(frozen=True, eq=False)
class HeldOutAnswers:
    """Texts by id and group, and the answers on them (texts x narratives). ``decided`` tells analysts' texts from the corpus's."""

    narratives: tuple[str, ...]
    ids: tuple[str, ...]
    groups: tuple[str, ...]
    decided: NDArray[np.bool_]
    answers: Answers

    def select(self, rows: Sequence[int]) -> HeldOutAnswers:
        """Some of the texts, in the given order."""
        chosen = np.array(rows, dtype=np.intp)
        ids, groups = (tuple(values[i] for i in rows) for values in (self.ids, self.groups))
        return HeldOutAnswers(self.narratives, ids, groups, self.decided[chosen], self.answers.select(chosen))

    def keep(self, narratives: Sequence[str]) -> HeldOutAnswers:
        """Some of the narratives, in the given order; what a text is as a whole stays."""
        columns = [self.narratives.index(narrative) for narrative in narratives]
        return HeldOutAnswers(tuple(narratives), self.ids, self.groups, self.decided, self.answers.keep(columns))


def collect_held_out(
    texts: Sequence[LabelledText], judged: Sequence[Mapping[str, Judged]], narratives: Sequence[str]
) -> HeldOutAnswers:
    """Put together what was said of each text while it was held out."""
    return HeldOutAnswers(
        tuple(narratives),
        tuple(text.document.id for text in texts),
        tuple(text.group for text in texts),
        np.array([is_decided(text) for text in texts], dtype=bool),
        tabulate(texts, [dict(row) for row in judged], narratives),
    )


def pack_held_out(held_out: HeldOutAnswers) -> dict[str, NDArray[np.generic]]:
    """As plain arrays, small enough to be part of a bundle."""
    answers = held_out.answers
    names = [[i, "" if group == i else group] for i, group in zip(held_out.ids, held_out.groups, strict=True)]
    listing = json.dumps({"narratives": held_out.narratives, "texts": names}, ensure_ascii=False, separators=(",", ":"))
    return {
        "texts": np.frombuffer(listing.encode(), dtype=np.uint8),
        "decided": held_out.decided,
        "gold": answers.gold,
        "said": answers.said,
        "scores": answers.scores.astype(np.float16),
        "flagged": answers.flagged,
        "whole": answers.whole,
        "hits": answers.hits,
    }


def unpack_held_out(content: bytes) -> HeldOutAnswers:
    """Read them back. Raises ValueError or KeyError where the content is not what `pack_held_out` made."""
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    listing = json.loads(arrays["texts"].tobytes())
    ids = tuple(str(name) for name, _ in listing["texts"])
    narratives = tuple(str(narrative) for narrative in listing["narratives"])
    shape = (len(ids), len(narratives))
    if any(arrays[name].shape != shape for name in ("gold", "said", "scores", "flagged")):
        raise ValueError(f"{FILE} does not hold {shape[0]} texts x {shape[1]} narratives")
    return HeldOutAnswers(
        narratives,
        ids,
        tuple(str(group or name) for name, group in listing["texts"]),
        arrays["decided"].astype(bool),
        Answers(
            arrays["gold"].astype(np.int8),
            arrays["said"].astype(np.int8),
            arrays["scores"].astype(np.float64),
            arrays["flagged"].astype(bool),
            arrays["whole"].astype(np.int8),
            arrays["hits"].astype(bool),
        ),
    )
