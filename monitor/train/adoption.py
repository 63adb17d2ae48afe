"""Whether a new bundle may take the place of the one in use: not where it is worse at anything that people rely on.

Both are judged by the same texts, which neither had seen when it answered: the held-out corpus, the texts of it that only report
or refute (the stance set), and what analysts decided. What analysts teach is thus checked against what they did not say.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from monitor.errors import BundleError
from monitor.records import STANCES
from monitor.train.evaluate import judge_texts
from monitor.train.measures import NONE, PROMOTES, Answers, average_precision, draw_weights, find_interval, measure
from monitor.train.thresholds import MIN_PRECISION

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from numpy.typing import NDArray

    from monitor.ports import Classifier
    from monitor.records import LabelledText
    from monitor.train.decided import OneSided
    from monitor.train.heldout import HeldOutAnswers

DRAWS = 200
ADOPTIONS = "ADOPTIONS.jsonl"
# Fewer tell nothing.
MIN_TEXTS = 50
# How much worse is still the same, by measure. Of measures where less is better the gain is the decrease.
TOLERANCES = {
    "mean average precision": 0.01,
    "flags (F0.5)": 0.01,
    "precision of flags": 0.01,
    "flagged though refuting": 0.005,
    "flagged though reporting": 0.005,
    "right stance": 0.01,
    "flags as decided": 0.02,
    "average precision of decisions": 0.02,
}
FLOORS = {"precision of flags": MIN_PRECISION}
LESS_IS_BETTER = frozenset({"flagged though refuting", "flagged though reporting"})

Measures = dict[str, "NDArray[np.float64]"]


@dataclass(frozen=True, slots=True)
class Check:
    """One measure of both bundles on the same texts.

    ``gain`` is positive where the new one is better, ``interval`` its middle 95 %; ``is_worse`` is None where there are too few
    texts to tell.
    """

    part: str
    measure: str
    texts: int
    old: float | None
    new: float | None
    gain: float | None
    interval: tuple[float, float] | None
    is_worse: bool | None


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of one narrative, over the held-out corpus: average precision, and flagged texts."""

    narrative: str
    old_average_precision: float | None
    new_average_precision: float | None
    old_flagged: int
    new_flagged: int

    @property
    def moved(self) -> float:
        """How far its average precision moves, in either direction."""
        return abs((self.new_average_precision or 0.0) - (self.old_average_precision or 0.0))


@dataclass(frozen=True, slots=True)
class Adoption:
    """What speaks for and against a new bundle. ``obstacles`` are sentences; without any it may be adopted."""

    old: str
    new: str
    checks: tuple[Check, ...]
    changes: tuple[Change, ...]
    obstacles: tuple[str, ...]

    @property
    def is_adopted(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.obstacles


@dataclass(frozen=True, eq=False)
class Contender:
    """A bundle with its held-out answers, and what answers texts that it has not seen."""

    bundle_id: str
    held_out: HeldOutAnswers
    classifier: Classifier


class Said(NamedTuple):
    """What a bundle said of one narrative in one text."""

    score: float
    flagged: bool


UNSAID = Said(0.0, flagged=False)


def judge_adoption(
    old: Contender,
    new: Contender,
    decided: Sequence[LabelledText],
    *,
    seed: int,
    one_sided: Sequence[OneSided] = (),
    report_progress: Callable[[int, int], None] = lambda *_: None,
) -> Adoption:
    """Compare a new bundle with the one in use. ``decided`` are the texts of all decisions so far.

    A bundle that learnt from ``one_sided`` accounts is not adopted, however it compares.
    """
    lost = sorted(set(old.held_out.narratives) - set(new.held_out.narratives))
    shared = [narrative for narrative in old.held_out.narratives if narrative in new.held_out.narratives]
    was, now = _align(old.held_out, new.held_out, shared)
    obstacles = [f"it no longer knows {narrative}" for narrative in lost]
    obstacles += _list_one_sided(new.held_out, one_sided)
    if len(was.ids) < MIN_TEXTS:
        obstacles.append(f"the two share only {len(was.ids)} held-out texts, too few to compare them; train it on the corpus too")
        return Adoption(old.bundle_id, new.bundle_id, (), (), tuple(obstacles))
    checks = [*_check_corpus(was, now, seed), *_check_stances(was, now, seed)]
    checks += _check_decided(old, new, decided, shared, seed, report_progress)
    obstacles += [_explain(check) for check in checks if check.is_worse]
    return Adoption(old.bundle_id, new.bundle_id, tuple(checks), _list_changes(was, now), tuple(obstacles))


def _list_one_sided(held_out: HeldOutAnswers, one_sided: Sequence[OneSided]) -> list[str]:
    learnt = {name for name, decided in zip(held_out.ids, held_out.decided, strict=True) if decided}
    return [
        f"it learnt from {one.account}, who confirmed {one.confirmed} of {one.answered} questions on texts that were not flagged; "
        f"look at these decisions, or train without them: monitor train --without {one.account}"
        for one in one_sided
        if one.text_ids & learnt
    ]


def _explain(check: Check) -> str:
    return f"{check.part}: {check.measure} {check.new:.3f} instead of {check.old:.3f}"


def _align(old: HeldOutAnswers, new: HeldOutAnswers, narratives: Sequence[str]) -> tuple[HeldOutAnswers, HeldOutAnswers]:
    """Both bundles' answers on the corpus texts that both held out, in the same order."""
    row_of = {name: row for row, name in enumerate(old.ids) if not old.decided[row]}
    rows = [(row_of[name], row) for row, name in enumerate(new.ids) if not new.decided[row] and name in row_of]
    return old.select([a for a, _ in rows]).keep(narratives), new.select([b for _, b in rows]).keep(narratives)


def _check_corpus(was: HeldOutAnswers, now: HeldOutAnswers, seed: int) -> list[Check]:
    def figure(answers: Answers, weights: NDArray[np.float64]) -> Measures:
        figures = measure(answers, weights)
        return {
            "mean average precision": figures["mean_average_precision"],
            "flags (F0.5)": _weigh_flags(figures["precision"], figures["recall"]),
            "precision of flags": figures["precision"],
        }

    return _compare("held-out corpus", was, now, figure, seed)


def _weigh_flags(precision: NDArray[np.float64], recall: NDArray[np.float64]) -> NDArray[np.float64]:
    """F0.5: precision counts twice as much as recall. Without any flag nothing is found, so it is 0."""
    found = np.nan_to_num(precision)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.nan_to_num(1.25 * found * recall / (0.25 * found + recall))


def _check_stances(was: HeldOutAnswers, now: HeldOutAnswers, seed: int) -> list[Check]:
    """On texts that carry something and promote nothing: whether they are left unflagged, and their stance is seen."""
    gold = now.answers.gold
    rows = np.flatnonzero((gold != NONE).any(axis=1) & ~(gold == PROMOTES).any(axis=1)).tolist()

    def figure(answers: Answers, weights: NDArray[np.float64]) -> Measures:
        figures = measure(answers, weights)
        carried = answers.gold != NONE
        right = weights @ (carried & (answers.said == answers.gold)).sum(axis=1)
        return {
            "flagged though refuting": figures["false_flags_refutes"],
            "flagged though reporting": figures["false_flags_reports"],
            "right stance": right / np.maximum(weights @ carried.sum(axis=1), 1.0),
        }

    return _compare("stance set", was.select(rows), now.select(rows), figure, seed)


def _compare(
    part: str,
    was: HeldOutAnswers,
    now: HeldOutAnswers,
    figure: Callable[[Answers, NDArray[np.float64]], Measures],
    seed: int,
) -> list[Check]:
    """Every figure of both, over the same draws of the texts' groups."""
    weights = np.vstack([np.ones((1, len(now.ids))), draw_weights(now.groups, draws=DRAWS, seed=seed)])
    # What is right is what the newer corpus says.
    old = figure(replace(was.answers, gold=now.answers.gold, whole=now.answers.whole), weights)
    new = figure(now.answers, weights)
    return [_make_check(part, name, len(now.ids), old[name], new[name]) for name in new]


def _make_check(part: str, name: str, texts: int, old: NDArray[np.float64], new: NDArray[np.float64]) -> Check:
    """The first of each row is the figure itself, the others are its resamples."""
    gains = (old - new) if name in LESS_IS_BETTER else (new - old)
    if texts < MIN_TEXTS or np.isnan(gains[0]):
        return Check(part, name, texts, _plain(old[0]), _plain(new[0]), None, None, None)
    found = find_interval(gains[1:])
    interval = (found[0], found[1]) if found else None
    tolerance, highest = TOLERANCES[name], interval[1] if interval else 0.0
    # Beyond the tolerance, unless that may as well be chance; or surely, if not by next to nothing.
    is_worse = bool((gains[0] < -tolerance and highest < tolerance) or (gains[0] < -tolerance / 4 and highest < 0))
    if name in FLOORS:
        # More flags at a precision that is still as high as thresholds promise is no loss.
        is_worse = is_worse and bool(new[0] < FLOORS[name])
    return Check(part, name, texts, _plain(old[0]), _plain(new[0]), round(float(gains[0]), 4), interval, is_worse)


def _plain(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), 4)


def _check_decided(
    old: Contender,
    new: Contender,
    decided: Sequence[LabelledText],
    narratives: Sequence[str],
    seed: int,
    report_progress: Callable[[int, int], None],
) -> list[Check]:
    """On every narrative that was decided of a text: whether it was flagged as they say, and ranked above what they reject."""
    total = 2 * len(decided)
    was_said = answer_decided(old, decided, lambda done: report_progress(done, total))
    now_said = answer_decided(new, decided, lambda done: report_progress(len(decided) + done, total))
    pairs = [(i, n) for i, text in enumerate(decided) for n in sorted(_known(text, narratives))]
    promoted = np.array([decided[i].labels.get(n) == "promotes" for i, n in pairs], dtype=bool)
    carried = np.array([n in decided[i].labels for i, n in pairs], dtype=bool)
    groups = [decided[i].group for i, _ in pairs]
    weights = np.vstack([np.ones((1, len(pairs))), draw_weights(groups, draws=DRAWS, seed=seed)])

    def figure(said: Sequence[Mapping[str, Said]]) -> Measures:
        answers = [said[i].get(n, UNSAID) for i, n in pairs]
        flagged = np.array([answer.flagged for answer in answers], dtype=bool)
        scores = np.array([answer.score for answer in answers], dtype=np.float64)
        return {
            "flags as decided": weights @ (flagged == promoted) / np.maximum(weights.sum(axis=1), 1.0),
            "average precision of decisions": average_precision(scores, carried, weights),
        }

    was, now = figure(was_said), figure(now_said)
    return [_make_check("past decisions", name, len(decided) if pairs else 0, was[name], now[name]) for name in now]


def _known(text: LabelledText, narratives: Sequence[str]) -> frozenset[str]:
    return frozenset(narratives) & (text.known if text.known is not None else frozenset(narratives))


def answer_decided(
    contender: Contender, decided: Sequence[LabelledText], report_progress: Callable[[int], None] = lambda _: None
) -> list[dict[str, Said]]:
    """What a bundle says of decided texts: of those that it was trained on, what it said while they were held out."""
    held_out = contender.held_out
    row_of = {name: row for row, name in enumerate(held_out.ids)}
    unseen = [text for text in decided if text.document.id not in row_of]
    judged = judge_texts(contender.classifier, unseen, lambda done, _: report_progress(done))
    said = {
        text.document.id: {n: Said(answer.score, answer.flagged) for n, answer in row.items()}
        for text, row in zip(unseen, judged, strict=True)
    }
    answers = held_out.answers
    for row in (row_of[text.document.id] for text in decided if text.document.id in row_of):
        values = zip(held_out.narratives, answers.scores[row].tolist(), answers.flagged[row].tolist(), strict=True)
        said[held_out.ids[row]] = {n: Said(score, flagged) for n, score, flagged in values}
    return [said[text.document.id] for text in decided]


def _list_changes(was: HeldOutAnswers, now: HeldOutAnswers) -> tuple[Change, ...]:
    """All narratives, those whose average precision moves most first."""
    one = np.ones((1, len(now.ids)))
    carried = now.answers.gold != NONE
    changes = [
        Change(
            narrative,
            _plain(average_precision(was.answers.scores[:, k], carried[:, k], one)[0]),
            _plain(average_precision(now.answers.scores[:, k], carried[:, k], one)[0]),
            int(was.answers.flagged[:, k].sum()),
            int(now.answers.flagged[:, k].sum()),
        )
        for k, narrative in enumerate(now.narratives)
    ]
    return tuple(
        sorted(changes, key=lambda c: (-abs((c.new_average_precision or 0) - (c.old_average_precision or 0)), c.narrative))
    )


def measure_decided(texts: Sequence[LabelledText], held_out: HeldOutAnswers) -> dict[str, object]:
    """Figures of the decided texts that a bundle was trained on, from the answers while they were held out, for its card."""
    row_of = {name: row for row, name in enumerate(held_out.ids)}
    pairs = [(text, n, row_of[text.document.id]) for text in texts for n in sorted(_known(text, held_out.narratives))]
    column = {narrative: k for k, narrative in enumerate(held_out.narratives)}
    right = [bool(held_out.answers.flagged[row, column[n]]) == (text.labels.get(n) == "promotes") for text, n, row in pairs]
    stances = Counter(text.labels.get(n, "not carried") for text, n, _ in pairs)
    return {
        "texts": len(texts),
        "pairs": len(pairs),
        "flags_as_decided": round(sum(right) / len(right), 4) if right else None,
        "decided": {name: stances[name] for name in (*STANCES, "not carried")},
    }


def note_adoption(models: Path, new: str, old: Path | None, adoption: Adoption | None, *, at: datetime) -> None:
    """Add a line on a change of bundles to the models folder's record. Raises `BundleError` where it cannot be written."""
    line = {
        "at": at.isoformat(timespec="seconds"),
        "from": old.resolve().name if old else None,
        "to": new,
        "forced": adoption is None,
        "checks": [asdict(check) for check in adoption.checks] if adoption else [],
    }
    try:
        with (models / ADOPTIONS).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
    except OSError as error:
        raise BundleError(f"bundle {new}: is in use, but {models / ADOPTIONS} cannot be written ({error.strerror})") from error
