"""Fits the weights. Same corpus, same seed, same bytes.

Narratives are fitted over windows, stance over the text around the best window, and the second stage over an encoder's
vectors of the same windows. Cross-validation by group gives every text an answer from weights that had not seen its group;
calibration, thresholds and all figures of the card come from those answers.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from joblib import Parallel, delayed
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold

from monitor.errors import CorpusError
from monitor.records import (
    STANCES,
    LabelledText,
    Stance,
)
from monitor.stages.classify import (
    MIN_ENCODED_SCORE,
    STANCE_CUES,
    Calibration,
    Model,
    SecondStage,
    choose_stance,
    least_promotes,
    soften,
)
from monitor.stages.cues import has_fact_check_label, is_contested
from monitor.stages.features import Vocabulary, fold_word, learn_vocabulary
from monitor.stages.windows import Reading, read_document
from monitor.train.decided import is_decided
from monitor.train.design import Design
from monitor.train.thresholds import choose_least_promotes, choose_thresholds, fit_calibration

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from monitor.ports import Encoder
    from monitor.records import Mark
    from monitor.stages.windows import Window

FOLDS = 5
MIN_PROMOTING = 20
MIN_TERM_TEXTS = 2
CLAIM_C = 4.0
STANCE_C = 8.0
ENCODER_C = 8.0
# Cues are worth more than single terms, which know the topic; scaled, they are regularised on their own terms.
CUE_SCALE = 0.25
# What the encoder's margins weigh beside the first stage's; chosen by cross-validation (docs/explanation/model.md).
SECOND_WEIGHT = 0.2
# A narrative below this margin is no candidate for a flag, so its stance need not be held out.
LIKELY_MARGIN = -1.5
LOWEST_MARGIN = -40.0
# Beyond any margin: among a text's windows, one with the marked sentence is the strongest.
MARKED_BONUS = 1e3
ENCODED_AT_ONCE = 512


@dataclass(frozen=True, eq=False)
class Labelled:
    """The corpus cut up, once for all folds; ``vectors`` (or None) has one row per window of all texts, in order."""

    texts: tuple[LabelledText, ...]
    readings: tuple[Reading, ...]
    narratives: tuple[str, ...]
    vectors: NDArray[np.float32] | None
    window_starts: NDArray[np.int64]

    def choose(self, chosen: NDArray[np.intp]) -> Labelled:
        """Some of the texts."""
        vectors = None
        if self.vectors is not None:
            rows = [np.arange(self.window_starts[i], self.window_starts[i] + len(self.readings[i].windows)) for i in chosen]
            vectors = self.vectors[np.concatenate(rows)]
        readings = tuple(self.readings[i] for i in chosen)
        texts = tuple(self.texts[i] for i in chosen)
        return Labelled(texts, readings, self.narratives, vectors, _starts(readings))

    def carries(self, narrative: str) -> NDArray[np.bool_]:
        """Which texts carry a narrative."""
        return np.array([narrative in text.labels for text in self.texts], dtype=bool)

    def knows(self, narrative: str) -> NDArray[np.bool_]:
        """Of which texts it is known whether they carry a narrative."""
        return np.array([text.known is None or narrative in text.known for text in self.texts], dtype=bool)

    @property
    def weights(self) -> NDArray[np.float64]:
        """What each text counts."""
        return np.array([text.weight for text in self.texts], dtype=np.float64)

    def find_marked(self, narrative: str) -> NDArray[np.bool_]:
        """Which windows (of all texts, in order) have the sentence that a person marked for a narrative."""
        marked = np.zeros(sum(len(reading.windows) for reading in self.readings), dtype=bool)
        for text, reading, start in zip(self.texts, self.readings, self.window_starts.tolist(), strict=True):
            if (mark := text.marks.get(narrative)) is not None:
                marked[start : start + len(reading.windows)] = [_holds(reading, window, mark) for window in reading.windows]
        return marked


def _holds(reading: Reading, window: Window, mark: Mark) -> bool:
    return any(
        sentence.field == mark.field and sentence.start < mark.end and mark.start < sentence.end
        for sentence in reading.sentences[window.first : window.last]
    )


@dataclass(frozen=True, eq=False)
class Weights:
    """Everything that one fit gives, in the shapes of `Model` and `SecondStage`; ``encoder`` has claims and intercept."""

    vocabulary: Vocabulary
    claims: NDArray[np.float32]
    claims_intercept: NDArray[np.float32]
    stance: NDArray[np.float32]
    stance_intercept: NDArray[np.float32]
    stance_cues: NDArray[np.float32]
    encoder: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None


@dataclass(frozen=True, eq=False)
class HeldOut:
    """What each text got from weights that had not seen its group.

    ``scores`` is texts x narratives, ``carried`` whether each reaches its threshold; ``stances`` has a stance and its
    probability for each text and each narrative that it carries.
    """

    scores: NDArray[np.float64]
    carried: NDArray[np.bool_]
    stances: dict[tuple[int, str], tuple[Stance, float]]


@dataclass(frozen=True, eq=False)
class Fitted:
    """A model, and the held-out answers that its calibration and thresholds come from."""

    model: Model
    held_out: HeldOut


@dataclass(frozen=True, eq=False)
class _FoldAnswers:
    """Of one fold: margins of both stages (texts x narratives), and what the stance of each pair is judged by.

    Pairs are the narratives that a text carries, or may well be taken to carry.
    """

    texts: NDArray[np.intp]
    first: NDArray[np.float64]
    joint: NDArray[np.float64]
    pairs: tuple[tuple[int, str], ...]
    contested: tuple[bool, ...]
    titles: tuple[str, ...]
    stances: NDArray[np.float64]


def fit_model(
    corpus: Sequence[LabelledText],
    *,
    seed: int,
    encoder: Encoder | None = None,
    jobs: int = -1,
    report_progress: Callable[[str], None] = lambda _: None,
) -> Fitted:
    """Train on a corpus. The model's ``bundle_id`` is empty: the bundle that holds it gives it one."""
    labelled = prepare_corpus(corpus, encoder, jobs, report_progress)
    report_progress(f"{len(corpus)} texts, {len(labelled.narratives)} narratives; {FOLDS}-fold cross-validation")
    folds = _make_folds(corpus, seed)
    answers = Parallel(n_jobs=jobs)(delayed(_fit_and_hold_out)(labelled, train, test, seed) for train, test in folds)
    report_progress("calibrating")
    first, joint = _gather(answers, len(corpus), len(labelled.narratives))
    gold = np.column_stack([labelled.carries(n) for n in labelled.narratives])
    # What analysts were asked about was chosen for being certain or doubtful: shares among it say nothing of a feed.
    written = np.array([not is_decided(text) for text in corpus])
    least = _choose_least(corpus, answers)
    stances = _hold_out_stances(answers, *least)
    calibration = fit_calibration(first[written], gold[written])
    scores = calibration.apply(first)
    thresholds = choose_thresholds(corpus, labelled.narratives, scores, stances, written)
    carried = scores >= thresholds
    second = None
    if encoder is not None:
        encoded: NDArray[np.bool_] = np.any(scores >= MIN_ENCODED_SCORE, axis=1)
        second = fit_calibration(joint[encoded & written], gold[encoded & written])
        scores[encoded] = second.apply(joint[encoded])
        second_thresholds = choose_thresholds(corpus, labelled.narratives, scores, stances, encoded & written)
        carried[encoded] = scores[encoded] >= second_thresholds
    report_progress("fitting on the whole corpus")
    weights = fit_weights(labelled, seed)
    model = Model(
        bundle_id="",
        narratives=labelled.narratives,
        vocabulary=weights.vocabulary,
        weights=np.ascontiguousarray(np.hstack([weights.claims, weights.stance])),
        claims_intercept=weights.claims_intercept,
        calibration=calibration,
        thresholds=thresholds,
        stance_intercept=weights.stance_intercept,
        stance_cues=weights.stance_cues,
        min_promotes=least[0],
        min_promotes_contested=least[1],
        second=_make_second_stage(weights, encoder, second, second_thresholds) if encoder and second else None,
    )
    return Fitted(model, HeldOut(scores, carried, stances))


def prepare_corpus(
    corpus: Sequence[LabelledText],
    encoder: Encoder | None = None,
    jobs: int = 1,
    report_progress: Callable[[str], None] = lambda _: None,
) -> Labelled:
    """Cut the corpus up, and let the encoder (if any) read every window."""
    readings = tuple(read_document(text.document) for text in corpus)
    vectors = None
    if encoder is not None:
        texts = [reading.join(window.first, window.last) for reading in readings for window in reading.windows]
        report_progress(f"encoding {len(texts)} windows")
        chunks = [texts[start : start + ENCODED_AT_ONCE] for start in range(0, len(texts), ENCODED_AT_ONCE)]
        vectors = np.vstack(Parallel(n_jobs=jobs)(delayed(encoder.encode)(chunk) for chunk in chunks))
    return Labelled(tuple(corpus), readings, _choose_narratives(corpus), vectors, _starts(readings))


def _starts(readings: Sequence[Reading]) -> NDArray[np.int64]:
    counts = np.array([len(reading.windows) for reading in readings], dtype=np.int64)
    starts: NDArray[np.int64] = np.cumsum(counts) - counts
    return starts


def _choose_narratives(corpus: Sequence[LabelledText]) -> tuple[str, ...]:
    """Narratives with enough promoting texts in the corpus to learn from and to calibrate on, in alphabetical order."""
    written = (text for text in corpus if not is_decided(text))
    counts = Counter(n for text in written for n, stance in text.labels.items() if stance == "promotes")
    chosen = tuple(sorted(n for n, count in counts.items() if count >= MIN_PROMOTING))
    if not chosen:
        raise CorpusError(f"no narrative has {MIN_PROMOTING} promoting texts to learn from; label more of them")
    return chosen


def _make_folds(corpus: Sequence[LabelledText], seed: int) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Training and held-out texts of each fold. Analysts' texts come on top and move no text of the corpus to another fold."""
    written = np.array([i for i, text in enumerate(corpus) if not is_decided(text)], dtype=np.intp)
    decided = np.array([i for i, text in enumerate(corpus) if is_decided(text)], dtype=np.intp)
    fold_of = np.array([hashlib.sha256(corpus[i].group.encode()).digest()[0] % FOLDS for i in decided], dtype=np.intp)
    strata = [f"{next(iter(corpus[i].labels), '-')} {corpus[i].document.lang}" for i in written]
    splitter = StratifiedGroupKFold(n_splits=FOLDS, shuffle=True, random_state=seed)
    splits = splitter.split(np.zeros(len(written)), strata, [corpus[i].group for i in written])
    return [
        (np.concatenate([written[train], decided[fold_of != fold]]), np.concatenate([written[test], decided[fold_of == fold]]))
        for fold, (train, test) in enumerate(splits)
    ]


def _fit_and_hold_out(labelled: Labelled, train: NDArray[np.intp], test: NDArray[np.intp], seed: int) -> _FoldAnswers:
    weights = fit_weights(labelled.choose(train), seed)
    held = labelled.choose(test)
    design = Design(weights.vocabulary, held.readings)
    first = design.window_rows() @ weights.claims + weights.claims_intercept
    joint = first
    if held.vectors is not None and weights.encoder is not None:
        joint = first + SECOND_WEIGHT * (held.vectors @ weights.encoder[0] + weights.encoder[1])
    highest, _ = design.batch.find_best(first)
    highest_joint, best = design.batch.find_best(joint)
    texts, windows, names = _choose_pairs(held, best, highest_joint >= LIKELY_MARGIN)
    pairs = design.batch.pair(texts, windows)
    return _FoldAnswers(
        texts=test,
        first=highest,
        joint=highest_joint,
        pairs=tuple((int(test[text]), name) for text, name in zip(texts, names, strict=True)),
        contested=tuple(is_contested(pairs.whole_text(n)) for n in range(len(texts))),
        titles=tuple(pairs.title(n) for n in range(len(texts))),
        stances=_judge_stances(weights, design, texts, windows),
    )


def _choose_pairs(
    held: Labelled, best: NDArray[np.int64], is_likely: NDArray[np.bool_] | None = None
) -> tuple[NDArray[np.int64], NDArray[np.int64], list[str]]:
    """Texts and the narratives that they carry (or are likely taken to carry), with the best window for each."""
    chosen = np.column_stack([held.carries(n) for n in held.narratives])
    if is_likely is not None:
        chosen |= is_likely
    texts, columns = np.nonzero(chosen & (best >= 0))
    return texts, best[texts, columns], [held.narratives[k] for k in columns]


def _judge_stances(weights: Weights, design: Design, texts: NDArray[np.int64], windows: NDArray[np.int64]) -> NDArray[np.float64]:
    near, whole, cues = design.stance_rows(texts, windows)
    return soften((near + whole) @ weights.stance / 2 + cues @ weights.stance_cues + weights.stance_intercept)


def _gather(answers: Sequence[_FoldAnswers], texts: int, narratives: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    first, joint = np.zeros((texts, narratives)), np.zeros((texts, narratives))
    for answer in answers:
        # A text without a word has no windows, so no margins; a calibration cannot be fitted on minus infinity.
        first[answer.texts], joint[answer.texts] = np.maximum(answer.first, LOWEST_MARGIN), np.maximum(answer.joint, LOWEST_MARGIN)
    return first, joint


def fit_weights(labelled: Labelled, seed: int) -> Weights:
    """One fit on all of a corpus. Same texts, same seed, same weights."""
    folded = [[[fold_word(word) for word in words] for words in reading.words] for reading in labelled.readings]
    vocabulary = learn_vocabulary(folded, min_texts=MIN_TERM_TEXTS)
    design = Design(vocabulary, labelled.readings)
    claims, claims_intercept = _fit_claims(design.window_rows(), design.batch.owners, labelled, seed)
    first = design.window_rows() @ claims + claims_intercept
    vectors = labelled.vectors
    encoder = None
    if vectors is not None:
        encoder = _fit_encoder_claims(vectors, first, design.batch.owners, labelled)
        first = first + SECOND_WEIGHT * (vectors @ encoder[0] + encoder[1])
    texts, windows, names = _choose_pairs(labelled, design.batch.find_best(first)[1])
    gold = np.array([STANCES.index(labelled.texts[i].labels[name]) for i, name in zip(texts, names, strict=True)])
    rows, _, cues = design.stance_rows(texts, windows)
    stance = _fit_stance(sparse.hstack([rows, sparse.csr_matrix(cues * CUE_SCALE)]).tocsr(), gold, labelled.weights[texts], seed)
    width = len(vocabulary)
    return Weights(
        vocabulary,
        claims,
        claims_intercept,
        stance=np.ascontiguousarray(stance[0][:width]),
        stance_intercept=stance[1],
        stance_cues=np.ascontiguousarray(stance[0][width : width + STANCE_CUES] * np.float32(CUE_SCALE)),
        encoder=encoder,
    )


def _fit_claims(
    rows: sparse.csr_matrix, owners: NDArray[np.int64], labelled: Labelled, seed: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """One logistic regression per narrative over windows, in two rounds.

    The label belongs to the text, the claim to one of its windows: the second round keeps, of each text that carries the
    narrative, the window which the first round found strongest, or one with the sentence that an analyst marked. Texts of which
    nobody said whether they carry the narrative are left out.
    """
    share, worth = 1.0 / np.bincount(owners)[owners], labelled.weights[owners]
    coef = np.zeros((rows.shape[1], len(labelled.narratives)), dtype=np.float32)
    intercept = np.zeros(len(labelled.narratives), dtype=np.float32)
    for k, narrative in enumerate(labelled.narratives):
        gold, known = labelled.carries(narrative)[owners], labelled.knows(narrative)[owners]
        first = _fit_linear(rows[known], gold[known], (share * worth)[known], seed)
        margins = rows @ first.coef_[0] + MARKED_BONUS * labelled.find_marked(narrative)
        keep = known & (~gold | _strongest_windows(margins, owners, gold))
        weight = (np.where(gold, 1.0, share) * worth)[keep]
        second = _fit_linear(rows[keep], gold[keep], weight, seed)
        coef[:, k], intercept[k] = second.coef_[0], second.intercept_[0]
    return coef, intercept


def _fit_linear(rows: sparse.csr_matrix, gold: NDArray[np.bool_], weight: NDArray[np.float64], seed: int) -> LogisticRegression:
    model = LogisticRegression(C=CLAIM_C, class_weight="balanced", solver="liblinear", random_state=seed, max_iter=300)
    return model.fit(rows, gold, sample_weight=weight)


def _fit_encoder_claims(
    vectors: NDArray[np.float32], margins: NDArray[np.float64], owners: NDArray[np.int64], labelled: Labelled
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """One logistic regression per narrative over the vectors, on the windows that the first stage found strongest."""
    share, worth = 1.0 / np.bincount(owners)[owners], labelled.weights[owners]
    coef = np.zeros((vectors.shape[1], len(labelled.narratives)), dtype=np.float32)
    intercept = np.zeros(len(labelled.narratives), dtype=np.float32)
    for k, narrative in enumerate(labelled.narratives):
        gold, known = labelled.carries(narrative)[owners], labelled.knows(narrative)[owners]
        strongest = _strongest_windows(margins[:, k] + MARKED_BONUS * labelled.find_marked(narrative), owners, gold)
        keep = known & (~gold | strongest)
        weight = (np.where(gold, 1.0, share) * worth)[keep]
        model = LogisticRegression(C=ENCODER_C, class_weight="balanced", max_iter=200, tol=1e-3)
        model.fit(vectors[keep], gold[keep], sample_weight=weight)
        coef[:, k], intercept[k] = model.coef_[0], model.intercept_[0]
    return coef, intercept


def _strongest_windows(margins: NDArray[np.float64], owners: NDArray[np.int64], gold: NDArray[np.bool_]) -> NDArray[np.bool_]:
    strongest = np.zeros(len(owners), dtype=bool)
    for text in np.unique(owners[gold]):
        members = np.flatnonzero(owners == text)
        strongest[members[margins[members].argmax()]] = True
    return strongest


def _fit_stance(
    rows: sparse.csr_matrix, gold: NDArray[np.intp], weight: NDArray[np.float64], seed: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Weights as features x stances, and intercepts."""
    model = LogisticRegression(C=STANCE_C, class_weight="balanced", random_state=seed, max_iter=500, tol=1e-3)
    model.fit(rows, gold, sample_weight=weight)
    return np.ascontiguousarray(model.coef_.T, dtype=np.float32), model.intercept_.astype(np.float32)


def _make_second_stage(
    weights: Weights, encoder: Encoder, calibration: Calibration, thresholds: NDArray[np.float64]
) -> SecondStage | None:
    if weights.encoder is None:
        return None
    return SecondStage(encoder.name, *weights.encoder, SECOND_WEIGHT, calibration, thresholds)


def _choose_least(corpus: Sequence[LabelledText], answers: Sequence[_FoldAnswers]) -> tuple[float, float]:
    pairs = [pair for answer in answers for pair in answer.pairs]
    contested = np.array([said for answer in answers for said in answer.contested], dtype=bool)
    return choose_least_promotes(corpus, pairs, np.vstack([answer.stances for answer in answers]), contested)


def _hold_out_stances(
    answers: Sequence[_FoldAnswers], plain: float, contested: float
) -> dict[tuple[int, str], tuple[Stance, float]]:
    return {
        pair: choose_stance(row, least_promotes(plain, contested, title, said), says_untrue=said or has_fact_check_label(title))
        for answer in answers
        for pair, row, said, title in zip(answer.pairs, answer.stances, answer.contested, answer.titles, strict=True)
    }
