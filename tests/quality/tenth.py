"""The quality gate's measure: weights fitted on nine tenths of the corpus, scored on the tenth that they have not seen.

``python -m tests.quality.tenth`` measures and shows what ``floors.json`` holds. ``--write`` raises the floors and takes note of the
corpus; a floor that would sink is written only with ``--lower docs/decisions/NNNN-….md``, the record that says why.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import average_precision_score

from monitor.codebook import load_codebook
from monitor.train.corpus import hash_corpus, load_labelled
from monitor.train.design import Design
from monitor.train.fit import fit_weights, prepare_corpus
from monitor.train.train import DEFAULT_SEED

REPOSITORY = Path(__file__).resolve().parents[2]
MODELS = REPOSITORY / "models"
FLOORS = Path(__file__).with_name("floors.json")
# Below what was measured, so that another version of a library does not fail the gate, and a worse idea does.
MARGIN = 0.02
WATCHED = ("fake_loyalty", "special_operation")


def is_held_out(group: str) -> bool:
    """Whether a group of passages is in the tenth; adding passages moves no other."""
    return hashlib.sha256(group.encode()).digest()[0] % 10 == 0


def measure() -> dict[str, float]:
    """Average precision of the first stage on the held-out tenth: mean, and of the watched narratives."""
    corpus = load_labelled([MODELS / "corpus"], load_codebook(MODELS / "codebook.yaml").ids)
    labelled = prepare_corpus(corpus)
    held_out = np.array([is_held_out(text.group) for text in corpus])
    weights = fit_weights(labelled.choose(np.flatnonzero(~held_out)), DEFAULT_SEED)
    tenth = labelled.choose(np.flatnonzero(held_out))
    design = Design(weights.vocabulary, tenth.readings)
    margins, _ = design.batch.find_best(design.window_rows() @ weights.claims + weights.claims_intercept)
    found = {name: float(average_precision_score(tenth.carries(name), margins[:, k])) for k, name in enumerate(labelled.narratives)}
    return {"mean": round(float(np.mean(list(found.values()))), 4), **{name: round(found[name], 4) for name in WATCHED}}


def read_floors() -> dict[str, Any]:
    """The corpus's hash and the floors, as noted."""
    floors: dict[str, Any] = json.loads(FLOORS.read_text(encoding="utf-8"))
    return floors


def main() -> None:
    """Measure, and write the floors where that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--lower", metavar="DECISION", type=Path)
    given = parser.parse_args()
    measured = measure()
    sys.stdout.write(json.dumps(measured) + "\n")
    if not given.write:
        return
    new = {name: round(value - MARGIN, 2) for name, value in measured.items()}
    old = read_floors()["floors"] if FLOORS.exists() else {}
    sinking = sorted(name for name, floor in new.items() if floor < old.get(name, 0.0))
    if sinking and not (given.lower and given.lower.is_file()):
        raise SystemExit(f"{', '.join(sinking)} would sink; say why in a decision record and name it with --lower")
    noted = {"corpus_sha256": hash_corpus([MODELS / "corpus"]), "floors": new, "lowered_by": str(given.lower) if sinking else None}
    FLOORS.write_text(json.dumps(noted, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
