"""Texts to assessments, with plain arrays: which narratives a text carries, where, and with what stance."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from monitor.records import STANCES, Assessment, Document, Evidence, NarrativeScore, Stance
from monitor.stages.cues import has_fact_check_label, is_contested, stack_cues
from monitor.stages.features import Vocabulary, iterate_prefixes, tokenize
from monitor.stages.language import LANGUAGES, detect_language
from monitor.stages.windows import Sentence, Window, make_windows, split_sentences
from monitor.text import WORD

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from scipy import sparse

MIN_LISTED_SCORE = 0.01
MAX_EVIDENCE = 3
MAX_TERMS = 8
# How much of a text around the best window the stance model reads, in characters on either side.
STANCE_REACH_CHARS = 700
PROMOTES = STANCES.index("promotes")


@dataclass(frozen=True, eq=False)
class TermWeights:
    """Features and linear weights. ``coef`` is outputs x features, ``intercept`` one number per output."""

    vocabulary: Vocabulary
    coef: NDArray[np.float32]
    intercept: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Model:
    """What a bundle holds: narrative weights with calibration and thresholds, and the stance weights.

    ``slopes`` and ``offsets`` turn a narrative's margin into a probability (Platt scaling). The stance weights have one
    output per stance; their last features are the cues near the claim, then those of the whole text.
    ``min_promotes`` is the least probability at which a text is said to promote, ``min_promotes_contested`` that for a text
    which says outright that something told is not so. A title with a fact-checker's label never promotes.
    """

    bundle_id: str
    narratives: tuple[str, ...]
    claims: TermWeights
    slopes: NDArray[np.float32]
    offsets: NDArray[np.float32]
    thresholds: NDArray[np.float32]
    stance: TermWeights
    stance_cues: NDArray[np.float32]
    min_promotes: float
    min_promotes_contested: float


@dataclass(frozen=True, eq=False)
class _Prepared:
    document: Document
    lang: str
    sentences: tuple[Sentence, ...]
    windows: tuple[Window, ...]


def assess(model: Model, documents: Sequence[Document]) -> list[Assessment]:
    """One assessment per document, in order. A document without a word gets an empty one."""
    prepared = [_prepare(document) for document in documents]
    window_texts = [window.text for p in prepared for window in p.windows]
    if not window_texts:
        return [Assessment(p.lang, ()) for p in prepared]
    rows = model.claims.vocabulary.weigh(window_texts)
    margins = rows @ model.claims.coef.T + model.claims.intercept
    answers, start = [], 0
    for p in prepared:
        end = start + len(p.windows)
        answers.append(_answer(model, p, margins[start:end], rows[start:end]) if end > start else Assessment(p.lang, ()))
        start = end
    return answers


def _prepare(document: Document) -> _Prepared:
    given = (document.lang or "").lower()[:2]
    lang = given if given in LANGUAGES else detect_language(f"{document.title}\n{document.summary}\n{document.text[:1000]}")
    sentences = split_sentences(document, lang)
    has_words = any(WORD.search(sentence.text) for sentence in sentences)
    return _Prepared(document, lang, sentences, make_windows(sentences) if has_words else ())


def calibrate(margins: NDArray[np.floating], slopes: NDArray[np.float32], offsets: NDArray[np.float32]) -> NDArray[np.float64]:
    """Margins to probabilities."""
    probability: NDArray[np.float64] = 1.0 / (1.0 + np.exp(-(np.asarray(margins, dtype=np.float64) * slopes + offsets)))
    return probability


def _answer(model: Model, p: _Prepared, margins: NDArray[np.float32], rows: sparse.csr_matrix) -> Assessment:
    best = margins.argmax(axis=0)
    scores = calibrate(margins.max(axis=0), model.slopes, model.offsets).round(4)
    listed = [int(k) for k in np.argsort(-scores, kind="stable") if scores[k] >= MIN_LISTED_SCORE]
    contexts = [stance_context(p.document, p.sentences, p.windows[int(best[k])]) for k in listed]
    stances = _judge_stances(model, contexts)
    return Assessment(
        p.lang,
        tuple(
            _score_narrative(
                model, p, k, score=float(scores[k]), stance=stances[n], row=rows[int(best[k])], window=p.windows[int(best[k])]
            )
            for n, k in enumerate(listed)
        ),
    )


def _score_narrative(  # noqa: PLR0913 - one value from each part of the model
    model: Model, p: _Prepared, k: int, *, score: float, stance: tuple[Stance, float], row: sparse.csr_matrix, window: Window
) -> NarrativeScore:
    is_carried = score >= model.thresholds[k]
    worth_showing = score >= min(0.1, float(model.thresholds[k]))
    return NarrativeScore(
        id=model.narratives[k],
        score=score,
        stance=stance[0],
        stance_score=stance[1],
        is_carried=bool(is_carried),
        flagged=bool(is_carried) and stance[0] == "promotes",
        evidence=_find_evidence(model, p, k, window) if worth_showing else (),
        terms=_find_terms(model, k, row, window) if worth_showing else (),
    )


def stance_context(document: Document, sentences: Sequence[Sentence], window: Window) -> tuple[str, str]:
    """What the stance model reads: the title with the text around the window; and the whole text.

    A refutation anywhere near the claim counts, wherever the title stands.
    """
    fields = {"title": document.title, "summary": document.summary, "text": document.text}
    whole = "\n".join(value for value in fields.values() if value)
    chosen = [s for s in sentences[window.first : window.last] if s.field != "title"]
    body = "\n".join(value for name, value in fields.items() if value and name != "title")
    if not chosen:
        near = body[: 2 * STANCE_REACH_CHARS]
    else:
        text_from = len(document.summary) + 1 if document.summary else 0
        start = chosen[0].start + (text_from if chosen[0].field == "text" else 0)
        end = chosen[-1].end + (text_from if chosen[-1].field == "text" else 0)
        near = body[max(0, start - STANCE_REACH_CHARS) : end + STANCE_REACH_CHARS]
    return f"{document.title}\n{near}".strip(), whole


def stance_features(weights: TermWeights, contexts: Sequence[tuple[str, str]]) -> tuple[sparse.csr_matrix, NDArray[np.float32]]:
    """Term rows of the near texts, and their cues beside those of the whole texts."""
    near, whole = [c[0] for c in contexts], [c[1] for c in contexts]
    return weights.vocabulary.weigh(near), np.hstack([stack_cues(near), stack_cues(whole)])


def _judge_stances(model: Model, contexts: Sequence[tuple[str, str]]) -> list[tuple[Stance, float]]:
    if not contexts:
        return []
    distinct = list(dict.fromkeys(contexts))
    rows, cues = stance_features(model.stance, distinct)
    margins = rows @ model.stance.coef.T + cues @ model.stance_cues.T + model.stance.intercept
    shifted = np.exp(margins - margins.max(axis=1, keepdims=True))
    probabilities = shifted / shifted.sum(axis=1, keepdims=True)
    judged = {
        context: choose_stance(row, least_promotes(context, model.min_promotes, model.min_promotes_contested))
        for context, row in zip(distinct, probabilities, strict=True)
    }
    return [judged[context] for context in contexts]


def least_promotes(context: tuple[str, str], plain: float, contested: float) -> float:
    """The probability of "promotes" that a text must reach; more than any, where its title has a fact-checker's label."""
    near, _ = context
    if has_fact_check_label(near.partition("\n")[0]):
        return math.inf
    return contested if is_contested(near) else plain


def choose_stance(probabilities: NDArray[np.floating], min_promotes: float) -> tuple[Stance, float]:
    """The stance and its probability. "promotes" must reach ``min_promotes``: flagging a fact-checker is the worse error."""
    if probabilities[PROMOTES] >= min_promotes:
        return "promotes", round(float(probabilities[PROMOTES]), 4)
    others = probabilities.copy()
    others[PROMOTES] = -1.0
    chosen = int(others.argmax())
    return STANCES[chosen], round(float(probabilities[chosen]), 4)


def _find_evidence(model: Model, p: _Prepared, k: int, window: Window) -> tuple[Evidence, ...]:
    """The sentences of the best window (and the title) that carry the score, strongest first."""
    candidates = list(p.sentences[window.first : window.last])
    if window.first > 0 and p.sentences[0].field == "title":
        candidates.insert(0, p.sentences[0])
    margins = (model.claims.vocabulary.weigh([s.text for s in candidates]) @ model.claims.coef[k]) + model.claims.intercept[k]
    order = [int(i) for i in np.argsort(-margins, kind="stable")]
    strongest = float(margins[order[0]])
    span = max(strongest - float(model.claims.intercept[k]), 1e-6)
    chosen = [i for i in order[:MAX_EVIDENCE] if strongest - float(margins[i]) <= 0.5 * span]
    return tuple(Evidence(s.field, s.start, s.end, s.text) for s in (candidates[i] for i in chosen))


def _find_terms(model: Model, k: int, row: sparse.csr_matrix, window: Window) -> tuple[str, ...]:
    """The words of the window whose features weighed most for the narrative, as they stand in the text."""
    words = tokenize(window.text)
    readable: dict[str, str] = {}
    previous = ""
    for word, prefix in zip(words, (f for f in iterate_prefixes(words) if " " not in f), strict=True):
        readable.setdefault(prefix, word)
        if previous:
            readable.setdefault(" ".join(f for f in iterate_prefixes([previous, word]) if " " in f), f"{previous} {word}")
        previous = word
    weights = dict(zip(row.indices.tolist(), (row.data * model.claims.coef[k][row.indices]).tolist(), strict=True))
    weighed = [(weights.get(model.claims.vocabulary.find_prefix(feature), 0.0), term) for feature, term in readable.items()]
    best = sorted((item for item in weighed if item[0] > 0), key=lambda item: (-item[0], item[1]))
    return tuple(term for _, term in best[:MAX_TERMS])
