"""The quality gate: what the training code makes of this corpus, on a tenth of it that the weights have not seen."""

from __future__ import annotations

from monitor.train.corpus import hash_corpus
from tests.quality.tenth import MODELS, is_held_out, measure, read_floors


def test_the_floors_are_those_of_this_corpus() -> None:
    assert read_floors()["corpus_sha256"] == hash_corpus([MODELS / "corpus"]), "run `python -m tests.quality.tenth --write`"


def test_about_a_tenth_is_held_out_and_groups_stay_whole() -> None:
    share = sum(is_held_out(f"group-{n}") for n in range(5_000)) / 5_000
    assert 0.08 < share < 0.12
    assert is_held_out("a story in three languages") == is_held_out("a story in three languages")


def test_the_training_code_reaches_the_floors_on_the_held_out_tenth() -> None:
    measured, floors = measure(), read_floors()["floors"]
    assert {name: value for name, value in measured.items() if value < floors[name]} == {}
    assert floors["mean"] > 0.5
