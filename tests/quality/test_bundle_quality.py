"""The shipped bundle: made from this corpus, and not worse than the floors, which are lowered only on purpose."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from monitor.bundle import resolve_bundle, verify_bundle
from monitor.train.corpus import hash_corpus

MODELS = Path(__file__).resolve().parents[2] / "models"


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    return verify_bundle(resolve_bundle(None, MODELS))


def test_the_bundle_was_trained_on_the_corpus_as_it_is(files: dict[str, bytes]) -> None:
    assert json.loads(files["bundle.json"])["corpus_sha256"] == hash_corpus([MODELS / "corpus"])


def test_the_codebook_in_the_bundle_is_the_current_one(files: dict[str, bytes]) -> None:
    assert files["codebook.yaml"] == (MODELS / "codebook.yaml").read_bytes()


def test_only_one_bundle_is_kept_in_the_checkout() -> None:
    assert len(list(MODELS.glob("cb*-*"))) == 1


def test_held_out_figures_hold_their_floors(files: dict[str, bytes]) -> None:
    metrics = json.loads(files["metrics.json"])
    for narrative, floor in {"fake_loyalty": 0.62, "special_operation": 0.67}.items():
        assert metrics["narratives"][narrative]["average_precision"] >= floor, narrative
    assert metrics["mean_average_precision"] >= 0.72
    assert metrics["flagged_by_kind"]["general"]["share"] <= 0.01
    assert metrics["flagged_by_kind"]["near_miss"]["share"] <= 0.01
    assert metrics["flagged_by_kind"]["refutes"]["share"] <= 0.02
    assert metrics["flagged_by_kind"]["reports"]["share"] <= 0.02
