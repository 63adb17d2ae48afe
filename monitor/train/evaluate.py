"""Scores a bundle, or held-out answers, against gold labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.metrics import average_precision_score

from monitor.records import STANCES, Assessment, LabelledText, Stance

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Judged:
    """What a model said of one narrative in one text."""

    score: float
    stance: Stance | None
    is_carried: bool
    flagged: bool


UNLISTED = Judged(0.0, None, is_carried=False, flagged=False)


def judge(assessments: Sequence[Assessment]) -> list[dict[str, Judged]]:
    """Assessments as one mapping per text: narrative id → what was said."""
    return [
        {n.id: Judged(n.score, n.stance, is_carried=n.is_carried, flagged=n.flagged) for n in a.narratives} for a in assessments
    ]


def evaluate(gold: Sequence[LabelledText], judged: Sequence[dict[str, Judged]], narratives: Sequence[str]) -> dict[str, Any]:
    """Metrics as plain JSON values, over the narratives that the model knows.

    ``average_precision`` ranks texts by score; ``precision``, ``recall`` and ``f1`` are those of the flags, where gold is
    "promotes"; ``stance`` counts gold against said among texts that carry the narrative; ``flagged_by_kind`` gives the share of
    texts with any flag, by the kind of passage and by language.
    """
    per_narrative = {n: _evaluate_narrative(gold, judged, n) for n in narratives}
    averages = [m["average_precision"] for m in per_narrative.values() if m["average_precision"] is not None]
    return {
        "texts": len(gold),
        "mean_average_precision": _mean(averages),
        "stance": _count_stances(gold, judged, narratives),
        "flagged_by_kind": _flagged_share(gold, judged, [text.kind or _kind_of(text) for text in gold]),
        "flagged_by_language": _flagged_share(gold, judged, [text.document.lang or "und" for text in gold]),
        "narratives": per_narrative,
        "not_in_bundle": sorted({n for text in gold for n in text.labels} - set(narratives)),
    }


def _kind_of(text: LabelledText) -> str:
    return "/".join(sorted(set(text.labels.values()))) or "none"


def _evaluate_narrative(gold: Sequence[LabelledText], judged: Sequence[dict[str, Judged]], narrative: str) -> dict[str, Any]:
    carries = np.array([narrative in text.labels for text in gold])
    promotes = np.array([text.labels.get(narrative) == "promotes" for text in gold])
    said = [row.get(narrative, UNLISTED) for row in judged]
    flagged = np.array([s.flagged for s in said])
    right = int((promotes & flagged).sum())
    return {
        "carried": int(carries.sum()),
        "promoted": int(promotes.sum()),
        "average_precision": _average_precision(carries, np.array([s.score for s in said])),
        "flagged": int(flagged.sum()),
        "precision": _ratio(right, int(flagged.sum())),
        "recall": _ratio(right, int(promotes.sum())),
        "f1": _ratio(2 * right, int(flagged.sum() + promotes.sum())),
    }


def _average_precision(gold: NDArray[np.bool_], scores: NDArray[np.float64]) -> float | None:
    return round(float(average_precision_score(gold, scores)), 4) if gold.any() else None


def _count_stances(
    gold: Sequence[LabelledText], judged: Sequence[dict[str, Judged]], narratives: Sequence[str]
) -> dict[str, dict[str, int]]:
    counts: dict[str, dict[str, int]] = {g: {**dict.fromkeys(STANCES, 0), "not listed": 0} for g in STANCES}
    for text, row in zip(gold, judged, strict=True):
        for narrative, stance in text.labels.items():
            if narrative in narratives:
                counts[stance][row.get(narrative, UNLISTED).stance or "not listed"] += 1
    return counts


def _flagged_share(
    gold: Sequence[LabelledText], judged: Sequence[dict[str, Judged]], parts: Sequence[str]
) -> dict[str, dict[str, float | int | None]]:
    shares: dict[str, dict[str, float | int | None]] = {}
    for part in sorted(set(parts)):
        members = [i for i, name in enumerate(parts) if name == part]
        flagged = sum(any(s.flagged for s in judged[i].values()) for i in members)
        shares[part] = {"texts": len(members), "flagged": flagged, "share": _ratio(flagged, len(members))}
    return shares


def _ratio(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def _mean(values: Sequence[float]) -> float | None:
    return round(sum(values) / len(values), 4) if values else None
