"""A PostgreSQL server that is away, or goes away in mid-run: one clear message, nothing lost, healed by the next run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import create_engine, text

from monitor.storage.store import SqlStore
from tests.functional.faults import DAY, FEEDS, NOW, HookedDocuments, assert_one_message, publish
from tests.functional.test_run import assert_adds_up

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.databases import PostgresServer
    from tests.functional.conftest import Monitor
    from tests.functional.servers import FeedServer

ITEMS = 5


@pytest.fixture
def server(postgres: PostgresServer) -> Iterator[PostgresServer]:
    """The server, which a test may stop: others find it started again."""
    yield postgres
    postgres.start()


def assert_healed(tmp_path: Path, monitor: Monitor, db_url: str, keys: set[str]) -> None:
    done = monitor("run", "--now", NOW, "--no-encoder", "--db", db_url)
    assert (done.returncode, done.stderr.decode()) == (0, "")
    report = json.loads((tmp_path / "digests" / DAY / "run.json").read_text("utf-8"))
    assert_adds_up(report)
    assert (report["assessments"]["pending"], report["assessments"]["failed"]) == (0, 0)
    engine = create_engine(db_url)
    with engine.connect() as connection:
        assert sorted(connection.execute(text("SELECT key FROM entries")).scalars()) == sorted(keys)
        for table in ("articles", "revisions", "assessments"):
            assert connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one() == len(keys), table
    engine.dispose()
    assert (tmp_path / "digests" / DAY / "digest.jsonl").read_text("utf-8").count("\n") == 1
    assert monitor("archive", "verify", "--db", db_url).returncode == 0


def test_a_server_that_is_away(tmp_path: Path, monitor: Monitor, feed_server: FeedServer, server: PostgresServer) -> None:
    db_url, keys = server.make_database(), publish(feed_server, ITEMS)
    feed_server.write_feeds(tmp_path / "feeds.yaml")
    server.stop()
    done = monitor("run", "--now", NOW, "--no-encoder", "--db", db_url)
    assert_one_message(done, 4, "store postgresql", "cannot be opened", "check host and port, and that PostgreSQL runs there")
    server.start()
    assert_healed(tmp_path, monitor, db_url, keys)


@pytest.mark.parametrize("comes_back", [False, True], ids=["stopped", "restarted"])
def test_a_server_that_goes_away_in_mid_run(
    tmp_path: Path, monitor: Monitor, feed_server: FeedServer, server: PostgresServer, comes_back: bool
) -> None:
    db_url, keys = server.make_database(), publish(feed_server, ITEMS)
    feed_server.write_feeds(tmp_path / "feeds.yaml")
    plain = feed_server.documents

    def stop(asked: int) -> None:
        if asked == FEEDS - 1:
            server.stop()
            if comes_back:
                server.start()

    feed_server.documents = HookedDocuments(plain, stop)
    done = monitor("run", "--now", NOW, "--no-encoder", "--db", db_url)
    assert_one_message(done, 4, "store postgresql", "look whether the database server is running")
    feed_server.documents = plain
    server.start()
    assert_healed(tmp_path, monitor, db_url, keys)


def test_a_store_that_stays_open_outlives_a_restart(server: PostgresServer) -> None:
    with SqlStore(server.make_database()) as store:
        assert store.count_articles() == 0
        server.stop()
        server.start()
        assert store.count_articles() == 0
