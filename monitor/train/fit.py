"""Fits the weights: narratives over windows, stance over the text around the best window. Same corpus and seed, same bytes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from joblib import Parallel, delayed
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold

from monitor.records import STANCES, LabelledText
from monitor.stages.classify import Model, TermWeights, calibrate, stance_context, stance_features
from monitor.stages.cues import CUES, is_contested
from monitor.stages.features import learn_vocabulary
from monitor.stages.language import LANGUAGES, detect_language
from monitor.stages.windows import Sentence, Window, make_windows, split_sentences

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

FOLDS = 5
MIN_PROMOTING = 20
MIN_TERM_TEXTS = 2
CLAIM_C = 8.0
STANCE_C = 8.0
# Cues are worth more than single terms, which know the topic; scaled up, they are regularised less.
CUE_SCALE = 0.25
MIN_PRECISION = 0.9
MIN_THRESHOLD = 0.5
MAX_FALSE_PROMOTES = 0.05


@dataclass(frozen=True, eq=False)
class Prepared:
    """A labelled text cut into windows, once for all folds."""

    labelled: LabelledText
    sentences: tuple[Sentence, ...]
    windows: tuple[Window, ...]


@dataclass(frozen=True, eq=False)
class HeldOut:
    """What each text got from models that had not seen its group.

    ``margins`` and ``scores`` are texts x narratives; ``stances`` is pairs x stances for ``pairs`` of (text, narrative), and
    ``contexts`` what the stance model read for each pair.
    """

    margins: NDArray[np.float64]
    scores: NDArray[np.float64]
    pairs: tuple[tuple[int, str], ...]
    contexts: tuple[tuple[str, str], ...]
    stances: NDArray[np.float64]


# Of one fold: which texts were held out, their margins, the pairs with a gold stance, their contexts and stance probabilities.
FoldAnswers = tuple["NDArray[np.intp]", "NDArray[np.float64]", list[tuple[int, str]], list[tuple[str, str]], "NDArray[np.float64]"]


@dataclass(frozen=True, eq=False)
class Fitted:
    """A model, and the held-out answers that its calibration and thresholds come from."""

    model: Model
    held_out: HeldOut


def fit_model(
    corpus: Sequence[LabelledText],
    *,
    seed: int,
    jobs: int = -1,
    report_progress: Callable[[str], None] = lambda _: None,
) -> Fitted:
    """Train on a corpus. The model's ``bundle_id`` is empty: the bundle that holds it gives it one."""
    prepared = [_prepare(text) for text in corpus]
    narratives = _choose_narratives(corpus)
    report_progress(f"{len(corpus)} texts, {len(narratives)} narratives; {FOLDS}-fold cross-validation")
    folds = _make_folds(corpus, seed)
    parts = Parallel(n_jobs=jobs)(delayed(_fit_and_hold_out)(prepared, train, test, narratives, seed) for train, test in folds)
    margins, pairs, contexts, stances = _gather(parts, len(corpus), len(narratives))
    gold = np.array([[n in text.labels for n in narratives] for text in corpus])
    report_progress("calibrating")
    slopes, offsets = _fit_calibration(margins, gold)
    scores = calibrate(margins, slopes, offsets)
    report_progress("fitting on the whole corpus")
    claims, stance, cues = _fit_weights(prepared, narratives, seed)
    gold_stances = _gold_stances(corpus, pairs)
    contested = np.array([is_contested(near) for near, _ in contexts], dtype=bool)
    model = Model(
        bundle_id="",
        narratives=narratives,
        claims=claims,
        slopes=slopes,
        offsets=offsets,
        thresholds=np.array([_choose_threshold(scores[:, k], gold[:, k]) for k in range(len(narratives))], dtype=np.float32),
        stance=stance,
        stance_cues=cues,
        min_promotes=_choose_min_promotes(stances[~contested], gold_stances[~contested]),
        min_promotes_contested=_choose_min_promotes(stances[contested], gold_stances[contested]),
    )
    return Fitted(model, HeldOut(margins, scores, pairs, contexts, stances))


def _prepare(labelled: LabelledText) -> Prepared:
    document = labelled.document
    lang = document.lang if document.lang in LANGUAGES else detect_language(f"{document.title}\n{document.text}")
    sentences = split_sentences(document, lang)
    return Prepared(labelled, sentences, make_windows(sentences))


def _choose_narratives(corpus: Sequence[LabelledText]) -> tuple[str, ...]:
    """Narratives with enough promoting texts to learn from, in alphabetical order."""
    counts = Counter(n for text in corpus for n, stance in text.labels.items() if stance == "promotes")
    return tuple(sorted(n for n, count in counts.items() if count >= MIN_PROMOTING))


def _make_folds(corpus: Sequence[LabelledText], seed: int) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    strata = [f"{next(iter(text.labels), '-')} {text.document.lang}" for text in corpus]
    splitter = StratifiedGroupKFold(n_splits=FOLDS, shuffle=True, random_state=seed)
    return list(splitter.split(np.zeros(len(corpus)), strata, [text.group for text in corpus]))


def _fit_and_hold_out(
    prepared: Sequence[Prepared],
    train: NDArray[np.intp],
    test: NDArray[np.intp],
    narratives: tuple[str, ...],
    seed: int,
) -> FoldAnswers:
    claims, stance, cues = _fit_weights([prepared[i] for i in train], narratives, seed)
    margins = np.zeros((len(test), len(narratives)))
    pairs: list[tuple[int, str]] = []
    contexts: list[tuple[str, str]] = []
    for row, i in enumerate(test):
        of_windows = _window_margins(claims, prepared[i])
        margins[row] = of_windows.max(axis=0)
        for k, narrative in enumerate(narratives):
            if narrative in prepared[i].labelled.labels:
                pairs.append((int(i), narrative))
                contexts.append(_context(prepared[i], int(of_windows[:, k].argmax())))
    rows, cue_rows = stance_features(stance, contexts)
    raw = rows @ stance.coef.T + cue_rows @ cues.T + stance.intercept
    exponentials = np.exp(raw - raw.max(axis=1, keepdims=True))
    return test, margins, pairs, contexts, exponentials / exponentials.sum(axis=1, keepdims=True)


def _gather(
    parts: Sequence[FoldAnswers], texts: int, narratives: int
) -> tuple[NDArray[np.float64], tuple[tuple[int, str], ...], tuple[tuple[str, str], ...], NDArray[np.float64]]:
    margins = np.zeros((texts, narratives))
    for test, part, *_ in parts:
        margins[test] = part
    pairs = tuple(pair for part in parts for pair in part[2])
    contexts = tuple(context for part in parts for context in part[3])
    return margins, pairs, contexts, np.vstack([part[4] for part in parts])


def _window_margins(claims: TermWeights, p: Prepared) -> NDArray[np.float64]:
    margins: NDArray[np.float64] = claims.vocabulary.weigh([w.text for w in p.windows]) @ claims.coef.T + claims.intercept
    return margins


def _context(p: Prepared, window: int) -> tuple[str, str]:
    return stance_context(p.labelled.document, p.sentences, p.windows[window])


def _fit_weights(
    prepared: Sequence[Prepared], narratives: tuple[str, ...], seed: int
) -> tuple[TermWeights, TermWeights, NDArray[np.float32]]:
    """Claim weights, stance weights and the stance weights of the cues (stances x twice the cues)."""
    claims = _fit_claims(prepared, narratives, seed)
    stance, cues = _fit_stance(prepared, claims, narratives, seed)
    return claims, stance, cues


def _whole_text(p: Prepared) -> str:
    document = p.labelled.document
    return "\n".join((document.title, document.summary, document.text))


def _fit_claims(prepared: Sequence[Prepared], narratives: tuple[str, ...], seed: int) -> TermWeights:
    """One logistic regression per narrative over windows, in two rounds.

    The label belongs to the text, the claim to one of its windows: the second round keeps, of each text that carries the
    narrative, the window which the first round found strongest.
    """
    vocabulary = learn_vocabulary([_whole_text(p) for p in prepared], min_texts=MIN_TERM_TEXTS)
    rows = vocabulary.weigh([w.text for p in prepared for w in p.windows])
    owner = np.array([i for i, p in enumerate(prepared) for _ in p.windows])
    share = 1.0 / np.bincount(owner)[owner]
    coef = np.zeros((len(narratives), len(vocabulary)), dtype=np.float32)
    intercept = np.zeros(len(narratives), dtype=np.float32)
    for k, narrative in enumerate(narratives):
        gold = np.array([narrative in p.labelled.labels for p in prepared])[owner]
        first = _fit_linear(rows, gold, share, seed)
        strongest = _strongest_windows(rows @ first.coef_[0], owner, gold)
        keep = ~gold | strongest
        weight = np.where(gold, 1.0, share)[keep]
        second = _fit_linear(rows[keep], gold[keep], weight, seed)
        coef[k], intercept[k] = second.coef_[0], second.intercept_[0]
    return TermWeights(vocabulary, coef, intercept)


def _fit_linear(rows: sparse.csr_matrix, gold: NDArray[np.bool_], weight: NDArray[np.float64], seed: int) -> LogisticRegression:
    model = LogisticRegression(C=CLAIM_C, class_weight="balanced", solver="liblinear", random_state=seed, max_iter=300)
    return model.fit(rows, gold, sample_weight=weight)


def _strongest_windows(margins: NDArray[np.float64], owner: NDArray[np.intp], gold: NDArray[np.bool_]) -> NDArray[np.bool_]:
    strongest = np.zeros(len(owner), dtype=bool)
    for text in np.unique(owner[gold]):
        members = np.flatnonzero(owner == text)
        strongest[members[margins[members].argmax()]] = True
    return strongest


def _fit_stance(
    prepared: Sequence[Prepared], claims: TermWeights, narratives: tuple[str, ...], seed: int
) -> tuple[TermWeights, NDArray[np.float32]]:
    contexts: list[tuple[str, str]] = []
    gold: list[int] = []
    for p in (p for p in prepared if p.labelled.labels):
        best = _window_margins(claims, p).argmax(axis=0)
        for narrative, stance in p.labelled.labels.items():
            window = int(best[narratives.index(narrative)]) if narrative in narratives else 0
            contexts.append(_context(p, window))
            gold.append(STANCES.index(stance))
    vocabulary = learn_vocabulary([near for near, _ in contexts], min_texts=MIN_TERM_TEXTS)
    blank = TermWeights(vocabulary, np.zeros((0, 0), dtype=np.float32), np.zeros(0, dtype=np.float32))
    rows, cues = stance_features(blank, contexts)
    design = sparse.hstack([rows, sparse.csr_matrix(cues * CUE_SCALE)]).tocsr()
    model = LogisticRegression(C=STANCE_C, class_weight="balanced", random_state=seed, max_iter=500, tol=1e-3)
    model.fit(design, gold)
    coef, width = model.coef_.astype(np.float32), len(vocabulary)
    weights = TermWeights(vocabulary, np.ascontiguousarray(coef[:, :width]), model.intercept_.astype(np.float32))
    return weights, np.ascontiguousarray(coef[:, width : width + 2 * len(CUES)] * np.float32(CUE_SCALE))


def _fit_calibration(margins: NDArray[np.float64], gold: NDArray[np.bool_]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Platt scaling of each narrative on held-out margins."""
    slopes, offsets = np.zeros(margins.shape[1], dtype=np.float32), np.zeros(margins.shape[1], dtype=np.float32)
    for k in range(margins.shape[1]):
        platt = LogisticRegression(C=1e3).fit(margins[:, [k]], gold[:, k])
        slopes[k], offsets[k] = platt.coef_[0, 0], platt.intercept_[0]
    return slopes, offsets


def _choose_threshold(scores: NDArray[np.float64], gold: NDArray[np.bool_]) -> float:
    """The lowest score from `MIN_THRESHOLD` on at which the held-out precision reaches `MIN_PRECISION`."""
    order = np.argsort(-scores, kind="stable")
    precision = np.cumsum(gold[order]) / np.arange(1, len(order) + 1)
    reached = [float(s) for s, p in zip(scores[order], precision, strict=True) if p >= MIN_PRECISION and s >= MIN_THRESHOLD]
    return round(min(reached, default=0.99), 4)


def _gold_stances(corpus: Sequence[LabelledText], pairs: Sequence[tuple[int, str]]) -> NDArray[np.intp]:
    return np.array([STANCES.index(corpus[i].labels[narrative]) for i, narrative in pairs])


def _choose_min_promotes(stances: NDArray[np.float64], gold: NDArray[np.intp]) -> float:
    """The least probability of "promotes" at which no more than `MAX_FALSE_PROMOTES` of held-out others are called so."""
    others = np.sort(stances[gold != STANCES.index("promotes"), STANCES.index("promotes")])[::-1]
    allowed = int(MAX_FALSE_PROMOTES * len(others))
    return round(float(min(0.99, max(0.5, others[allowed] + 1e-4 if len(others) else 0.5))), 4)
