"""Scores a bundle, or held-out answers, against gold labels."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from monitor.records import (
    STANCES,
    Assessment,
    Document,
    LabelledText,
    Stance,
)
from monitor.train.measures import (
    FALSE_FLAGS,
    MIXED,
    NONE,
    Answers,
    calibrate_bins,
    draw_weights,
    find_interval,
    measure,
    to_json,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from monitor.ports import Classifier

RESAMPLES = 200
RESAMPLING_SEED = 20140227
BATCH_TEXTS = 64
MAX_CONFUSIONS = 20
LENGTHS = ("headline", "summary", "text")


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


def judge_texts(
    classifier: Classifier, texts: Sequence[LabelledText], report_progress: Callable[[int, int], None] = lambda *_: None
) -> list[dict[str, Judged]]:
    """What a classifier says of each text; ``report_progress`` hears how many of how many are done."""
    judged: list[dict[str, Judged]] = []
    for start in range(0, len(texts), BATCH_TEXTS):
        judged += judge(classifier.assess([text.document for text in texts[start : start + BATCH_TEXTS]]))
        report_progress(len(judged), len(texts))
    return judged


def tabulate(gold: Sequence[LabelledText], judged: Sequence[dict[str, Judged]], narratives: Sequence[str]) -> Answers:
    """Gold and said as arrays, over the narratives that the model knows."""
    column = {narrative: k for k, narrative in enumerate(narratives)}
    shape = (len(gold), len(narratives))
    gold_stances, said = np.full(shape, NONE, dtype=np.int8), np.full(shape, NONE, dtype=np.int8)
    scores, flagged = np.zeros(shape), np.zeros(shape, dtype=bool)
    for i, (text, row) in enumerate(zip(gold, judged, strict=True)):
        for narrative, stance in text.labels.items():
            if narrative in column:
                gold_stances[i, column[narrative]] = STANCES.index(stance)
        for narrative, answer in row.items():
            k = column[narrative]
            scores[i, k], flagged[i, k] = answer.score, answer.flagged
            said[i, k] = NONE if answer.stance is None else STANCES.index(answer.stance)
    whole = np.array([_whole_stance(text) for text in gold], dtype=np.int8)
    hits = np.array([find_top(row) in text.labels for text, row in zip(gold, judged, strict=True)], dtype=bool)
    return Answers(gold_stances, said, scores, flagged, whole, hits)


def _whole_stance(text: LabelledText) -> int:
    stances = set(text.labels.values())
    return NONE if not stances else STANCES.index(stances.pop()) if len(stances) == 1 else MIXED


def find_top(row: dict[str, Judged]) -> str | None:
    """The top-scored narrative of an answer; None where nothing scores above zero."""
    top = max(sorted(row), key=lambda narrative: row[narrative].score, default=None)
    return top if top is not None and row[top].score > 0 else None


def evaluate(
    gold: Sequence[LabelledText],
    judged: Sequence[dict[str, Judged]],
    narratives: Sequence[str],
    *,
    resamples: int = RESAMPLES,
    seed: int = RESAMPLING_SEED,
    report_progress: Callable[[int, int], None] = lambda *_: None,
) -> dict[str, Any]:
    """Metrics as plain JSON values, over the narratives that the model knows; the reference documentation describes each.

    ``intervals`` hold the middle 95 % of each figure over ``resamples`` draws of the texts' groups with replacement: none
    where that is 0, or where all texts are of one group. Same input and seed, same figures.
    """
    answers = tabulate(gold, judged, narratives)
    groups = [text.group for text in gold]
    draws = resamples if len(set(groups)) > 1 else 0
    weights = draw_weights(groups, draws=draws, seed=seed)
    slices = _slice(gold)
    total = 1 + sum(map(len, slices.values())) + len(narratives)
    done = iter(range(1, total + 1))

    def figure(chosen: Answers, chosen_weights: NDArray[np.float64]) -> dict[str, Any]:
        figures = _figure(chosen, chosen_weights)
        report_progress(next(done), total)
        return figures

    return {
        "groups": len(set(groups)),
        "resamples": draws,
        "seed": seed,
        **figure(answers, weights),
        **{
            by: {part: figure(answers.select(rows), weights[:, rows]) for part, rows in parts.items()}
            for by, parts in slices.items()
        },
        "flagged_by_kind": _flagged_share(answers, [text.kind or _kind_of(text) for text in gold]),
        "flagged_by_language": _flagged_share(answers, [_language_of(text) for text in gold]),
        "narratives": {
            narrative: _name_narrative(figure(answers.narrow(k), weights), answers.narrow(k), slices["by_language"])
            for k, narrative in enumerate(narratives)
        },
        "confusions": _count_confusions(gold, judged, narratives),
        "not_in_bundle": sorted({n for text in gold for n in text.labels} - set(narratives)),
    }


def _slice(gold: Sequence[LabelledText]) -> dict[str, dict[str, NDArray[np.bool_]]]:
    """Which texts are of each language, length class and stance; parts without a text are left out."""
    languages = np.array([_language_of(text) for text in gold])
    lengths = np.array([length_class(text.document) for text in gold])
    stances: tuple[str, ...] = STANCES
    parts = {
        "by_language": {lang: languages == lang for lang in sorted(set(languages.tolist()))},
        "by_length": {length: lengths == length for length in LENGTHS},
        "by_stance": {
            **{stance: np.array([stance in text.labels.values() for text in gold]) for stance in stances},
            "none": np.array([not text.labels for text in gold]),
        },
    }
    return {by: {part: rows for part, rows in named.items() if rows.any()} for by, named in parts.items()}


def length_class(document: Document) -> str:
    """``headline``: neither summary nor text; ``summary``: no text; else ``text``."""
    return "text" if document.text.strip() else "summary" if document.summary.strip() else "headline"


def _language_of(text: LabelledText) -> str:
    return text.document.lang or "und"


def _kind_of(text: LabelledText) -> str:
    return "/".join(sorted(set(text.labels.values()))) or "none"


def _figure(answers: Answers, weights: NDArray[np.float64]) -> dict[str, Any]:
    """All figures of some texts, with intervals from ``weights`` (draws x these texts)."""
    texts = len(answers.whole)
    points = measure(answers, np.ones((1, texts)))
    drawn = measure(answers, weights) if len(weights) else {}
    any_flag = answers.any_flag
    calibration = calibrate_bins(answers)
    return {
        "texts": texts,
        **{name: to_json(value[0]) for name, value in points.items() if not name.startswith("false_flags")},
        "flagged": int(any_flag.sum()),
        "flagged_share": _ratio(int(any_flag.sum()), texts),
        "false_flags": {name: _count_flagged(any_flag[answers.are_wholly(code)]) for name, code in FALSE_FLAGS.items()},
        "ece": calibration["ece"],
        "ece_shown": calibration["ece_shown"],
        "calibration": calibration["bins"],
        "stance": _count_stances(answers),
        "intervals": {name: find_interval(values) for name, values in drawn.items()},
    }


def _name_narrative(figures: dict[str, Any], answers: Answers, languages: dict[str, NDArray[np.bool_]]) -> dict[str, Any]:
    """The figures of one narrative, where a mean over narratives and a pool of them are the same."""
    intervals = {name: value for name, value in figures["intervals"].items() if name != "micro_average_precision"}
    if intervals:
        intervals = {"average_precision": intervals.pop("mean_average_precision"), **intervals}
    left_out = {"texts", "mean_average_precision", "micro_average_precision", "flagged_share", "calibration", "intervals"}
    return {
        "carried": int((answers.gold != NONE).sum()),
        "promoted": int((answers.gold == 0).sum()),
        "average_precision": figures["mean_average_precision"],
        **{name: value for name, value in figures.items() if name not in left_out},
        "by_language": {lang: _figure_language(answers.select(rows)) for lang, rows in languages.items()},
        "intervals": intervals,
    }


def _figure_language(answers: Answers) -> dict[str, Any]:
    points = measure(answers, np.ones((1, len(answers.whole))))
    return {
        "carried": int((answers.gold != NONE).sum()),
        "average_precision": to_json(points["mean_average_precision"][0]),
        **{name: to_json(points[name][0]) for name in ("precision", "recall", "f1", "hit_at_1")},
    }


def _count_stances(answers: Answers) -> dict[str, dict[str, int]]:
    """Gold stance → said stance → pairs, over carried narratives."""
    said: dict[str, int] = {**dict(zip(STANCES, range(len(STANCES)), strict=True)), "not listed": NONE}
    return {
        stance: {name: int(((answers.gold == k) & (answers.said == code)).sum()) for name, code in said.items()}
        for k, stance in enumerate(STANCES)
    }


def _flagged_share(answers: Answers, parts: Sequence[str]) -> dict[str, dict[str, Any]]:
    return {part: _count_flagged(answers.any_flag[[name == part for name in parts]]) for part in sorted(set(parts))}


def _count_flagged(flags: NDArray[np.bool_]) -> dict[str, Any]:
    flagged = int(flags.sum())
    return {"texts": len(flags), "flagged": flagged, "share": _ratio(flagged, len(flags))}


def _count_confusions(
    gold: Sequence[LabelledText], judged: Sequence[dict[str, Judged]], narratives: Sequence[str]
) -> list[dict[str, Any]]:
    """How often a narrative that the text does not carry was scored above all that it carries; the most frequent first."""
    counts: Counter[tuple[str, str]] = Counter()
    for text, row in zip(gold, judged, strict=True):
        top = find_top(row)
        if top is not None and top not in text.labels:
            counts.update((narrative, top) for narrative in text.labels if narrative in narratives)
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:MAX_CONFUSIONS]
    return [{"gold": carried, "said": said, "texts": count} for (carried, said), count in ranked]


def _ratio(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None
