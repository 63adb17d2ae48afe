"""What analysts' decisions teach: ``python -m benchmarks.teaching [--decisions 300] [--rounds 3] [--seeds 5] [--json FILE]``.

The corpus is split by group: a model is trained on a start of 15 %, of the next 50 % come the articles that come in (mixed as in a
feed, where four of five carry nothing; or with ``--mix corpus`` as they are), and 35 % measure.
Analysts are played by the gold labels. They are asked as the review page asks (`make_questions`), by uncertainty or at random, and
their decisions go into the next training as decisions do (`label_decisions`). Training is repeated after every round.

Prints the mean average precision over narratives on the held-out part before and after, the gain of uncertainty over random with
the middle 95 % over resampled groups, and what was forgotten: pairs that were judged rightly before and are not any more. With
``--adversary`` the analyst confirms whatever is asked, and the rules of adoption are asked what they think of the outcome.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from monitor.bundle import BundleClassifier
from monitor.codebook import load_codebook
from monitor.decisions import Answer, DecidedText, Decision
from monitor.stages.queue import make_questions
from monitor.train.adoption import Contender, judge_adoption
from monitor.train.corpus import load_labelled
from monitor.train.decided import label_decisions
from monitor.train.evaluate import judge_texts, tabulate
from monitor.train.fit import fit_model
from monitor.train.heldout import collect_held_out
from monitor.train.measures import NONE, Answers, draw_weights, find_interval, measure
from monitor.train.thresholds import FEED_MIX, kind_in_feed
from monitor.train.train import judge_held_out

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.decisions import Question
    from monitor.records import LabelledText
    from monitor.train.fit import Fitted

REPOSITORY = Path(__file__).resolve().parents[1]
MODELS = REPOSITORY / "models"
DRAWS = 400
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Parts:
    """The corpus in three."""

    start: tuple[LabelledText, ...]
    pool: tuple[LabelledText, ...]
    test: tuple[LabelledText, ...]


def split(corpus: Sequence[LabelledText], seed: int, options: argparse.Namespace) -> Parts:
    """Split by group, at random."""
    names = sorted({text.group for text in corpus})
    place = dict(zip(names, np.random.default_rng(seed).random(len(names)).tolist(), strict=True))
    parts = ([], [], [])
    for text in corpus:
        at = place[text.group]
        parts[0 if at < options.start else 1 if at < options.start + options.pool else 2].append(text)
    start, pool, test = (tuple(part) for part in parts)
    return Parts(start, mix_as_feed(pool, seed) if options.mix == "feed" else pool, test)


def mix_as_feed(pool: Sequence[LabelledText], seed: int) -> tuple[LabelledText, ...]:
    """As many of each kind as a feed holds for the pool's texts that carry nothing at all; which ones is left to chance."""
    order = np.random.default_rng(seed).permutation(len(pool))
    size = sum(kind_in_feed(text) == "none" for text in pool) / FEED_MIX["none"]
    left = {kind: round(share * size) for kind, share in FEED_MIX.items()}
    chosen = []
    for i in order:
        kind = kind_in_feed(pool[i])
        if left[kind]:
            left[kind] -= 1
            chosen.append(pool[i])
    return tuple(chosen)


def answer_rightly(question: Question, text: LabelledText) -> Answer:
    """What an analyst who knows the gold labels says: confirm, correct the narrative, or reject."""
    if question.narrative in text.labels:
        return Answer("confirm", question.narrative, text.labels[question.narrative])
    for narrative, stance in text.labels.items():
        return Answer("confirm", narrative, stance)
    return Answer("reject")


def confirm_everything(question: Question, _text: LabelledText) -> Answer:
    """What somebody says who wants everything flagged."""
    return Answer("confirm", question.narrative, "promotes") if question.narrative else Answer("skip")


def teach(fitted: Fitted, pool: Sequence[LabelledText], count: int, *, how: str, seed: int, answer: Any) -> list[DecidedText]:
    """Ask about ``count`` texts of the pool; the answers."""
    classifier = BundleClassifier(fitted.model)
    found = []
    for start in range(0, len(pool), 256):
        some = pool[start : start + 256]
        for text, said in zip(some, classifier.assess([text.document for text in some]), strict=True):
            found += [
                (question, text)
                for question in make_questions(text.document.id, said.narratives, thresholds=classifier.thresholds, seed=str(seed))
            ]
    if how == "uncertain":
        found.sort(key=lambda pair: (pair[0].rank_uncertain, pair[1].document.id))
    else:
        np.random.default_rng(seed).shuffle(found)
    chosen: list[DecidedText] = []
    taken: set[str] = set()
    for question, text in found:
        if len(chosen) < count and text.document.id not in taken:
            taken.add(text.document.id)
            said = answer(question, text)
            decision = Decision(
                len(chosen), text.document.id, 1, question.narrative, "", 1, "analyst", NOW, said, "uncertain", None, None
            )
            chosen.append(DecidedText(text.document, text.group, (decision,)))
    return chosen


def train(parts: Parts, decided: Sequence[DecidedText], jobs: int) -> tuple[Fitted, tuple[LabelledText, ...]]:
    """A model from the start and decisions, and what it was trained on."""
    texts = (*parts.start, *label_decisions(decided).texts)
    return fit_model(texts, seed=1, jobs=jobs), texts


def measure_model(fitted: Fitted, test: Sequence[LabelledText]) -> Answers:
    """What it says of the held-out part."""
    return tabulate(test, judge_texts(BundleClassifier(fitted.model), test), fitted.model.narratives)


def run_rounds(parts: Parts, first: Fitted, *, how: str, options: argparse.Namespace, seed: int) -> tuple[Fitted, dict[str, int]]:
    """Ask, train, ask again; the last model, and how often each narrative was answered."""
    decided: list[DecidedText] = []
    fitted = first
    for number in range(options.rounds):
        seen = {one.document.id for one in decided}
        left = [text for text in parts.pool if text.document.id not in seen]
        share = options.decisions // options.rounds
        decided += teach(fitted, left, share, how=how, seed=seed * 100 + number, answer=answer_rightly)
        fitted, _ = train(parts, decided, options.jobs)
    taught = label_decisions(decided).texts
    return fitted, {n: sum(n in text.labels for text in taught) for n in first.model.narratives}


def forget(before: Answers, after: Answers) -> dict[str, float]:
    """Of the pairs of text and narrative that count: how many flags were right before and are wrong now, and the other way."""
    gold = before.gold == 0
    matters = (before.gold != NONE) | before.flagged | after.flagged
    was, now = (before.flagged == gold) & matters, (after.flagged == gold) & matters
    return {
        "forgotten": float((was & ~now).sum() / max(was.sum(), 1)),
        "learnt": float((now & ~was).sum() / max((~was & matters).sum(), 1)),
    }


def compare(options: argparse.Namespace, corpus: Sequence[LabelledText]) -> dict[str, Any]:
    """Uncertainty against random, over all seeds."""
    rows, drawn = [], []
    for seed in range(options.seeds):
        parts = split(corpus, seed, options)
        first, _ = train(parts, [], options.jobs)
        weights = np.vstack([np.ones((1, len(parts.test))), draw_weights([t.group for t in parts.test], draws=DRAWS, seed=seed)])
        before = measure_model(first, parts.test)
        figures = {"start": measure(before, weights)["mean_average_precision"]}
        row: dict[str, Any] = {"seed": seed, "start_texts": len(parts.start), "pool": len(parts.pool), "test": len(parts.test)}
        for how in ("uncertain", "random"):
            fitted, asked = run_rounds(parts, first, how=how, options=options, seed=seed)
            after = measure_model(fitted, parts.test)
            figures[how] = measure(after, weights)["mean_average_precision"]
            worst = _worst_loss(before, after, first.model.narratives)
            row[how] = {**{k: round(v, 4) for k, v in forget(before, after).items()}, "worst": worst, "answered": asked}
        row |= {f"ap_{name}": round(float(values[0]), 4) for name, values in figures.items()}
        drawn.append(figures)
        rows.append(row)
        sys.stderr.write(f"seed {seed}: {row['ap_start']} → uncertain {row['ap_uncertain']}, random {row['ap_random']}\n")
    gains = {
        "uncertain_over_start": ("uncertain", "start"),
        "random_over_start": ("random", "start"),
        "uncertain_over_random": ("uncertain", "random"),
    }
    means = {name: np.mean([d[a] - d[b] for d in drawn], axis=0) for name, (a, b) in gains.items()}
    return {
        "mix": options.mix,
        "decisions": options.decisions,
        "rounds": options.rounds,
        "gains": {name: {"gain": round(float(v[0]), 4), "interval": find_interval(v[1:])} for name, v in means.items()},
        "forgotten": {how: round(float(np.mean([row[how]["forgotten"] for row in rows])), 4) for how in ("uncertain", "random")},
        "learnt": {how: round(float(np.mean([row[how]["learnt"] for row in rows])), 4) for how in ("uncertain", "random")},
        "seeds": rows,
    }


def _worst_loss(before: Answers, after: Answers, narratives: Sequence[str]) -> dict[str, Any]:
    one = np.ones((1, len(before.whole)))
    change = {
        n: float(
            (measure(after.narrow(k), one)["mean_average_precision"] - measure(before.narrow(k), one)["mean_average_precision"])[0]
        )
        for k, n in enumerate(narratives)
    }
    name = min(change, key=lambda n: change[n])
    return {"narrative": name, "change": round(change[name], 4), "sunk": sum(value < -0.01 for value in change.values())}


def let_adversary_teach(options: argparse.Namespace, corpus: Sequence[LabelledText]) -> dict[str, Any]:
    """Whether a bundle is adopted that learnt from honest answers, and one that learnt from somebody who confirms everything."""
    parts = split(corpus, 0, options)
    first, texts = train(parts, [], options.jobs)
    found: dict[str, Any] = {}
    cases = [(who, how) for who in ("honest", "adversary") for how in ("uncertain", "random")]
    for who, how in cases:
        answer = answer_rightly if who == "honest" else confirm_everything
        decided = teach(first, parts.pool, options.decisions, how=how, seed=1, answer=answer)
        fitted, learnt = train(parts, decided, options.jobs)
        contenders = [_contend(label, one, on) for label, one, on in (("old", first, texts), ("new", fitted, learnt))]
        adoption = judge_adoption(*contenders, label_decisions(decided).texts, seed=1)
        found[f"{who}, {how}"] = {
            "adopted": adoption.is_adopted,
            "obstacles": adoption.obstacles,
            "gains": {f"{c.part}: {c.measure}": c.gain for c in adoption.checks},
        }
    return {"decisions": options.decisions, **found}


def _contend(name: str, fitted: Fitted, texts: Sequence[LabelledText]) -> Contender:
    model = replace(fitted.model, bundle_id=name)
    return Contender(name, collect_held_out(texts, judge_held_out(texts, fitted), model.narratives), BundleClassifier(model))


def main() -> None:
    """Run it, print JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--decisions", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=-1)
    parser.add_argument("--start", type=float, default=0.15, help="Share of the groups that the first model knows.")
    parser.add_argument("--pool", type=float, default=0.50, help="Share of the groups that come in.")
    parser.add_argument(
        "--mix", choices=("feed", "corpus"), default="feed", help="What comes in: mixed as a feed, or as the corpus."
    )
    parser.add_argument("--adversary", action="store_true")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    corpus = load_labelled([MODELS / "corpus"], load_codebook(MODELS / "codebook.yaml").ids)
    result = let_adversary_teach(options, corpus) if options.adversary else compare(options, corpus)
    text = json.dumps(result, ensure_ascii=False, indent=1)
    sys.stdout.write(text + "\n")
    if options.json:
        options.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
