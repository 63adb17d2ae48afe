"""From a corpus on disk to a bundle on disk."""

from __future__ import annotations

import json
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from monitor.bundle import save_bundle
from monitor.records import STANCES
from monitor.stages.classify import choose_stance, least_promotes
from monitor.train.card import render_card
from monitor.train.corpus import hash_corpus, load_labelled
from monitor.train.evaluate import Judged, evaluate
from monitor.train.fit import fit_model

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from monitor.codebook import Codebook
    from monitor.records import LabelledText
    from monitor.train.fit import Fitted

DEFAULT_SEED = 20140227


def train_bundle(  # noqa: PLR0913 - all by keyword
    corpus_paths: Sequence[Path],
    parent: Path,
    *,
    codebook: Codebook,
    codebook_path: Path,
    seed: int = DEFAULT_SEED,
    jobs: int = -1,
    report_progress: Callable[[str], None] = lambda _: None,
) -> tuple[Path, dict[str, Any]]:
    """Train on labelled JSON Lines; the new bundle's folder below ``parent``, and its held-out metrics."""
    corpus = load_labelled(corpus_paths, codebook.ids)
    fitted = fit_model(corpus, seed=seed, jobs=jobs, report_progress=report_progress)
    metrics = evaluate(corpus, _judge_held_out(corpus, fitted), fitted.model.narratives)
    settings = {
        "codebook_version": codebook.version,
        "languages": sorted({text.document.lang or "und" for text in corpus}),
        "seed": seed,
        "corpus_sha256": hash_corpus(corpus_paths),
        "corpus_texts": len(corpus),
        "made_with": {name: version(name) for name in ("narrative-monitor", "scikit-learn", "numpy", "scipy")},
    }
    extra = {
        "CARD.md": render_card(corpus, metrics, settings, codebook).encode(),
        "metrics.json": (json.dumps(metrics, indent=1, ensure_ascii=False) + "\n").encode(),
        "codebook.yaml": codebook_path.read_bytes(),
    }
    report_progress("writing the bundle")
    return save_bundle(fitted.model, parent, settings=settings, extra_files=extra), metrics


def _judge_held_out(corpus: Sequence[LabelledText], fitted: Fitted) -> list[dict[str, Judged]]:
    """What the cross-validation's models said, each of texts it had not seen, at the final thresholds."""
    model, held_out = fitted.model, fitted.held_out
    stances = {
        pair: choose_stance(row, least_promotes(context, model.min_promotes, model.min_promotes_contested))[0]
        for pair, context, row in zip(held_out.pairs, held_out.contexts, held_out.stances, strict=True)
    }
    judged: list[dict[str, Judged]] = []
    for i in range(len(corpus)):
        row = {}
        for k, narrative in enumerate(model.narratives):
            score = float(held_out.scores[i, k])
            # A narrative that the text does not carry has no gold stance; taking it as promoted errs on the strict side.
            stance = stances.get((i, narrative), STANCES[0])
            is_carried = score >= model.thresholds[k]
            row[narrative] = Judged(score, stance, is_carried=bool(is_carried), flagged=bool(is_carried and stance == "promotes"))
        judged.append(row)
    return judged
