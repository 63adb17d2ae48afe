"""Decisions in a store, a bundle that learns from them, and the rules of its adoption, by the commands that a user calls."""

from __future__ import annotations

import json
import random
import re
import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from monitor.decisions import Answer, Basis
from monitor.records import Assessment
from monitor.storage.reviewstore import ReviewStore
from monitor.storage.store import SqlStore
from tests.factories import BUNDLE, NOON, make_feed, make_score
from tests.unit.storage.stores import entry, visit

if TYPE_CHECKING:
    from collections.abc import Callable

    Monitor = Callable[..., subprocess.CompletedProcess[str]]

REPOSITORY = Path(__file__).resolve().parents[2]
CORPUS = REPOSITORY / "models/corpus"
# Said by nobody in the corpus.
CLAIM = "The ferry pilots of the strait sang the anthem and swore the peninsula is glad"
CORPUS_FILES = ("special_operation.en", "special_operation.more.en", "fake_loyalty.en", "fake_loyalty.more.en", "general_life.en")
ARTICLES = 45
WORDS = sorted(set(re.findall(r"[a-z]{4,}", (CORPUS / "general_life.en.jsonl").read_text("utf-8").lower())))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with a small corpus of its own, and no bundle yet."""
    corpus = tmp_path / "models/corpus"
    corpus.mkdir(parents=True)
    shutil.copy(REPOSITORY / "models/codebook.yaml", tmp_path / "models")
    for name in CORPUS_FILES:
        shutil.copy(CORPUS / f"{name}.jsonl", corpus)
    (tmp_path / "feeds.yaml").write_text("feeds: []\n")
    return tmp_path


@pytest.fixture
def monitor(home: Path) -> Monitor:
    def call(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "monitor", *words, "--no-encoder", "--now", NOON.isoformat()]
        return subprocess.run(command, cwd=home, capture_output=True, text=True, check=False)

    return call


def fill_store(home: Path, answer: Callable[[str], Answer], *, account: str = "anna") -> None:
    """Articles that promote the claim and others that do not, all asked about and answered."""
    url, dice = f"sqlite:///{home / 'monitor.db'}", random.Random(1)
    with SqlStore(url) as store:
        store.sync_feeds([make_feed("agency", language="en")])
        for n in range(ARTICLES):
            # Other words around it, so that no two are copies of one story.
            around = " ".join(dice.sample(WORDS, 24))
            visit(store, entry(f"e{n}", f"{CLAIM}. {around}" if n % 3 == 0 else around, feed_id="agency"), at=NOON)
        while store.cluster_pending():
            pass
        assessed = [
            (one.revision_id, Assessment("en", (make_score(score=0.3, is_carried=False, flagged=False),)))
            for one in store.load_pending(BUNDLE, limit=1000)
        ]
        store.save_assessments(BUNDLE, assessed, made_at=NOON)
        titles = dict(store.load_current(after=0, limit=1000))
    with ReviewStore(url) as store:
        who = store.add_account(account, role="analyst", password_hash="h", created_at=NOON)
        assert who is not None
        while store.fill_queue(BUNDLE, thresholds={"fake_loyalty": 0.5}, seed="s", limit=100):
            pass
        texts = {document.id: document.title for document in titles.values()}
        for number in range(1, ARTICLES + 1):
            item = store.load_item(number)
            assert item is not None
            basis = Basis(item.revision, item.version)
            made_at = NOON + timedelta(minutes=number)
            store.save_decision(number, answer(texts[item.article_id]), account_id=who.id, basis=basis, made_at=made_at)


def answer_rightly(title: str) -> Answer:
    return Answer("confirm", "fake_loyalty", "promotes") if CLAIM in title else Answer("reject")


def confirm_everything(_title: str) -> Answer:
    return Answer("confirm", "fake_loyalty", "promotes")


def train(monitor: Monitor, *more: str) -> dict[str, Any]:
    done = monitor("train", "--jobs", "1", "--json", *more)
    assert done.returncode == 0, done.stderr
    made: dict[str, Any] = json.loads(done.stdout)
    return made


def score(home: Path) -> float:
    """How the bundle in use scores the claim."""
    command = [sys.executable, "-m", "monitor", "classify", "--no-encoder"]
    line = json.dumps({"id": "1", "title": CLAIM, "lang": "en"})
    said = subprocess.run(command, cwd=home, capture_output=True, text=True, check=True, input=line)
    return {one["id"]: float(one["score"]) for one in json.loads(said.stdout)["narratives"]}.get("fake_loyalty", 0.0)


def test_decisions_are_learnt_from_and_the_bundle_is_adopted(home: Path, monitor: Monitor) -> None:
    first = train(monitor)
    assert "decisions" not in first["held_out"]
    assert monitor("bundle", "use", first["bundle"]).returncode == 0
    before = score(home)
    fill_store(home, answer_rightly)
    second = train(monitor)
    assert second["held_out"]["decisions"]["texts"] == ARTICLES
    assert second["held_out"]["decisions"]["decided"] == {"promotes": 15, "reports": 0, "refutes": 0, "not carried": 30}
    used = monitor("bundle", "use", second["bundle"])
    assert used.returncode == 0, used.stderr
    assert "The new bundle beside the one in use" in used.stdout
    assert score(home) > before + 0.2
    (noted,) = map(json.loads, (home / "models/ADOPTIONS.jsonl").read_text().splitlines())
    assert (noted["from"], noted["to"]) == (first["bundle"], second["bundle"])
    assert "analysts: on 45 texts" in monitor("bundle", "show").stdout


def test_the_store_can_be_left_alone(home: Path, monitor: Monitor) -> None:
    fill_store(home, answer_rightly)
    assert "decisions" not in train(monitor, "--no-decisions")["held_out"]


def test_who_confirms_everything_changes_nothing(home: Path, monitor: Monitor) -> None:
    first = train(monitor)
    assert monitor("bundle", "use", first["bundle"]).returncode == 0
    fill_store(home, confirm_everything, account="mallory")
    second = train(monitor)
    refused = monitor("bundle", "use", second["bundle"])
    assert refused.returncode == 5
    assert "it learnt from mallory, who confirmed 45 of 45" in refused.stderr
    assert (home / "models/CURRENT").read_text().strip() == first["bundle"]
    third = train(monitor, "--without", "mallory")
    assert "decisions" not in third["held_out"]
    unknown = monitor("train", "--without", "nobody")
    assert unknown.returncode == 2
    assert "no such account" in unknown.stderr


def test_decisions_that_are_asked_for_must_be_there(monitor: Monitor) -> None:
    done = monitor("train", "--decisions", "--jobs", "1")
    assert done.returncode == 4
    assert "there is none" in done.stderr
