"""A run that is killed loses nothing: the next one completes it."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tests.functional.servers import FeedServer, make_rss
from tests.functional.test_run import assert_adds_up, read_report

if TYPE_CHECKING:
    from pathlib import Path

    from tests.functional.conftest import Monitor

FEEDS, ITEMS, KILLS = 200, 20, 10
TOPICS = (
    "Мост закрыли на ремонт",
    "Команда выиграла матч",
    "Школьники посадили сад",
    "Цены на хлеб не изменились",
    "В музее открыли выставку",
)


def make_document(feed: int) -> bytes:
    return make_rss(
        [
            {
                "title": f"{TOPICS[item % len(TOPICS)]}: выпуск {feed}-{item}",
                "link": f"https://outlet{feed}.example/{item}",
                "guid": f"{feed}-{item}",
            }
            for item in range(ITEMS)
        ]
    )


@pytest.mark.slow
def test_nothing_is_lost_or_doubled_by_ten_kills(tmp_path: Path, monitor: Monitor, feed_server: FeedServer) -> None:
    feed_server.documents = {f"/feed-{number}.xml": make_document(number) for number in range(FEEDS)}
    feed_server.write_feeds(tmp_path / "feeds.yaml")
    moments = random.Random(20220224)
    killed_mid_run = 0
    for _ in range(KILLS):
        killed_mid_run += run_and_kill(tmp_path, after_s=moments.uniform(0.3, 6.0))
    assert killed_mid_run >= 3, "the kills missed the runs: choose other moments"

    done = monitor("run")
    assert (done.returncode, done.stderr) == (0, b"")
    report = read_report(tmp_path)
    assert_adds_up(report)
    verified = monitor("archive", "verify")
    assert (verified.returncode, verified.stderr) == (0, b"")
    assert report["assessments"]["pending"] == report["assessments"]["failed"] == 0
    connection = sqlite3.connect(tmp_path / "monitor.db")
    try:
        expected = {f"{feed}-{item}" for feed in range(FEEDS) for item in range(ITEMS)}
        keys = [key for (key,) in connection.execute("SELECT key FROM entries")]
        assert len(keys) == len(expected)
        assert set(keys) == expected
        for table in ("articles", "revisions", "assessments"):
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (FEEDS * ITEMS,), table
        assert connection.execute("SELECT count(DISTINCT identity) FROM articles").fetchone() == (FEEDS * ITEMS,)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("SELECT count(*) FROM revision_search WHERE revision_search MATCH 'выпуск'").fetchone() == (
            FEEDS * ITEMS,
        )
    finally:
        connection.close()


def run_and_kill(folder: Path, *, after_s: float) -> bool:
    """Start a run in a process group of its own and kill all of it; says whether it was still running."""
    process = subprocess.Popen(
        [sys.executable, "-m", "monitor", "run"],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    time.sleep(after_s)
    was_running = process.poll() is None
    if was_running:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return was_running
