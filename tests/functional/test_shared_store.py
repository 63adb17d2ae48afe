"""Several runs on one PostgreSQL: no feed is polled twice, no item is lost, a run that is killed leaves nothing behind."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import create_engine, text

from monitor.storage.store import SqlStore
from tests.functional.servers import make_rss

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.databases import PostgresServer

FEEDS, ITEMS, SHARED = 10, 6, 3
# The criterion is twenty; a gate needs fewer.
KILLS = int(os.environ.get("MONITOR_TEST_KILLS", "3"))
WORDS = ("паром", "мост", "школа", "рынок", "хор", "маяк", "сад", "вокзал", "музей", "пристань", "завод", "стадион", "аптека")


def write_items(feed: int) -> list[dict[str, str]]:
    """Items of a feed; the first ones stand in all feeds."""
    found = []
    for n in range(ITEMS):
        key = f"shared-{n}" if n < SHARED else f"own-{feed}-{n}"
        dice = random.Random(key)
        title = f"{key}: {' '.join(dice.sample(WORDS, 8))}"
        found.append({"title": title, "link": f"https://agency.example/{key}", "description": key})
    return found


@contextmanager
def serve_slowly(polls: Counter[str]) -> Iterator[str]:
    """Feeds that take a while, and how often each was asked for."""
    documents = {f"/f{n}.xml": make_rss(write_items(n)) for n in range(FEEDS)}
    guard = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            with guard:
                polls[self.path] += 1
            time.sleep(0.05)
            body = documents.get(self.path, b"")
            self.send_response(200 if body else 404)
            self.send_header("Content-Type", "application/rss+xml")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def start(folder: Path, feeds: Path, db_url: str) -> subprocess.Popen[str]:
    """A run on a machine of its own."""
    folder.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "monitor", "run", "--no-assess", "--feeds", str(feeds), "--db", db_url]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(run: subprocess.Popen[str]) -> None:
    _, said = run.communicate(timeout=120)
    assert run.returncode == 0, said


def write_feeds(path: Path, base_url: str) -> None:
    lines = "".join(f"  - {{id: f{n}, url: '{base_url}/f{n}.xml'}}\n" for n in range(FEEDS))
    fetch = "{allow_private_networks: true, min_delay_s: 0, per_host: 2, full_text: never}"
    path.write_text(f"settings: {{fetch: {fetch}}}\nfeeds:\n{lines}")


def count_rows(db_url: str) -> dict[str, int]:
    engine = create_engine(db_url)
    queries = {
        "articles": "SELECT count(*) FROM articles",
        "identities": "SELECT count(DISTINCT identity) FROM articles",
        "entries": "SELECT count(*) FROM entries",
        "revisions": "SELECT count(*) FROM revisions WHERE NOT is_variant",
    }
    with engine.connect() as connection:
        found = {name: int(connection.execute(text(query)).scalar_one()) for name, query in queries.items()}
    engine.dispose()
    return found


ARTICLES = SHARED + FEEDS * (ITEMS - SHARED)
COMPLETE = {"articles": ARTICLES, "identities": ARTICLES, "entries": FEEDS * ITEMS, "revisions": ARTICLES}


def test_two_runs_share_the_feeds(postgres: PostgresServer, tmp_path: Path) -> None:
    db_url, polls = postgres.make_database(), Counter[str]()
    with serve_slowly(polls) as base_url:
        write_feeds(tmp_path / "feeds.yaml", base_url)
        runs = [start(tmp_path / name, tmp_path / "feeds.yaml", db_url) for name in ("one", "two")]
        for run in runs:
            finish(run)
    assert {path: count for path, count in polls.items() if path.endswith(".xml")} == {f"/f{n}.xml": 1 for n in range(FEEDS)}
    assert count_rows(db_url) == COMPLETE


@pytest.mark.parametrize("seed", range(KILLS))
def test_a_killed_run_loses_nothing_and_holds_nothing(postgres: PostgresServer, tmp_path: Path, seed: int) -> None:
    db_url, polls = postgres.make_database(), Counter[str]()
    with serve_slowly(polls) as base_url:
        write_feeds(tmp_path / "feeds.yaml", base_url)
        victim, other = (start(tmp_path / name, tmp_path / "feeds.yaml", db_url) for name in ("victim", "other"))
        time.sleep(random.Random(seed).uniform(0.3, 2.5))
        victim.kill()
        victim.communicate()
        finish(other)
        finish(start(tmp_path / "third", tmp_path / "feeds.yaml", db_url))
    assert count_rows(db_url) == COMPLETE
    # Once each, and once more at most for what the victim had asked for and could not store.
    assert max(polls[f"/f{n}.xml"] for n in range(FEEDS)) <= 2


def test_a_claim_is_one_run_s_until_it_ends(postgres: PostgresServer) -> None:
    db_url = postgres.make_database()
    with SqlStore(db_url) as first, SqlStore(db_url) as second:
        assert first.claim_feeds(["a", "b"]) == {"a", "b"}
        assert second.claim_feeds(["b", "c"]) == {"c"}
        first.release_feeds(["b"])
        assert second.claim_feeds(["b"]) == {"b"}
    with SqlStore(db_url) as third:
        assert third.claim_feeds(["a", "b", "c"]) == {"a", "b", "c"}


def test_what_one_holds_the_others_wait_for(postgres: PostgresServer) -> None:
    db_url, order = postgres.make_database(), []
    with SqlStore(db_url) as first, SqlStore(db_url) as second:

        def wait() -> None:
            with second.hold("documents"):
                order.append("second")

        with first.hold("documents"):
            thread = threading.Thread(target=wait)
            thread.start()
            thread.join(0.3)
            order.append("first")
        thread.join(30)
    assert order == ["first", "second"]


def test_on_sqlite_everything_is_free(tmp_path: Path) -> None:
    with SqlStore(f"sqlite:///{tmp_path / 'monitor.db'}") as store:
        assert store.claim_feeds(["a"]) == {"a"}
        with store.hold("documents"):
            store.release_feeds(["a"])
