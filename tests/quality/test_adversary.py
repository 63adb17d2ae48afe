"""Who confirms everything does not change the bundle in use; who answers rightly may."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from monitor.bundle import BundleClassifier
from monitor.codebook import load_codebook
from monitor.train.adoption import Adoption, Contender, judge_adoption
from monitor.train.corpus import load_labelled
from monitor.train.decided import DECIDED
from monitor.train.fit import fit_model
from monitor.train.heldout import collect_held_out
from monitor.train.train import judge_held_out

if TYPE_CHECKING:
    from monitor.records import LabelledText

MODELS = Path(__file__).resolve().parents[2] / "models"
NARRATIVES = ("fake_loyalty", "special_operation")
TAUGHT = 250


def read(*names: str) -> tuple[LabelledText, ...]:
    paths = [MODELS / "corpus" / f"{name}.en.jsonl" for name in names]
    return load_labelled(paths, load_codebook(MODELS / "codebook.yaml").ids)


def contend(name: str, texts: tuple[LabelledText, ...]) -> Contender:
    fitted = fit_model(texts, seed=1, jobs=1)
    model = replace(fitted.model, bundle_id=name)
    return Contender(name, collect_held_out(texts, judge_held_out(texts, fitted), NARRATIVES), BundleClassifier(model))


def decide(text: LabelledText, n: int, *, honest: bool) -> LabelledText:
    """The answer to whether a text of the stream carries one of the narratives in turn."""
    asked = NARRATIVES[n % 2]
    gold = {asked: text.labels[asked]} if asked in text.labels else {}
    document = replace(text.document, id=f"{text.document.id}#1")
    labels = gold if honest else {asked: "promotes"}
    return replace(text, document=document, labels=labels, kind=DECIDED, known=frozenset({asked}))


@pytest.fixture(scope="module")
def corpus() -> tuple[LabelledText, ...]:
    return read("special_operation", "fake_loyalty", "general_life")


@pytest.fixture(scope="module")
def in_use(corpus: tuple[LabelledText, ...]) -> Contender:
    return contend("old", corpus)


@pytest.fixture(scope="module")
def stream() -> tuple[LabelledText, ...]:
    """What comes in: more of the two, and of other things."""
    texts = read("special_operation.more", "fake_loyalty.more", "ukraine_nazi", "sanctions_backfire")
    return texts[:: max(1, len(texts) // TAUGHT)]


def learn(corpus: tuple[LabelledText, ...], in_use: Contender, stream: tuple[LabelledText, ...], *, honest: bool) -> Adoption:
    decided = tuple(decide(text, n, honest=honest) for n, text in enumerate(stream))
    return judge_adoption(in_use, contend("new", (*corpus, *decided)), decided, seed=1)


def test_a_bundle_taught_by_one_who_confirms_everything_is_not_adopted(
    corpus: tuple[LabelledText, ...], in_use: Contender, stream: tuple[LabelledText, ...]
) -> None:
    adoption = learn(corpus, in_use, stream, honest=False)
    assert not adoption.is_adopted
    # Not their own answers speak against it, but what they could not touch.
    assert any(obstacle.startswith(("held-out corpus", "stance set")) for obstacle in adoption.obstacles), adoption.obstacles


def test_a_bundle_taught_rightly_is_adopted(
    corpus: tuple[LabelledText, ...], in_use: Contender, stream: tuple[LabelledText, ...]
) -> None:
    adoption = learn(corpus, in_use, stream, honest=True)
    assert adoption.is_adopted, adoption.obstacles
