"""A clock that jumps: nothing is lost or asked for in a storm, no feed is forgotten, and the evidence stays."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from tests.functional.faults import (
    FEEDS,
    Places,
    assert_digest_written,
    assert_stored_once,
    make_places,
    publish,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tests.functional.conftest import Monitor
    from tests.functional.servers import FeedServer

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
JUMPS = [timedelta(days=days) for days in (-365, -1, 1, 365)]


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return make_places(tmp_path)


def run(monitor: Monitor, places: Places, feeds: FeedServer, now: datetime) -> tuple[int, str]:
    """A run at a time; gives how often feeds were asked for, and what it said."""
    before = len(feeds.requests)
    done = monitor("run", "--now", now.isoformat(), *places.options)
    assert done.returncode == 0, done.stderr
    return len(feeds.requests) - before, done.stderr.decode()


@pytest.mark.parametrize("jump", JUMPS, ids=str)
def test_a_clock_that_jumps_and_is_set_right(
    tmp_path: Path, monitor: Monitor, feed_server: FeedServer, places: Places, jump: timedelta
) -> None:
    publish(feed_server, 5, newest_at=NOON)
    feed_server.write_feeds(tmp_path / "feeds.yaml", extra="")
    assert run(monitor, places, feed_server, NOON) == (FEEDS, "")
    assert run(monitor, places, feed_server, NOON + timedelta(minutes=1)) == (0, "")

    publish(feed_server, 6, newest_at=NOON + timedelta(hours=1))
    wrong = NOON + timedelta(hours=1) + jump
    asked, said = run(monitor, places, feed_server, wrong)
    # A wait that ends within a day is kept.
    assert asked == (0 if jump == timedelta(days=-1) else FEEDS)
    assert ("store: clock: the last run began at 2026-11-20 12:01 UTC" in said) == (jump != timedelta(days=1))
    publish(feed_server, 7, newest_at=NOON + timedelta(hours=2))
    asked, said = run(monitor, places, feed_server, wrong + timedelta(minutes=1))
    # Documents whose items all lie ahead of the clock tell no rhythm: then each run asks, as of a feed without dates.
    assert asked in {0, FEEDS}

    right = NOON + timedelta(hours=26)
    keys = publish(feed_server, 8, newest_at=NOON + timedelta(hours=26))
    assert run(monitor, places, feed_server, right)[0] == FEEDS
    assert run(monitor, places, feed_server, right + timedelta(minutes=1)) == (0, "")
    assert_stored_once(places, keys)
    verified = monitor("archive", "verify", *places.options)
    assert (verified.returncode, verified.stderr) == (0, b""), verified.stdout
    assert_digest_written(monitor, places, "2026-11-20")
    with closing(sqlite3.connect(places.db)) as connection:
        (latest,) = connection.execute("SELECT max(not_before) FROM feeds").fetchone()
    assert latest < (right + timedelta(days=1)).strftime("%Y-%m-%d %H:%M")


def test_a_clock_that_jumps_ahead_drops_no_evidence(
    tmp_path: Path, monitor: Monitor, feed_server: FeedServer, places: Places
) -> None:
    publish(feed_server, 3)
    path = feed_server.write_feeds(tmp_path / "feeds.yaml")
    path.write_text(path.read_text("utf-8").replace("feeds:\n", "  archive: {keep_days: 30}\nfeeds:\n", 1), "utf-8")
    run(monitor, places, feed_server, NOON)
    kept = {one.name for one in places.archive.glob("*.warc.gz")}
    publish(feed_server, 4)
    for day in range(2):
        run(monitor, places, feed_server, NOON + timedelta(days=365 + day))
    assert kept <= {one.name for one in places.archive.glob("*.warc.gz")}
    for day in range(2, 8):
        run(monitor, places, feed_server, NOON + timedelta(days=365 + day))
    assert not kept & {one.name for one in places.archive.glob("*.warc.gz")}, "a week of runs says that the time is right"


def test_doctor_says_that_the_clock_is_wrong(tmp_path: Path, monitor: Monitor, feed_server: FeedServer, places: Places) -> None:
    publish(feed_server, 1)
    feed_server.write_feeds(tmp_path / "feeds.yaml")
    run(monitor, places, feed_server, NOON)
    said = monitor("doctor", "--now", (NOON - timedelta(days=30)).isoformat(), *places.options)
    assert b"error    clock: the last run began at 2026-11-20 12:00 UTC" in said.stdout
