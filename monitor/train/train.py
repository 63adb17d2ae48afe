"""From a corpus on disk to a bundle on disk."""

from __future__ import annotations

import hashlib
import json
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from monitor.bundle import pack_arrays, save_bundle
from monitor.records import (
    STANCES,
)
from monitor.train.adoption import measure_decided
from monitor.train.card import CALIBRATION_PICTURE, render_card
from monitor.train.corpus import hash_corpus, load_labelled
from monitor.train.decided import hash_taught
from monitor.train.evaluate import Judged, evaluate
from monitor.train.fit import fit_model
from monitor.train.heldout import FILE as HELD_OUT
from monitor.train.heldout import collect_held_out, pack_held_out
from monitor.train.picture import draw_calibration

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from monitor.codebook import Codebook
    from monitor.ports import Encoder
    from monitor.records import (
        LabelledText,
    )
    from monitor.train.decided import Taught
    from monitor.train.fit import Fitted

DEFAULT_SEED = 20140227
MADE_WITH = ("narrative-monitor", "scikit-learn", "numpy", "scipy", "matplotlib")


def train_bundle(  # noqa: PLR0913 - all by keyword
    corpus_paths: Sequence[Path],
    parent: Path,
    *,
    codebook: Codebook,
    codebook_path: Path,
    seed: int = DEFAULT_SEED,
    encoder: Encoder | None = None,
    jobs: int = -1,
    taught: Taught | None = None,
    report_progress: Callable[[str], None] = lambda _: None,
) -> tuple[Path, dict[str, Any]]:
    """Train on labelled JSON Lines and decisions; the new bundle's folder below ``parent``, and its held-out metrics."""
    corpus = load_labelled(corpus_paths, codebook.ids)
    decided = taught.texts if taught else ()
    texts = (*corpus, *decided)
    fitted = fit_model(texts, seed=seed, encoder=encoder, jobs=jobs, report_progress=report_progress)
    report_progress("measuring on the held-out answers")
    narratives = fitted.model.narratives
    judged = judge_held_out(texts, fitted)
    held_out = collect_held_out(texts, judged, narratives)
    metrics = evaluate(corpus, judged[: len(corpus)], narratives, seed=seed)
    if taught and decided:
        metrics["decisions"] = measure_decided(decided, held_out) | {"disputed": taught.disputed, "unsure": taught.unsure}
    settings = {
        "codebook_version": codebook.version,
        "codebook_sha256": hashlib.sha256(codebook_path.read_bytes()).hexdigest(),
        "languages": sorted({text.document.lang or "und" for text in corpus}),
        "seed": seed,
        "corpus_sha256": hash_corpus(corpus_paths),
        "corpus_texts": len(corpus),
        "decided_texts": len(decided),
        "decisions_sha256": hash_taught(decided) if decided else None,
        "made_with": {name: version(name) for name in MADE_WITH},
    }
    extra = {
        "CARD.md": render_card(corpus, metrics, settings, codebook).encode(),
        CALIBRATION_PICTURE: draw_calibration(metrics, title="Calibration on held-out texts"),
        "metrics.json": (json.dumps(metrics, indent=1, ensure_ascii=False) + "\n").encode(),
        "codebook.yaml": codebook_path.read_bytes(),
        HELD_OUT: pack_arrays(pack_held_out(held_out)),
    }
    report_progress("writing the bundle")
    return save_bundle(fitted.model, parent, settings=settings, extra_files=extra), metrics


def judge_held_out(corpus: Sequence[LabelledText], fitted: Fitted) -> list[dict[str, Judged]]:
    """What the cross-validation's models said, each of texts it had not seen, at the final thresholds."""
    narratives, held_out = fitted.model.narratives, fitted.held_out
    judged: list[dict[str, Judged]] = []
    for i in range(len(corpus)):
        row = {}
        for k, narrative in enumerate(narratives):
            # What was never a candidate has no stance; taking it as promoted errs on the strict side.
            stance, _ = held_out.stances.get((i, narrative), (STANCES[0], 1.0))
            is_carried = bool(held_out.carried[i, k])
            flagged = is_carried and stance == "promotes"
            row[narrative] = Judged(float(held_out.scores[i, k]), stance, is_carried=is_carried, flagged=flagged)
        judged.append(row)
    return judged
