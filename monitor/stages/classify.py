"""Texts to assessments, with plain arrays: which narratives a text carries, where, and with what stance.

A first, linear stage reads every window of every text. Where it sees anything, a sentence encoder may read the best windows
again; stance is judged on the text around the best window and on the whole of it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from monitor.records import (
    STANCES,
    Assessment,
    Document,
    Evidence,
    NarrativeScore,
    Stance,
)
from monitor.stages.cues import CUES, has_fact_check_label, is_contested
from monitor.stages.passages import Batch, Pairs, read_batch
from monitor.stages.wordtable import WordTable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from monitor.ports import Encoder
    from monitor.stages.features import Vocabulary

MIN_LISTED_SCORE = 0.01
# From this score on a narrative gets its evidence and terms even where it is not carried.
MIN_SHOWN_SCORE = 0.1
MAX_EVIDENCE = 3
MAX_TERMS = 8
# From this first-stage score on, a window is worth the encoder's time; no more than so many windows of a text are.
MIN_ENCODED_SCORE = 0.1
MAX_ENCODED_WINDOWS = 2
PROMOTES = STANCES.index("promotes")
# The passages whose cues the stance model reads: the title, the best window, the text around it, and all of it.
CUE_PASSAGES = ("title", "window", "near", "whole")
STANCE_CUES = len(CUE_PASSAGES) * len(CUES)


@dataclass(frozen=True, eq=False)
class Calibration:
    """Margins to probabilities (Platt scaling): one slope and one offset per narrative."""

    slopes: NDArray[np.float32]
    offsets: NDArray[np.float32]

    def apply(self, margins: NDArray[np.floating]) -> NDArray[np.float64]:
        """Probabilities, rounded to four places as they are printed."""
        odds = np.clip(np.asarray(margins, dtype=np.float64) * self.slopes + self.offsets, -40, 40)
        return (1.0 / (1.0 + np.exp(-odds))).round(4)


@dataclass(frozen=True, eq=False)
class SecondStage:
    """Weights on a sentence encoder's vectors: dimensions x narratives.

    ``weight`` is that of the encoder's margin beside the first stage's. Calibration and thresholds are those of texts whose
    windows were encoded. The encoder has no say in stance: to it a claim and its refutation are nearly the same.
    """

    encoder: str
    claims: NDArray[np.float32]
    claims_intercept: NDArray[np.float32]
    weight: float
    calibration: Calibration
    thresholds: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Model:
    """What a bundle holds.

    ``weights`` is features x (narratives, then stances); ``stance_cues`` is cues (`STANCE_CUES`) x stances.
    ``min_promotes`` is the least probability at which a text is said to promote, ``min_promotes_contested`` that for a text
    which says outright that something told is not so. A title with a fact-checker's label never promotes.
    """

    bundle_id: str
    narratives: tuple[str, ...]
    vocabulary: Vocabulary
    weights: NDArray[np.float32]
    claims_intercept: NDArray[np.float32]
    calibration: Calibration
    thresholds: NDArray[np.float64]
    stance_intercept: NDArray[np.float32]
    stance_cues: NDArray[np.float32]
    min_promotes: float
    min_promotes_contested: float
    second: SecondStage | None = None
    words: WordTable = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "words", WordTable(self.vocabulary, self.weights))


@dataclass(frozen=True, eq=False)
class _Claims:
    """Per text of a batch: scores and the global number of each narrative's best window; both texts x narratives.

    ``carried`` says which scores reach their threshold.
    """

    scores: NDArray[np.float64]
    carried: NDArray[np.bool_]
    windows: NDArray[np.int64]


def assess(model: Model, documents: Sequence[Document], encoder: Encoder | None = None) -> list[Assessment]:
    """One assessment per document, in order. A document without a word gets an empty one.

    Without ``encoder``, or where the model has no second stage, the first stage's scores stand.
    """
    batch = read_batch(model.words, documents)
    if not len(batch.windows):
        return [Assessment(reading.lang, ()) for reading in batch.readings]
    claims = _score_claims(model, batch, encoder)
    texts, narratives = np.nonzero(claims.scores >= MIN_LISTED_SCORE)
    pairs = batch.pair(texts, claims.windows[texts, narratives])
    stances = judge_stances(model, pairs)
    found: dict[int, list[NarrativeScore]] = {}
    for n in np.lexsort((narratives, -claims.scores[texts, narratives])).tolist():
        text, k = int(texts[n]), int(narratives[n])
        is_shown = bool(claims.carried[text, k] or claims.scores[text, k] >= MIN_SHOWN_SCORE)
        stance = _choose_stance(model, pairs, n, stances[n], is_shown=is_shown)
        found.setdefault(text, []).append(_make_score(model, batch, claims, text, k=k, stance=stance, is_shown=is_shown))
    return [Assessment(reading.lang, tuple(found.get(text, ()))) for text, reading in enumerate(batch.readings)]


def _score_claims(model: Model, batch: Batch, encoder: Encoder | None) -> _Claims:
    count = len(model.narratives)
    margins = batch.windows.outputs[:, :count] + model.claims_intercept
    highest, best = batch.find_best(margins)
    # A text without windows has no margins; a slope may have either sign, so they must not reach the calibration.
    scores = np.where(best >= 0, model.calibration.apply(np.where(best >= 0, highest, 0.0)), 0.0)
    first = _Claims(scores, scores >= model.thresholds, best)
    if encoder is None or model.second is None:
        return first
    return _read_again(model.second, batch, margins, first, _encode_windows(batch, encoder, first))


def _encode_windows(batch: Batch, encoder: Encoder, first: _Claims) -> dict[int, NDArray[np.float32]]:
    """Vectors of the windows that the first stage found most promising, by their numbers."""
    chosen: list[int] = []
    for text in np.flatnonzero((first.scores >= MIN_ENCODED_SCORE).any(axis=1)):
        scores = first.scores[text]
        order = [k for k in np.argsort(-scores, kind="stable") if scores[k] >= MIN_ENCODED_SCORE]
        chosen += list(dict.fromkeys(first.windows[text, order].tolist()))[:MAX_ENCODED_WINDOWS]
    if not chosen:
        return {}
    return dict(zip(chosen, encoder.encode([batch.join(window) for window in chosen]), strict=True))


def _read_again(
    second: SecondStage, batch: Batch, margins: NDArray[np.float64], first: _Claims, vectors: dict[int, NDArray[np.float32]]
) -> _Claims:
    """The answers of both stages together for texts with encoded windows; the first stage's for the rest."""
    scores, carried, best = first.scores.copy(), first.carried.copy(), first.windows.copy()
    by_text: dict[int, list[int]] = {}
    for window in vectors:
        by_text.setdefault(int(batch.owners[window]), []).append(window)
    for text, windows in by_text.items():
        seen = np.stack([vectors[window] for window in windows])
        joint = margins[windows] + second.weight * (seen @ second.claims + second.claims_intercept)
        scores[text] = second.calibration.apply(joint.max(axis=0))
        carried[text] = scores[text] >= second.thresholds
        best[text] = np.array(windows)[joint.argmax(axis=0)]
    return _Claims(scores, carried, best)


def judge_stances(model: Model, pairs: Pairs) -> NDArray[np.float64]:
    """Probabilities of the stances: pairs x stances. The text near the window and the whole of it count alike."""
    start = len(model.narratives)
    terms = (pairs.near.outputs[:, start:] + pairs.whole.outputs[:, start:]) / 2
    return soften(terms + pairs.cues @ model.stance_cues + model.stance_intercept)


def soften(margins: NDArray[np.float64]) -> NDArray[np.float64]:
    """Margins to probabilities that add up to one in each row."""
    exponentials = np.exp(margins - margins.max(axis=1, keepdims=True))
    probabilities: NDArray[np.float64] = exponentials / exponentials.sum(axis=1, keepdims=True)
    return probabilities


def _choose_stance(
    model: Model, pairs: Pairs, n: int, probabilities: NDArray[np.float64], *, is_shown: bool
) -> tuple[Stance, float]:
    if not is_shown:
        # Reading the text for a verdict costs more than all the rest.
        return choose_stance(probabilities, model.min_promotes)
    title, says_untrue = pairs.title(n), is_contested(pairs.whole_text(n))
    least = least_promotes(model.min_promotes, model.min_promotes_contested, title, says_untrue)
    return choose_stance(probabilities, least, says_untrue=says_untrue or math.isinf(least))


def least_promotes(plain: float, contested: float, title: str, says_untrue: bool) -> float:  # noqa: FBT001 - a fact about the text
    """The probability of "promotes" that a text must reach; more than any, where its title has a fact-checker's label."""
    if has_fact_check_label(title):
        return math.inf
    return max(plain, contested) if says_untrue else plain


def choose_stance(probabilities: NDArray[np.floating], min_promotes: float, *, says_untrue: bool = False) -> tuple[Stance, float]:
    """The stance and its probability. "promotes" must reach ``min_promotes``: flagging a fact-checker is the worse error.

    A text that says outright that something told is not so, and does not promote, refutes: with all that is left.
    """
    if probabilities[PROMOTES] >= min_promotes:
        return "promotes", round(float(probabilities[PROMOTES]), 4)
    if says_untrue:
        return "refutes", round(1.0 - float(probabilities[PROMOTES]), 4)
    others = probabilities.copy()
    others[PROMOTES] = -1.0
    chosen = int(others.argmax())
    return STANCES[chosen], round(float(probabilities[chosen]), 4)


def _make_score(  # noqa: PLR0913 - one value from each part of the model
    model: Model, batch: Batch, claims: _Claims, text: int, *, k: int, stance: tuple[Stance, float], is_shown: bool
) -> NarrativeScore:
    score, is_carried, window = float(claims.scores[text, k]), bool(claims.carried[text, k]), int(claims.windows[text, k])
    return NarrativeScore(
        id=model.narratives[k],
        score=score,
        stance=stance[0],
        stance_score=stance[1],
        is_carried=is_carried,
        flagged=is_carried and stance[0] == "promotes",
        evidence=_find_evidence(batch, window, k) if is_shown else (),
        terms=_find_terms(model, batch, window, k) if is_shown else (),
    )


def _find_evidence(batch: Batch, window: int, k: int) -> tuple[Evidence, ...]:
    """The sentences of a window (and the title) that carry the score, strongest first."""
    numbers = batch.sentence_numbers(window)
    margins = batch.sentences.outputs_of(numbers)[:, k]
    order = np.argsort(-margins, kind="stable")
    strongest = float(margins[order[0]])
    span = max(strongest, 1e-6)
    chosen = [int(i) for i in order[:MAX_EVIDENCE] if strongest - float(margins[i]) <= 0.5 * span]
    found = [batch.sentence(numbers[i]) for i in chosen]
    return tuple(Evidence(s.field, s.start, s.end, s.text) for s in found)


def _find_terms(model: Model, batch: Batch, window: int, k: int) -> tuple[str, ...]:
    """The words of the window that weighed most for the narrative, as they stand in the text."""
    return tuple(model.words.rank_words(batch.words_of(window), k, MAX_TERMS))
