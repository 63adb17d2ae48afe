"""A fault of the machine ends a run in one clear message, loses nothing, and is healed by the next run: disks, locks, network."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.functional.faults import (
    DAY,
    FEEDS,
    NOW,
    Disk,
    HookedDocuments,
    assert_digest_written,
    assert_healed,
    assert_one_message,
    limit_files,
    make_places,
    publish,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.functional.conftest import Monitor
    from tests.functional.servers import FeedServer

NEXT_DAY = "2026-11-21"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    made = Disk(tmp_path / "disk")
    yield made
    made.remove()


@pytest.fixture
def feeds(tmp_path: Path, feed_server: FeedServer) -> FeedServer:
    """A few feeds with some items."""
    publish(feed_server, 3)
    feed_server.write_feeds(tmp_path / "feeds.yaml")
    return feed_server


# Where a disk fills up depends on what is left of it. All are tried with MONITOR_TEST_FAULTS=all; a run of all tests tries two.
TRIES_ALL = os.environ.get("MONITOR_TEST_FAULTS") == "all"
FREE_KB = (8, 80, 160, 320, 480, 640) if TRIES_ALL else (80, 320)


@pytest.mark.parametrize("what", ["db", "archive", "digests"])
@pytest.mark.parametrize("is_fresh", [True, False] if TRIES_ALL else [False], ids=lambda fresh: "fresh" if fresh else "used")
def test_a_full_disk(tmp_path: Path, monitor: Monitor, feeds: FeedServer, disk: Disk, what: str, is_fresh: bool) -> None:
    names = {"db": "monitor.db", "archive": "archive", "digests": "digests"}
    places = make_places(tmp_path, **{what: disk.folder / names[what]})
    if not is_fresh:
        assert monitor("run", "--now", NOW, *places.options).returncode == 0
    keys = publish(feeds, 30)
    disk.fill()
    done = monitor("run", "--now", NOW, *places.options)
    assert_one_message(done, 4, f"{'store' if what == 'db' else what} ", "disk")
    disk.empty()
    assert_healed(monitor, places, keys)


@pytest.mark.slow
@pytest.mark.parametrize("free_kb", FREE_KB)
def test_everything_on_one_disk_that_fills_up_somewhere(monitor: Monitor, feeds: FeedServer, disk: Disk, free_kb: int) -> None:
    places = make_places(disk.folder)
    assert monitor("run", "--now", NOW, *places.options).returncode == 0
    keys = publish(feeds, 60)
    disk.fill(but_bytes=free_kb * 1024)
    done = monitor("run", "--now", NOW, *places.options)
    if done.returncode:
        assert_one_message(done, 4, "free some disk space")
    disk.empty()
    assert_healed(monitor, places, keys)


def test_a_digest_that_does_not_fit_is_written_on_the_next_day(
    tmp_path: Path, monitor: Monitor, feeds: FeedServer, disk: Disk
) -> None:
    places = make_places(tmp_path, digests=disk.folder / "digests")
    publish(feeds, 60)
    disk.fill(but_bytes=66 * 1024)
    done = monitor("run", "--now", NOW, *places.options)
    assert_one_message(done, 4, f"digests {places.digests / DAY}", "what it says is in the store", "free some disk space")
    assert not [path for path in (places.digests / DAY).iterdir() if path.name.startswith(".")]
    disk.empty()
    done = monitor("run", "--now", f"{NEXT_DAY}T08:00:00+00:00", *places.options)
    assert (done.returncode, done.stderr) == (0, b"")
    assert_digest_written(monitor, places, DAY)
    written = (places.digests / DAY / "run.json").read_bytes()
    assert monitor("run", "--now", f"{NEXT_DAY}T12:00:00+00:00", *places.options).returncode == 0
    assert (places.digests / DAY / "run.json").read_bytes() == written


@pytest.mark.skipif(os.name != "posix", reason="limits of a process are POSIX")
@pytest.mark.parametrize("max_kb", [40, 200])
def test_files_that_may_not_grow(tmp_path: Path, monitor: Monitor, feeds: FeedServer, max_kb: int) -> None:
    places, keys = make_places(tmp_path), publish(feeds, 30)
    command = [sys.executable, "-m", "monitor", "run", "--now", NOW, *places.options]
    # What measures coverage writes a file, too, and would fail as well.
    unmeasured = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    limit = limit_files(max_kb * 1024)
    done = subprocess.run(command, cwd=tmp_path, env=unmeasured, capture_output=True, preexec_fn=limit, check=False)
    assert_one_message(done, 4)
    assert_healed(monitor, places, keys)


@pytest.mark.parametrize(("what", "code"), [("db", 4), ("archive", 4), ("digests", 2)])
def test_a_read_only_disk(tmp_path: Path, monitor: Monitor, feeds: FeedServer, disk: Disk, what: str, code: int) -> None:
    names = {"db": "monitor.db", "archive": "archive", "digests": "digests"}
    places = make_places(tmp_path, **{what: disk.folder / names[what]})
    assert monitor("run", "--now", NOW, *places.options).returncode == 0
    keys = publish(feeds, 10)
    disk.make_read_only()
    done = monitor("run", "--now", NOW, *places.options)
    assert_one_message(done, code, f"{'store' if what == 'db' else what} ", "writable for this user")
    disk.make_read_only(value=False)
    assert_healed(monitor, places, keys)


def test_a_fresh_store_in_a_read_only_folder(tmp_path: Path, monitor: Monitor, feeds: FeedServer, disk: Disk) -> None:
    places = make_places(disk.folder, digests=tmp_path / "digests")
    disk.make_read_only()
    assert_one_message(monitor("run", "--now", NOW, *places.options), 4, "store ", "writable for this user")
    disk.make_read_only(value=False)
    assert_healed(monitor, places, publish(feeds, 3))


def test_a_disk_that_fills_up_in_mid_run(tmp_path: Path, monitor: Monitor, feeds: FeedServer, disk: Disk) -> None:
    places = make_places(disk.folder)
    assert monitor("run", "--now", NOW, *places.options).returncode == 0
    keys = publish(feeds, 10)
    plain = feeds.documents
    feeds.documents = HookedDocuments(plain, lambda asked: disk.fill() if asked == FEEDS - 1 else None)
    assert_one_message(monitor("run", "--now", NOW, *places.options), 4, "free some disk space")
    feeds.documents = plain
    disk.empty()
    assert_healed(monitor, places, keys)


def test_output_that_finds_no_room(tmp_path: Path, monitor: Monitor, feeds: FeedServer) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    places, keys = make_places(tmp_path), publish(feeds, 3)
    command = [sys.executable, "-m", "monitor", "run", "--json", "--now", NOW, *places.options]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(command, cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, check=False)
    assert_one_message(done, 1, "the output: cannot be written", "free some disk space")
    assert_healed(monitor, places, keys)


def test_a_store_that_stays_locked(tmp_path: Path, monitor: Monitor, feeds: FeedServer) -> None:
    places = make_places(tmp_path)
    assert monitor("run", "--now", NOW, *places.options).returncode == 0
    keys = publish(feeds, 10)
    with closing(sqlite3.connect(places.db)) as other:
        other.execute("BEGIN IMMEDIATE")
        done = monitor("run", "--now", NOW, *places.options, "--db", f"sqlite:///{places.db}?timeout=0.5")
    assert_one_message(done, 4, "store ", "database is locked", "another program holds it; try again")
    assert_healed(monitor, places, keys)


def test_a_store_that_is_locked_in_mid_run(tmp_path: Path, monitor: Monitor, feeds: FeedServer) -> None:
    places = make_places(tmp_path)
    assert monitor("run", "--now", NOW, *places.options).returncode == 0
    keys = publish(feeds, 10)
    with closing(sqlite3.connect(places.db, check_same_thread=False)) as other:
        plain = feeds.documents
        feeds.documents = HookedDocuments(plain, lambda asked: other.execute("BEGIN IMMEDIATE") and None if asked == 1 else None)
        done = monitor("run", "--now", NOW, *places.options, "--db", f"sqlite:///{places.db}?timeout=0.5")
        other.rollback()
        feeds.documents = plain
    assert_one_message(done, 4, "store ", "database is locked", "nothing of this step was kept")
    assert_healed(monitor, places, keys)


def test_a_short_lock_is_waited_for(tmp_path: Path, monitor: Monitor, feeds: FeedServer) -> None:
    places, keys = make_places(tmp_path), publish(feeds, 3)
    assert monitor("run", "--now", NOW, *places.options).returncode == 0
    with closing(sqlite3.connect(places.db, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        release = threading.Timer(4, other.rollback)
        release.start()
        assert_healed(monitor, places, keys)
        release.join()


def test_no_network_at_all(tmp_path: Path, monitor: Monitor, feeds: FeedServer) -> None:
    places, keys = make_places(tmp_path), publish(feeds, 3)
    alive = feeds.url
    feeds.url = "http://127.0.0.1:9"  # nobody listens there
    feeds.write_feeds(tmp_path / "feeds.yaml")
    done = monitor("run", "--now", NOW, *places.options)
    assert_one_message(done, 3, f"all {FEEDS} feeds failed", "monitor feeds check")
    digest = (places.digests / DAY / "digest.md").read_text("utf-8")
    assert "no connection" in digest
    feeds.url = alive
    feeds.write_feeds(tmp_path / "feeds.yaml")
    assert_healed(monitor, places, keys)


def test_the_network_goes_away_in_mid_run(tmp_path: Path, monitor: Monitor, feeds: FeedServer) -> None:
    places = make_places(tmp_path)
    assert monitor("run", "--now", NOW, *places.options).returncode == 0
    keys, plain = publish(feeds, 10), feeds.documents

    def cut(asked: int) -> None:
        if asked >= 2:
            raise ConnectionResetError

    feeds.documents = HookedDocuments(plain, cut)
    done = monitor("run", "--now", NOW, *places.options)
    assert (done.returncode, done.stderr) == (0, b"")
    assert_one_message(monitor("run", "--now", f"{DAY}T12:01:00+00:00", *places.options, "--strict"), 3, "feeds failed")
    feeds.documents = plain
    assert_healed(monitor, places, keys, now=f"{DAY}T18:00:00+00:00")
