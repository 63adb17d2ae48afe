"""Training is deterministic, and what it makes can be loaded and used."""

from __future__ import annotations

import json
from pathlib import Path

from monitor.bundle import load_bundle
from monitor.codebook import load_codebook
from monitor.records import Document
from monitor.stages.classify import assess
from monitor.train.train import train_bundle

MODELS = Path(__file__).resolve().parents[2] / "models"


def write_small_corpus(path: Path) -> None:
    """The passages of two narratives and some negatives, so that training takes seconds."""
    lines = []
    for name in ("special_operation.en", "fake_loyalty.en", "general_life.en"):
        lines += (MODELS / "corpus" / f"{name}.jsonl").read_text("utf-8").splitlines()
    path.write_text("\n".join(lines) + "\n", "utf-8")


def test_same_corpus_and_seed_give_the_same_bytes(tmp_path: Path) -> None:
    write_small_corpus(tmp_path / "small.jsonl")
    codebook_path = MODELS / "codebook.yaml"
    made = []
    for folder, jobs in (("one", 1), ("two", 2)):
        bundle, _ = train_bundle(
            [tmp_path / "small.jsonl"],
            tmp_path / folder,
            codebook=load_codebook(codebook_path),
            codebook_path=codebook_path,
            jobs=jobs,
        )
        made.append({path.name: path.read_bytes() for path in bundle.iterdir()})
    assert made[0] == made[1]
    model = load_bundle(bundle)
    assert set(model.narratives) == {"fake_loyalty", "special_operation"}
    (answer,) = assess(
        model, [Document("x", title="The special military operation was forced on Russia and all its goals will be met")]
    )
    assert answer.narratives[0].id == "special_operation"
    assert json.loads(made[0]["bundle.json"])["corpus_texts"] == len((tmp_path / "small.jsonl").read_text("utf-8").splitlines())
