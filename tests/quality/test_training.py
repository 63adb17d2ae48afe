"""Training is deterministic, and what it makes can be loaded and used."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from monitor.bundle import BundleClassifier, load_bundle
from monitor.codebook import load_codebook
from monitor.records import (
    Document,
)
from monitor.train.train import train_bundle
from tests.fakes import FakeEncoder

if TYPE_CHECKING:
    from monitor.ports import Encoder

MODELS = Path(__file__).resolve().parents[2] / "models"
CODEBOOK = MODELS / "codebook.yaml"
CLAIM = Document("x", title="The special military operation was forced on Russia and all its goals will be met")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The passages of two narratives and some negatives, so that training takes seconds."""
    lines: list[str] = []
    for name in ("special_operation.en", "fake_loyalty.en", "general_life.en"):
        lines += (MODELS / "corpus" / f"{name}.jsonl").read_text("utf-8").splitlines()
    path = tmp_path_factory.mktemp("corpus") / "small.jsonl"
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def train(corpus: Path, parent: Path, *, encoder: Encoder | None = None, jobs: int = 1) -> Path:
    folder, _ = train_bundle([corpus], parent, codebook=load_codebook(CODEBOOK), codebook_path=CODEBOOK, encoder=encoder, jobs=jobs)
    return folder


@pytest.mark.parametrize(
    "encoder", [None, FakeEncoder("operation", "unanimous", "support", "goals")], ids=["first stage", "both stages"]
)
def test_same_corpus_and_seed_give_the_same_bytes(corpus: Path, tmp_path: Path, encoder: FakeEncoder | None) -> None:
    made = [train(corpus, tmp_path / f"{jobs}", encoder=encoder, jobs=jobs) for jobs in (1, 2)]
    assert made[0].name == made[1].name
    first, second = ({path.name: path.read_bytes() for path in folder.iterdir()} for folder in made)
    assert first == second


def test_a_trained_bundle_can_be_loaded_and_used(corpus: Path, tmp_path: Path) -> None:
    folder = train(corpus, tmp_path)
    classifier = BundleClassifier(load_bundle(folder))
    assert classifier.bundle_id == folder.name
    assert set(classifier.thresholds) == {"fake_loyalty", "special_operation"}
    (answer,) = classifier.assess([CLAIM])
    assert answer.narratives[0].id == "special_operation"
    settings = json.loads((folder / "bundle.json").read_text("utf-8"))
    assert settings["corpus_texts"] == len(corpus.read_text("utf-8").splitlines())
    assert settings["second_stage"] is None


def test_a_bundle_trained_with_an_encoder_answers_with_it_and_without(corpus: Path, tmp_path: Path) -> None:
    encoder = FakeEncoder("operation", "unanimous", "support", "goals")
    folder = train(corpus, tmp_path, encoder=encoder)
    both, first = (BundleClassifier(load_bundle(folder), used) for used in (encoder, None))
    assert (both.bundle_id, first.bundle_id) == (folder.name, f"{folder.name}+first")
    for classifier in (both, first):
        assert classifier.assess([CLAIM])[0].narratives[0].id == "special_operation"
    assert json.loads((folder / "bundle.json").read_text("utf-8"))["second_stage"]["encoder"] == encoder.name
