"""What would change if another bundle were used: two classifiers on the same texts, in memory that does not grow with them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from monitor.records import (
    Document,
    LabelledText,
)
from monitor.text import clean_line, truncate
from monitor.train.evaluate import UNLISTED, judge, tabulate
from monitor.train.measures import MIN_SHOWN_SCORE, Answers, join_answers, measure, to_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from monitor.ports import Classifier
    from monitor.records import (
        Assessment,
    )
    from monitor.train.evaluate import Judged

BATCH_TEXTS = 64
MAX_TITLE_CHARS = 120
CHANGES = ("newly_flagged", "no_longer_flagged", "stance_changed")
FIGURES = ("mean_average_precision", "micro_average_precision", "hit_at_1", "precision", "recall", "f1")
FALSE_FLAGS = ("false_flags_none", "false_flags_reports", "false_flags_refutes")


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two bundles, and the narratives that it knows."""

    classifier: Classifier
    narratives: tuple[str, ...]


@dataclass(slots=True)
class _Changes:
    """What changed in one narrative so far; ``examples`` are (minus the change in score, id, example), the widest first."""

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(CHANGES, 0))
    examples: dict[str, list[tuple[float, str, dict[str, Any]]]] = field(default_factory=lambda: {kind: [] for kind in CHANGES})
    total_change: float = 0.0
    shown: int = 0
    total_change_shown: float = 0.0


@dataclass(slots=True)
class _Tally:
    """Counts of a comparison while it goes on."""

    texts: int = 0
    failed: int = 0
    labelled: int = 0
    flagged: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("a", "b", "newly", "no_longer"), 0))
    narratives: defaultdict[str, _Changes] = field(default_factory=lambda: defaultdict(_Changes))
    answers_a: list[Answers] = field(default_factory=list)
    answers_b: list[Answers] = field(default_factory=list)


def compare(
    a: Side,
    b: Side,
    texts: Iterable[Document | LabelledText],
    *,
    examples: int,
    report_progress: Callable[[int], None] = lambda _: None,
) -> dict[str, Any]:
    """What changes from ``a`` to ``b``, as plain JSON values: over all texts, and for each narrative that either knows.

    ``examples`` is how many texts each kind of change names, those with the widest change in score. Texts with labels give
    figures of both: of each narrative, and over the narratives that both know, so that like is compared with like. A text
    that breaks a model is counted as failed and left out. ``report_progress`` hears how many texts are done.
    """
    tally = _Tally()
    remaining = iter(texts)
    while batch := list(islice(remaining, BATCH_TEXTS)):
        _compare_batch(tally, a, b, batch, examples)
        report_progress(tally.texts + tally.failed)
    shared = [narrative for narrative in a.narratives if narrative in b.narratives]
    figures_a, figures_b = (
        _figure(answers, side.narratives, shared) for answers, side in ((tally.answers_a, a), (tally.answers_b, b))
    )
    known = sorted({*a.narratives, *b.narratives})
    return {
        "a": a.classifier.bundle_id,
        "b": b.classifier.bundle_id,
        "texts": tally.texts,
        "failed": tally.failed,
        "labelled": tally.labelled,
        "flagged": tally.flagged,
        "figures": {"a": figures_a.get("", {}), "b": figures_b.get("", {})},
        "narratives": {
            n: {
                "in_a": n in a.narratives,
                "in_b": n in b.narratives,
                **_summarize(tally.narratives[n], tally.texts),
                "a": figures_a.get(n, {}),
                "b": figures_b.get(n, {}),
            }
            for n in known
        },
    }


def _compare_batch(tally: _Tally, a: Side, b: Side, batch: Sequence[Document | LabelledText], examples: int) -> None:
    assessed = list(_assess_both(a.classifier, b.classifier, batch))
    tally.texts += len(assessed)
    tally.failed += len(batch) - len(assessed)
    judged_a = judge([of_a for _, of_a, _ in assessed])
    judged_b = judge([of_b for _, _, of_b in assessed])
    for (text, _, _), row_a, row_b in zip(assessed, judged_a, judged_b, strict=True):
        _count_text(tally, text.document if isinstance(text, LabelledText) else text, row_a, row_b, examples)
    labelled = [(i, text) for i, (text, _, _) in enumerate(assessed) if isinstance(text, LabelledText)]
    if labelled:
        gold = [text for _, text in labelled]
        tally.labelled += len(gold)
        tally.answers_a.append(tabulate(gold, [judged_a[i] for i, _ in labelled], a.narratives))
        tally.answers_b.append(tabulate(gold, [judged_b[i] for i, _ in labelled], b.narratives))


def _assess_both(
    a: Classifier, b: Classifier, texts: Sequence[Document | LabelledText]
) -> Iterator[tuple[Document | LabelledText, Assessment, Assessment]]:
    """Each text with both answers; those that break one of the models are left out."""
    documents = [text.document if isinstance(text, LabelledText) else text for text in texts]
    try:
        answers = list(zip(texts, a.assess(documents), b.assess(documents), strict=True))
    except Exception:  # noqa: BLE001 - which text it was shows below; it must cost only itself
        answers = []
        if len(texts) > 1:
            for text in texts:
                yield from _assess_both(a, b, [text])
    yield from answers


def _count_text(tally: _Tally, document: Document, row_a: dict[str, Judged], row_b: dict[str, Judged], examples: int) -> None:
    was, now = (any(said.flagged for said in row.values()) for row in (row_a, row_b))
    for name, counts in {"a": was, "b": now, "newly": now and not was, "no_longer": was and not now}.items():
        tally.flagged[name] += counts
    for narrative in {*row_a, *row_b}:
        _count_narrative(
            tally.narratives[narrative], document, row_a.get(narrative, UNLISTED), row_b.get(narrative, UNLISTED), examples
        )


def _count_narrative(changes: _Changes, document: Document, was: Judged, now: Judged, examples: int) -> None:
    change = abs(now.score - was.score)
    changes.total_change += change
    if max(was.score, now.score) >= MIN_SHOWN_SCORE:
        changes.shown += 1
        changes.total_change_shown += change
    for kind in find_changes(was, now):
        changes.counts[kind] += 1
        found = changes.examples[kind]
        found.append((-change, document.id, _make_example(document, was, now)))
        found.sort(key=lambda item: item[:2])
        del found[examples:]


def find_changes(was: Judged, now: Judged) -> tuple[str, ...]:
    """Which of `CHANGES` happened to a narrative in a text."""
    happened = {
        "newly_flagged": now.flagged and not was.flagged,
        "no_longer_flagged": was.flagged and not now.flagged,
        "stance_changed": was.is_carried and now.is_carried and was.stance != now.stance,
    }
    return tuple(kind for kind in CHANGES if happened[kind])


def _make_example(document: Document, was: Judged, now: Judged) -> dict[str, Any]:
    title = document.title if document.title.strip() else document.summary or document.text
    return {
        "id": clean_line(document.id),
        "title": truncate(clean_line(title[: 4 * MAX_TITLE_CHARS]), MAX_TITLE_CHARS),
        "a": {"score": to_json(was.score), "stance": was.stance, "flagged": was.flagged},
        "b": {"score": to_json(now.score), "stance": now.stance, "flagged": now.flagged},
    }


def _summarize(changes: _Changes, texts: int) -> dict[str, Any]:
    return {
        **changes.counts,
        "mean_change": to_json(changes.total_change / texts if texts else np.nan),
        "mean_change_shown": to_json(changes.total_change_shown / changes.shown if changes.shown else np.nan),
        "examples": {kind: [example for *_, example in found] for kind, found in changes.examples.items()},
    }


def _figure(parts: Sequence[Answers], narratives: tuple[str, ...], shared: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Figures of each narrative, and under an empty name of the shared ones; nothing where no text was labelled."""
    if not parts:
        return {}
    answers = join_answers(parts)
    figures: dict[str, dict[str, Any]] = {}
    if shared:
        figures[""] = _measure_once(answers.keep([narratives.index(n) for n in shared]), (*FIGURES, *FALSE_FLAGS))
    for k, narrative in enumerate(narratives):
        one = _measure_once(answers.narrow(k), ("mean_average_precision", "precision", "recall"))
        figures[narrative] = {"average_precision": one.pop("mean_average_precision"), **one}
    return figures


def _measure_once(answers: Answers, names: Sequence[str]) -> dict[str, Any]:
    figures = measure(answers, np.ones((1, len(answers.whole))))
    return {name: to_json(figures[name][0]) for name in names}
