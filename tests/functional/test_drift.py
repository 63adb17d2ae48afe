"""`monitor drift` on a store with a month in it."""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import pytest

from monitor.records import Assessment, Document
from monitor.storage.store import SqlStore
from monitor.wiring.parts import Places, read_answers
from tests.factories import NOON, make_feed, make_score
from tests.unit.storage.stores import entry, visit

REPOSITORY = Path(__file__).resolve().parents[2]
LAST = date(2026, 5, 14)


def fill(db_url: str, bundle: str) -> None:
    """Five weeks of eight articles a day; in the last one half of them speak of something new, and score high."""
    with SqlStore(db_url) as store:
        store.sync_feeds([make_feed("agency")])
        for back in range(34, -1, -1):
            at = NOON - timedelta(days=back)
            for n in range(20):
                is_new = back < 7 and n % 2
                text = f"Утром {back} в городе {n} открыли рынок и школу" + (" а над морем видели жужелицу" if is_new else "")
                visit(store, entry(f"e{back}-{n}", f"{text}, сообщила газета номер {back * 20 + n}"), at=at)
            waiting = store.load_pending(bundle, limit=100)
            assessed = [(one.revision_id, assess(one.document)) for one in waiting]
            store.save_assessments(bundle, assessed, made_at=at)


def assess(document: Document) -> Assessment:
    is_new = "жужелицу" in document.title + document.text
    return Assessment("ru", (make_score(score=0.95),) if is_new else ())


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    url = f"sqlite:///{tmp_path / 'monitor.db'}"
    fill(url, read_answers(Places(None, url, tmp_path, None, REPOSITORY))[0])
    return tmp_path


def test_a_story_that_fits_no_narrative_is_offered(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'monitor.db'}"
    bundle = read_answers(Places(None, url, tmp_path, None, REPOSITORY))[0]
    dice = random.Random(1)
    words = sorted(set(re.findall(r"[а-я]{5,}", (REPOSITORY / "models/corpus/general_life.ru.jsonl").read_text("utf-8").lower())))
    with SqlStore(url) as store:
        store.sync_feeds([make_feed("agency"), make_feed("pier")])
        for back in range(34, -1, -1):
            for n in range(12):
                feed_id = ("agency", "pier")[n % 2]
                told = "над проливом видели жужелицу" if back < 4 and n < 4 else ""
                text = f"{' '.join(dice.sample(words, 20))} {told}"
                visit(store, entry(f"e{back}-{n}", text, feed_id=feed_id), feed_id=feed_id, at=NOON - timedelta(days=back))
        while store.cluster_pending():
            pass
        while waiting := store.load_pending(bundle, limit=500):
            # One of them is a known narrative's affair.
            scores = [(make_score(score=0.6),) if n == 0 else () for n in range(len(waiting))]
            assessed = [(one.revision_id, Assessment("ru", score)) for one, score in zip(waiting, scores, strict=True)]
            store.save_assessments(bundle, assessed, made_at=NOON)
    (found,) = json.loads(call("candidates", tmp_path, "--json").stdout)
    assert "жужелицу" in found["terms"]
    assert (found["stories"], found["outlets"]) == (16, 2)
    assert "жужелицу" in call("candidates", tmp_path).stdout
    quiet = call("candidates", tmp_path, "--day", str(LAST - timedelta(days=7)))
    assert quiet.stdout == "no story burst that fits no narrative\n"


def drift(folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    return call("drift", folder, *more)


def call(command: str, folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    url = f"sqlite:///{folder / 'monitor.db'}"
    words = [sys.executable, "-m", "monitor", command, "--db", url, "--now", NOON.isoformat(), *more]
    return subprocess.run(words, cwd=REPOSITORY, capture_output=True, text=True, check=False)


def test_what_changed_is_told(filled: Path) -> None:
    found = json.loads(drift(filled, "--json").stdout)
    assert (found["now"]["assessed"], found["before"]["assessed"]) == (140, 560)
    assert found["scores"][0]["narrative"] == "fake_loyalty"
    assert found["scores"][0]["is_moved"] is True
    assert "жужелицу" in [term["term"] for term in found["terms"]]
    assert "special_operation" in [one["narrative"] for one in found["silent"]]
    assert "fake_loyalty" not in [one["narrative"] for one in found["silent"]]
    shown = drift(filled)
    assert shown.returncode == 0
    assert "moved" in shown.stdout
    assert "жужелицу" in shown.stdout


def test_a_week_without_articles_is_not_compared(filled: Path) -> None:
    shown = drift(filled, "--day", str(LAST + timedelta(days=30)))
    assert shown.returncode == 0
    assert "Too few articles to compare" in shown.stdout


def test_without_a_store_there_is_nothing_to_say(tmp_path: Path) -> None:
    assert drift(tmp_path).returncode == 4
