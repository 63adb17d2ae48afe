"""A whole installation on PostgreSQL does what it does on SQLite."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from monitor.decisions import Answer, Basis, Filters
from monitor.reports import SearchFilters
from monitor.storage.reviewstore import ReviewStore
from monitor.wiring.articles import explain_article, write_digest_again
from monitor.wiring.parts import Clock, Places
from monitor.wiring.run import run_once
from monitor.wiring.search import search_store
from tests.functional.servers import make_rss, serve

if TYPE_CHECKING:
    from tests.databases import PostgresServer

REPOSITORY = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
CLAIM = "Съезд крымских татар единогласно поддержал президента и специальную операцию"
TITLES = (CLAIM, f"{CLAIM}: хор запел гимн", f"{CLAIM}, рыбаки вышли в море", "Погода на завтра: дождь", "Фейк: съезда не было")


def make_clock(hours: int = 0) -> Clock:
    return Clock(lambda: NOW + timedelta(hours=hours), lambda: 0.0)


def work(folder: Path, db_url: str, feeds: Path) -> Places:
    """Two runs over a feed that changes in between; gives the places."""
    folder.mkdir()
    with serve() as server:
        items = [{"title": title, "link": f"https://agency.example/{n}", "description": title} for n, title in enumerate(TITLES)]
        server.documents = {"/a.xml": make_rss(items)}
        server.write_feeds(feeds)
        places = Places(feeds, db_url, folder / "digests", None, REPOSITORY, use_encoder=False, archive=folder / "archive")
        run_once(places, make_clock(), run_id="r1")
        items[0] |= {"title": f"{TITLES[0]} снова", "description": f"{TITLES[0]} снова, пишет газета"}
        server.documents = {"/a.xml": make_rss(items)}
        run_once(places, make_clock(3), run_id="r2")
    return places


@pytest.fixture(scope="module")
def both(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Places]:
    """The same work on both."""
    folder = tmp_path_factory.mktemp("both")
    urls = {"sqlite": f"sqlite:///{folder / 'monitor.db'}", "postgresql": postgres.make_database()}
    return {name: work(folder / name, url, folder / "feeds.yaml") for name, url in urls.items()}


def test_the_digests_are_the_same(both: dict[str, Places]) -> None:
    files = {name: places.digests / "2026-11-20" for name, places in both.items()}
    rows = {name: (folder / "digest.jsonl").read_text("utf-8") for name, folder in files.items()}
    assert rows["postgresql"] == rows["sqlite"]
    assert len(rows["sqlite"].splitlines()) == 3
    assert (files["postgresql"] / "digest.md").read_bytes() == (files["sqlite"] / "digest.md").read_bytes()
    counts = {name: json.loads((folder / "run.json").read_text("utf-8")) for name, folder in files.items()}
    for key in ("feeds", "entries", "articles", "assessments", "flagged"):
        assert counts["postgresql"][key] == counts["sqlite"][key]


def test_a_digest_written_again_is_the_same(both: dict[str, Places]) -> None:
    before = (both["postgresql"].digests / "2026-11-20/digest.html").read_bytes()
    folder = write_digest_again(both["postgresql"], make_clock(3), None)
    assert (folder / "digest.html").read_bytes() == before


def test_search_and_explain_answer_alike(both: dict[str, Places]) -> None:
    found = {
        name: [
            (hit.article_id, hit.title)
            for hit in search_store(
                places, "съезд -фейк", SearchFilters(), since=None, until=None, limit=10, after=None, by_rank=False
            ).page.hits
        ]
        for name, places in both.items()
    }
    assert found["postgresql"] == found["sqlite"]
    assert len(found["sqlite"]) == 3
    told = {name: explain_article(places, found["sqlite"][0][0])[0] for name, places in both.items()}
    assert told["postgresql"] == told["sqlite"]


def test_review_works_and_its_decision_stands_in_the_digest(both: dict[str, Places]) -> None:
    places = both["postgresql"]
    with ReviewStore(places.db_url) as store:
        account = store.add_account("anna", role="analyst", password_hash="h", created_at=NOW)
        assert account is not None
        with_bundle = json.loads((places.digests / "2026-11-20/run.json").read_text("utf-8"))["bundle"]
        while store.fill_queue(with_bundle, thresholds={}, seed="s", limit=100):
            pass
        number = store.claim_next(("certain", "sample", "second"), Filters(), account_id=account.id, now=NOW, but=None)
        item = store.load_item(number) if number else None
        assert item is not None
        answer = Answer("confirm", item.narrative, "promotes")
        store.save_decision(item.id, answer, account_id=account.id, basis=Basis(item.revision, 0), made_at=NOW)
        assert [one.decisions[0].answer for one in store.load_decided()] == [answer]
    folder = write_digest_again(places, make_clock(4), None)
    decided = [json.loads(line)["decision"] for line in (folder / "digest.jsonl").read_text("utf-8").splitlines()]
    assert "confirmed" in decided
    assert "confirmed by analysts" in (folder / "digest.html").read_text("utf-8")
