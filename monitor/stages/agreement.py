"""What decisions say: how far analysts agree, and how right flags are, with intervals."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from monitor.dayreports import Precision
from monitor.decisions import Agreement, Estimate

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from monitor.decisions import Answer, Judged

_Z95 = 1.959963984540054
# From fewer draws an interval says next to nothing.
MIN_DECIDED = 10


def label_answer(answer: Answer) -> str:
    """The category of an answer: ``unsure``, ``none``, or the narrative with its stance."""
    if answer.verdict == "confirm":
        return f"{answer.narrative} {answer.stance}"
    return "none" if answer.verdict == "reject" else answer.verdict


def measure_kappa(pairs: Sequence[tuple[str, str]]) -> float | None:
    """Cohen's kappa of two raters' labels; None without pairs, or where both always gave one and the same label.

    Cohen, J. (1960): A coefficient of agreement for nominal scales. Educational and Psychological Measurement 20.
    """
    if not pairs:
        return None
    total = len(pairs)
    left, right = Counter(a for a, _ in pairs), Counter(b for _, b in pairs)
    expected = sum(left[label] * right[label] for label in left) / total**2
    if expected >= 1:
        return None
    return (sum(a == b for a, b in pairs) / total - expected) / (1 - expected)


def measure_agreement(pairs: Iterable[tuple[str, Answer, Answer]]) -> tuple[Agreement, ...]:
    """For each narrative asked about: how two analysts' answers on the same items agree."""
    by_narrative: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for narrative, first, second in pairs:
        by_narrative[narrative].append((label_answer(first), label_answer(second)))
    return tuple(
        Agreement(narrative, len(found), sum(a == b for a, b in found), measure_kappa(found))
        for narrative, found in sorted(by_narrative.items())
    )


def estimate_share(weighed: Sequence[tuple[float, bool]]) -> Estimate | None:
    """The weighted share of what is true, with Wilson's 95 % interval at the effective number of draws (Kish); None of nothing."""
    if not weighed:
        return None
    total = sum(weight for weight, _ in weighed)
    value = sum(weight for weight, is_true in weighed if is_true) / total
    count = total**2 / sum(weight**2 for weight, _ in weighed)
    middle = value + _Z95**2 / (2 * count)
    reach = _Z95 * math.sqrt(value * (1 - value) / count + _Z95**2 / (4 * count**2))
    scale = 1 + _Z95**2 / count
    return Estimate(value, max(0.0, (middle - reach) / scale), min(1.0, (middle + reach) / scale), len(weighed))


def estimate_precision(judged: Sequence[Judged], narrative: str) -> Estimate | None:
    """How many of a narrative's flags are right, from the random share: the text promotes just this narrative."""
    return estimate_share([(1 / one.probability, promotes(one, narrative)) for one in judged if _is_flag(one, narrative)])


def estimate_recall(judged: Sequence[Judged], narrative: str) -> Estimate | None:
    """How many of the texts that promote a narrative are flagged with it, from the random share."""
    return estimate_share([(1 / one.probability, _is_flag(one, narrative)) for one in judged if promotes(one, narrative)])


def rate_flags(judged: Sequence[Judged]) -> tuple[Precision, ...]:
    """The precision of each narrative's flags, from the random share: figures from `MIN_DECIDED` draws on."""
    found = []
    for narrative in sorted({one.asked for one in judged if _is_flag(one, one.asked)}):
        estimate = estimate_precision(judged, narrative)
        if estimate is None or estimate.count < MIN_DECIDED:
            found.append(Precision(narrative, estimate.count if estimate else 0))
        else:
            found.append(Precision(narrative, estimate.count, estimate.value, estimate.low, estimate.high))
    return tuple(found)


def promotes(one: Judged, narrative: str) -> bool:
    """Whether the analyst says that the text promotes the narrative."""
    return one.answer.verdict == "confirm" and (one.answer.narrative, one.answer.stance) == (narrative, "promotes")


def _is_flag(one: Judged, narrative: str) -> bool:
    # Where the analyst could not tell, nothing is learnt.
    return one.flagged and one.asked == narrative and one.answer.verdict in {"confirm", "reject"}
