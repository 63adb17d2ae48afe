"""Which questions a text raises, in which order they are asked, and when one has been answered."""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING

from monitor.decisions import Question

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from monitor.decisions import ItemState, Order, Verdict
    from monitor.records import NarrativeScore

SAMPLE_SHARE = 0.10
SECOND_SHARE = 0.10
# No text may be sure to stay outside the random share, whatever the model thinks of it.
MIN_SAMPLED_SCORE = 0.02
_EDGE = 1e-4


def make_questions(
    article_id: str, scores: Sequence[NarrativeScore], *, thresholds: Mapping[str, float], seed: str
) -> tuple[Question, ...]:
    """One question for each flagged narrative; where none is flagged, one for the best one listed, or on none at all."""
    flagged = [score for score in scores if score.flagged]
    best = max(scores, key=lambda s: (_logit(s.score) - _logit(thresholds.get(s.id, 0.5)), s.id), default=None)
    chosen: list[NarrativeScore | None] = [*flagged] if flagged else [best]
    return tuple(_make_question(article_id, score, seed) for score in chosen)


def _make_question(article_id: str, score: NarrativeScore | None, seed: str) -> Question:
    narrative, value, flagged = (score.id, score.score, score.flagged) if score else ("", 0.0, False)
    probability = SAMPLE_SHARE * (1.0 if flagged else max(value, MIN_SAMPLED_SCORE))
    drawn = draw_share(seed, "sample", article_id, narrative)
    return Question(
        narrative=narrative,
        score=value,
        stance=score.stance if score else None,
        flagged=flagged,
        rank_certain=-value - (1.0 if flagged else 0.0),
        rank_uncertain=_measure_doubt(score),
        rank_sample=drawn / probability,
        probability=probability,
        is_sampled=drawn < probability,
        wants_second=draw_share(seed, "second", article_id, narrative) < SECOND_SHARE,
    )


def _measure_doubt(score: NarrativeScore | None) -> float:
    """How far the model is from not knowing whether the text carries the narrative, in logits.

    Neither the threshold, which is meant for precision, nor doubt about the stance: both put before the analyst what is carried
    for sure, and teach less (`benchmarks/teaching.py`).
    """
    return abs(_logit(score.score)) if score else _logit(1.0) - _logit(0.0)


def _logit(probability: float) -> float:
    bounded = min(max(probability, _EDGE), 1 - _EDGE)
    return math.log(bounded / (1 - bounded))


def draw_share(seed: str, *names: str) -> float:
    """A number in 0..1 that follows from the seed and the names, as if drawn at random."""
    digest = hashlib.sha256("\0".join((seed, *names)).encode()).digest()
    return int.from_bytes(digest[:7], "big") / 2**56


def choose_order(wished: Order, *, seed: str, account_id: int, answered: int, selective: bool) -> tuple[Order, ...]:
    """Which queues to look for an analyst's next item, the first one that has any.

    A tenth of the answers go to the random share and a tenth to second opinions, at places that nobody can foresee.
    A selective filter would bend the random share, so there it is left alone.
    """
    place = draw_share(seed, "order", str(account_id), str(answered))
    if wished in {"sample", "second"}:
        return (wished,)
    if place < SAMPLE_SHARE and not selective:
        return ("sample", wished, "second")
    if place < SAMPLE_SHARE + SECOND_SHARE:
        return ("second", wished) if selective else ("second", wished, "sample")
    return (wished, "second") if selective else (wished, "sample", "second")


def judge_state(live: Iterable[tuple[int, Verdict]], *, wants_second: bool) -> ItemState:
    """What the live decisions on an item (account and verdict) make of it.

    Skipping is no answer. Where the first analyst was unsure, a second one is asked.
    """
    answers = {account: verdict for account, verdict in live if verdict in {"confirm", "reject", "unsure"}}
    needed = 2 if wants_second or "unsure" in answers.values() else 1
    if not answers:
        return "open"
    return "decided" if len(answers) >= needed else "second"
