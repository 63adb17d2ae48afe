"""Measures over arrays of answers. Each takes weights per text, so that the same code gives a figure and its resamples."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from monitor.records import (
    STANCES,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

NONE = -1
MIXED = len(STANCES)
PROMOTES = STANCES.index("promotes")
BINS = 10
# Scores below this are shown nowhere: what is at or above it is what people see.
MIN_SHOWN_SCORE = 0.1
# Texts on which any flag is false, by the stance of all their labels.
FALSE_FLAGS = {"none": NONE, "reports": STANCES.index("reports"), "refutes": STANCES.index("refutes")}
_CHUNK_CELLS = 2_000_000


@dataclass(frozen=True, eq=False)
class Answers:
    """Gold and said, as arrays of texts x narratives.

    ``gold`` and ``said`` hold indices of `STANCES`, and `NONE` where a text does not carry the narrative, or the answer does
    not list it. ``whole`` is each text's stance over all its labels: an index, `NONE` without labels, `MIXED` where they
    differ. ``hits`` says whether a text's top-scored narrative is one of its labels.
    """

    gold: NDArray[np.int8]
    said: NDArray[np.int8]
    scores: NDArray[np.float64]
    flagged: NDArray[np.bool_]
    whole: NDArray[np.int8]
    hits: NDArray[np.bool_]

    def select(self, rows: NDArray[np.bool_] | NDArray[np.intp]) -> Answers:
        """Only these texts, by a mask or by number."""
        return Answers(self.gold[rows], self.said[rows], self.scores[rows], self.flagged[rows], self.whole[rows], self.hits[rows])

    def keep(self, columns: Sequence[int]) -> Answers:
        """Only these narratives; what a text as a whole is stays."""
        chosen = list(columns)
        return Answers(
            self.gold[:, chosen], self.said[:, chosen], self.scores[:, chosen], self.flagged[:, chosen], self.whole, self.hits
        )

    def narrow(self, column: int) -> Answers:
        """Only this narrative; a text that does not carry it counts as one without labels."""
        return replace(self.keep([column]), whole=self.gold[:, column])

    @property
    def any_flag(self) -> NDArray[np.bool_]:
        """Which texts are flagged for any narrative."""
        return np.asarray(self.flagged.any(axis=1))

    def are_wholly(self, stance: int) -> NDArray[np.bool_]:
        """Which texts have this stance in all their labels, or with `NONE` have no label."""
        return np.asarray(self.whole == stance)


def join_answers(parts: Sequence[Answers]) -> Answers:
    """Several batches of texts as one."""
    names = ("gold", "said", "scores", "flagged", "whole", "hits")
    return Answers(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})


def measure(answers: Answers, weights: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """Each figure once for each row of ``weights`` (draws x texts); NaN where it is not defined.

    Precision and recall are those of the flags, where gold is "promotes"; ranks and ``brier`` are those of the scores, where
    gold is "carried, with whatever stance".
    """
    carried = answers.gold != NONE
    promoted, labelled = answers.gold == PROMOTES, ~answers.are_wholly(NONE)
    right, flagged, promoting = (weights @ m.sum(axis=1) for m in (promoted & answers.flagged, answers.flagged, promoted))
    averages = [average_precision(answers.scores[:, k], carried[:, k], weights) for k in range(carried.shape[1])]
    return {
        "mean_average_precision": _mean_defined(averages, len(weights)),
        "micro_average_precision": _pool_average_precision(answers.scores, carried, weights),
        "hit_at_1": _share(answers.hits, labelled, weights),
        "precision": _divide(right, flagged),
        "recall": _divide(right, promoting),
        "f1": _divide(2 * right, flagged + promoting),
        "brier": _divide(weights @ ((answers.scores - carried) ** 2).mean(axis=1), weights.sum(axis=1)),
        **{
            f"false_flags_{name}": _share(answers.any_flag, answers.are_wholly(code), weights) for name, code in FALSE_FLAGS.items()
        },
    }


def average_precision(scores: NDArray[np.float64], gold: NDArray[np.bool_], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Average precision of a ranking for each row of ``weights``; equal scores are one threshold. NaN without positives."""
    if not gold.any():
        return np.full(len(weights), np.nan)
    order = np.argsort(-scores, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(scores[order])), len(order) - 1)
    return np.concatenate([_average_sorted(gold[order], chunk[:, order], ends) for chunk in _iterate_chunks(weights, len(order))])


def _iterate_chunks(weights: NDArray[np.float64], width: int) -> Iterator[NDArray[np.float64]]:
    rows = max(1, _CHUNK_CELLS // max(width, 1))
    return (weights[start : start + rows] for start in range(0, max(len(weights), 1), rows))


def _average_sorted(gold: NDArray[np.bool_], weights: NDArray[np.float64], ends: NDArray[np.intp]) -> NDArray[np.float64]:
    hits = np.cumsum(weights * gold, axis=1)[:, ends]
    seen = np.cumsum(weights, axis=1)[:, ends]
    # Where nothing was seen yet there is no hit either: any divisor does.
    precision = hits / np.maximum(seen, 1.0)
    return _divide((np.diff(hits, axis=1, prepend=0) * precision).sum(axis=1), hits[:, -1])


def _pool_average_precision(
    scores: NDArray[np.float64], gold: NDArray[np.bool_], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Average precision over all pairs of text and narrative in one ranking."""
    width = scores.shape[1]
    chunks = _iterate_chunks(weights, scores.size)
    return np.concatenate([average_precision(scores.ravel(), gold.ravel(), np.repeat(chunk, width, axis=1)) for chunk in chunks])


def _mean_defined(values: Sequence[NDArray[np.float64]], draws: int) -> NDArray[np.float64]:
    stacked = np.array(values).reshape(len(values), draws)
    defined = ~np.isnan(stacked)
    return _divide(np.where(defined, stacked, 0.0).sum(axis=0), defined.sum(axis=0))


def _share(chosen: NDArray[np.bool_], among: NDArray[np.bool_], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    return _divide(weights @ (chosen & among), weights @ among)


def _divide(part: NDArray[Any], whole: NDArray[Any]) -> NDArray[np.float64]:
    with np.errstate(divide="ignore", invalid="ignore"):
        quotient: NDArray[np.float64] = np.where(whole > 0, part / whole, np.nan)
    return quotient


def draw_weights(groups: Sequence[str], *, draws: int, seed: int) -> NDArray[np.float64]:
    """How often each text is drawn (draws x texts), when whole groups are drawn with replacement."""
    names, owner = np.unique(np.array(groups, dtype=object), return_inverse=True)
    random = np.random.default_rng(seed)
    counts = [np.bincount(random.integers(0, len(names), len(names)), minlength=len(names)) for _ in range(draws)]
    return np.array(counts, dtype=np.float64).reshape(draws, len(names))[:, owner]


def find_interval(drawn: NDArray[np.float64]) -> list[float] | None:
    """The middle 95 % of a figure's resamples; None where it was never defined."""
    defined = drawn[~np.isnan(drawn)]
    return [round(float(value), 4) for value in np.percentile(defined, [2.5, 97.5])] if len(defined) else None


def calibrate_bins(answers: Answers) -> dict[str, Any]:
    """How far scores are from observed shares, over all pairs of text and narrative.

    ``ece`` is the mean gap between score and share over ten bins of equal width, weighted by their pairs; ``ece_shown`` the
    same over scores of at least `MIN_SHOWN_SCORE`, without the many near zero.
    """
    scores, carried = answers.scores.ravel(), (answers.gold != NONE).ravel()
    which = np.minimum((scores * BINS).astype(int), BINS - 1)
    pairs = np.bincount(which, minlength=BINS)
    means = _divide(np.bincount(which, scores, BINS), pairs)
    shares = _divide(np.bincount(which, carried, BINS), pairs)
    shown = int(MIN_SHOWN_SCORE * BINS)
    rows = [
        {"from": k / BINS, "to": (k + 1) / BINS, "pairs": int(pairs[k]), "mean_score": means[k], "carried": shares[k]}
        for k in range(BINS)
    ]
    return {
        "ece": weigh_gaps(pairs, means, shares),
        "ece_shown": weigh_gaps(pairs[shown:], means[shown:], shares[shown:]),
        "bins": [{name: to_json(value) for name, value in row.items()} for row in rows if row["pairs"]],
    }


def weigh_gaps(pairs: NDArray[np.int_], means: NDArray[np.float64], shares: NDArray[np.float64]) -> float | None:
    """Mean gap between scores and shares, weighted by pairs."""
    filled = pairs > 0
    return (
        to_json(float((pairs[filled] * abs(means[filled] - shares[filled])).sum() / max(pairs.sum(), 1))) if filled.any() else None
    )


def to_json(value: Any) -> Any:
    """Numbers rounded to four digits, None for NaN."""
    if isinstance(value, int):
        return value
    return None if np.isnan(value) else round(float(value), 4)
