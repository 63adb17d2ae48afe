"""Calibration and thresholds, from held-out answers: what turns margins into probabilities, and probabilities into flags."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
from sklearn.linear_model import LogisticRegression

from monitor.records import STANCES
from monitor.stages.classify import Calibration
from monitor.train.decided import is_decided

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from monitor.records import LabelledText, Stance

MIN_PRECISION = 0.9
MIN_THRESHOLD = 0.5
# What a feed holds, against what the corpus holds: of ten items one promotes something, one reports or refutes it, and of the
# others a third speaks of the same things.
FEED_MIX = {"promotes": 0.1, "others": 0.1, "near_miss": 0.25, "none": 0.55}
MAX_FALSE_PROMOTES = 0.03
# Where a text says outright that something told is not so, fact-checkers are the rule: only near certainty will do.
MIN_PROMOTES_CONTESTED = 0.97


def fit_calibration(margins: NDArray[np.float64], gold: NDArray[np.bool_]) -> Calibration:
    """Platt scaling of each narrative on held-out margins."""
    slopes, offsets = np.zeros(margins.shape[1], dtype=np.float32), np.zeros(margins.shape[1], dtype=np.float32)
    for k in range(margins.shape[1]):
        platt = LogisticRegression(C=1e3).fit(margins[:, [k]], gold[:, k])
        slopes[k], offsets[k] = platt.coef_[0, 0], platt.intercept_[0]
    return Calibration(slopes, offsets)


def choose_thresholds(
    texts: Sequence[LabelledText],
    narratives: Sequence[str],
    scores: NDArray[np.float64],
    stances: Mapping[tuple[int, str], tuple[Stance, float]],
    among: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """Of each narrative the lowest score from `MIN_THRESHOLD` on at which flags would be precise enough in a feed.

    ``scores`` are texts x narratives; only the texts ``among`` count.
    """
    weights = weigh_as_in_feed(texts)
    chosen = []
    for k, narrative in enumerate(narratives):
        said = np.array([stances.get((i, narrative), ("reports", 0.0))[0] == "promotes" for i in range(len(scores))])
        right = np.array([text.labels.get(narrative) == "promotes" for text in texts])
        flagged = np.flatnonzero(said & among & (scores[:, k] >= MIN_THRESHOLD))
        chosen.append(choose_threshold(scores[flagged, k], right[flagged], weights[flagged]))
    return np.array(chosen, dtype=np.float64)


def weigh_as_in_feed(texts: Sequence[LabelledText]) -> NDArray[np.float64]:
    """What each text stands for, when the corpus's kinds are mixed as a feed mixes them; nothing for analysts' texts."""
    kinds = ["" if is_decided(text) else kind_in_feed(text) for text in texts]
    counts = Counter(kinds)
    return np.array([FEED_MIX[kind] * len(texts) / counts[kind] if kind else 0.0 for kind in kinds])


def kind_in_feed(text: LabelledText) -> str:
    """Which kind of `FEED_MIX` a text is."""
    if text.labels:
        return "promotes" if "promotes" in text.labels.values() else "others"
    return "near_miss" if text.kind == "near_miss" else "none"


def choose_threshold(scores: NDArray[np.float64], right: NDArray[np.bool_], weights: NDArray[np.float64]) -> float:
    """The lowest score at and above which the weighted share of the right ones reaches `MIN_PRECISION`."""
    order = np.argsort(-scores, kind="stable")
    precision = np.cumsum((weights * right)[order]) / np.cumsum(weights[order])
    # Of equal scores only the last one's precision counts, which is that of them all.
    is_last = np.diff(scores[order], append=-np.inf) < 0
    reached = [float(s) for s, p in zip(scores[order][is_last], precision[is_last], strict=True) if p >= MIN_PRECISION]
    return round(min(reached, default=0.99), 4)


def choose_least_promotes(
    corpus: Sequence[LabelledText],
    pairs: Sequence[tuple[int, str]],
    stances: NDArray[np.float64],
    contested: NDArray[np.bool_],
) -> tuple[float, float]:
    """The least probabilities of "promotes", for plain and for contested texts.

    ``pairs`` are texts and narratives, ``stances`` (pairs x stances) what the model said of each. Pairs that the text does not
    carry, and analysts' texts, which nobody drew at random, are left out.
    """
    is_gold = np.array([name in corpus[i].labels and not is_decided(corpus[i]) for i, name in pairs], dtype=bool)
    gold = np.array([STANCES.index(corpus[i].labels.get(name, STANCES[0])) for i, name in pairs])
    plain = choose_min_promotes(stances[~contested & is_gold], gold[~contested & is_gold])
    said = choose_min_promotes(stances[contested & is_gold], gold[contested & is_gold])
    return plain, max(said, MIN_PROMOTES_CONTESTED)


def choose_min_promotes(stances: NDArray[np.float64], gold: NDArray[np.intp]) -> float:
    """The least probability of "promotes" at which no more than `MAX_FALSE_PROMOTES` of held-out others are called so."""
    others = np.sort(stances[gold != STANCES.index("promotes"), STANCES.index("promotes")])[::-1]
    allowed = int(MAX_FALSE_PROMOTES * len(others))
    return round(float(min(0.99, max(0.5, others[allowed] + 1e-4 if len(others) else 0.5))), 4)
