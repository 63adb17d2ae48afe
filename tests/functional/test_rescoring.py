"""A new bundle assesses what the store holds: today's articles before the digest, older ones after it, some in each run."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from monitor.pipeline import assess
from monitor.storage.store import SqlStore
from monitor.wiring.parts import Clock, Places, read_answers
from monitor.wiring.run import run_once
from tests.factories import BUNDLE, make_feed
from tests.functional.servers import make_rss, serve
from tests.unit.storage.stores import FLAGGED, assess_pending, entry, visit

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
CLAIM = "Съезд крымских татар единогласно поддержал президента и специальную операцию"
OLD = 12


@pytest.fixture
def places(tmp_path: Path) -> Iterator[Places]:
    """Articles of three earlier days, assessed by another bundle, and a feed with two of today."""
    url = f"sqlite:///{tmp_path / 'monitor.db'}"
    with SqlStore(url) as store:
        store.sync_feeds([make_feed("agency")])
        for n in range(OLD):
            visit(store, entry(f"old{n}", f"{CLAIM} {n}"), at=NOW - timedelta(days=3 - n // 4))
        assess_pending(store, FLAGGED)
        store.settle_assessments(BUNDLE)
    items = [{"title": f"{CLAIM} сегодня {n}", "link": f"https://agency.example/{n}", "description": CLAIM} for n in range(2)]
    with serve() as server:
        server.documents = {"/a.xml": make_rss(items)}
        server.write_feeds(tmp_path / "feeds.yaml")
        feeds = (tmp_path / "feeds.yaml").read_text("utf-8").replace("settings:", "settings:\n  assess: {rescore_s: 15}", 1)
        (tmp_path / "feeds.yaml").write_text(feeds, "utf-8")
        yield Places(
            tmp_path / "feeds.yaml", url, tmp_path / "digests", None, REPOSITORY, use_encoder=False, archive=tmp_path / "archive"
        )


def run(places: Places, number: int) -> dict[str, dict[str, int]]:
    ticks = count()
    clock = Clock(lambda: NOW + timedelta(hours=number), lambda: float(next(ticks)))
    outcome = run_once(places, clock, run_id=f"r{number}")
    report: dict[str, dict[str, int]] = json.loads((outcome.folder / "run.json").read_text("utf-8"))
    return report


def test_older_articles_are_assessed_bit_by_bit_after_the_digest(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assess, "ASSESS_CHUNK", 2)
    bundle = read_answers(places)[0]
    first = run(places, 0)["assessments"]
    assert first["made"] == 2 + first["rescored"]
    assert 0 < first["rescored"] < OLD, "some time is given, not all that it takes"
    assert first["pending"] == OLD - first["rescored"]
    with SqlStore(places.db_url) as store:
        waiting = [p.document.title for p in store.load_pending(bundle, limit=99)]
    assert waiting == [f"{CLAIM} {n}" for n in reversed(range(first["pending"]))], "newest first"
    done = first["rescored"]
    for number in range(1, OLD):
        later = run(places, number)["assessments"]
        done += later["rescored"]
        assert later["pending"] == OLD - done
        if not later["pending"]:
            break
    assert done == OLD


def test_todays_digest_holds_todays_articles_though_older_ones_wait(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assess, "ASSESS_CHUNK", 2)
    run(places, 0)
    rows = (places.digests / "2026-11-20" / "digest.jsonl").read_text("utf-8").splitlines()
    assert sorted(json.loads(row)["title"] for row in rows) == [f"{CLAIM} сегодня {n}" for n in range(2)]
    written = (places.digests / "2026-11-20" / "digest.md").read_text("utf-8")
    assert f"{OLD} articles of earlier days" in written, "a blind spot, as long as trends lack them"
