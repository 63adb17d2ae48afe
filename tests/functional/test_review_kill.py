"""A server that is killed under load loses no decision that it acknowledged, and can go on with what it left."""

from __future__ import annotations

import http.client
import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing, suppress
from typing import TYPE_CHECKING

import pytest

from monitor.review.passwords import hash_password
from monitor.storage.reviewstore import ReviewStore
from monitor.storage.store import SqlStore
from tests.factories import BUNDLE, NOON
from tests.functional.conftest import REPOSITORY
from tests.functional.review_server import PASSWORD, Client, fill_store

if TYPE_CHECKING:
    from pathlib import Path

ARTICLES, ANALYSTS, KILLS = 150, 4, 3


@pytest.fixture
def folder(tmp_path):
    """A store with questions that do not depend on the bundle in use."""
    url = f"sqlite:///{tmp_path / 'monitor.db'}"
    with SqlStore(url) as pipeline, ReviewStore(url) as store:
        fill_store(pipeline, ARTICLES)
        for number in range(ANALYSTS):
            store.add_account(f"analyst{number}", role="analyst", password_hash=hash_password(PASSWORD), created_at=NOON)
        while store.fill_queue(BUNDLE, thresholds={}, seed="narrative-monitor", limit=200):
            pass
    return tmp_path


def start(folder: Path) -> tuple[subprocess.Popen[str], int]:
    command = [sys.executable, "-m", "monitor", "review", "--port", "0", "--db", f"sqlite:///{folder / 'monitor.db'}"]
    process = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stdout is not None
    line = process.stdout.readline()
    return process, int(re.search(r":(\d+)/", line).group(1))


def decide_until_it_dies(port: int, name: str, acknowledged: list[int], enough: threading.Event) -> None:
    client = Client(port)
    with suppress(OSError, http.client.HTTPException):
        client.log_in(name)
        place = client.get("/next").location
        while place.startswith("/item/"):
            page = client.get(place).body
            shown = {field: re.search(rf'name="{field}" value="(\d+)"', page).group(1) for field in ("revision", "version")}
            reply = client.post(f"{place.partition('?')[0]}/decide", verdict="reject", **shown)
            place = reply.location
            acknowledged.append(int(re.search(r"done=(\d+)", place).group(1)))
            if len(acknowledged) >= 12:
                enough.set()


@pytest.mark.slow
def test_no_acknowledged_decision_is_lost(folder):
    acknowledged: list[int] = []
    for _ in range(KILLS):
        process, port = start(folder)
        enough = threading.Event()
        batch: list[int] = []
        threads = [
            threading.Thread(target=decide_until_it_dies, args=(port, f"analyst{number}", batch, enough))
            for number in range(ANALYSTS)
        ]
        for thread in threads:
            thread.start()
        assert enough.wait(60), "the analysts got nowhere"
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        for thread in threads:
            thread.join()
        acknowledged += batch
    with closing(sqlite3.connect(folder / "monitor.db")) as connection:
        kept = {number for (number,) in connection.execute("SELECT id FROM decisions")}
        assert len(acknowledged) == len(set(acknowledged)) >= KILLS * 12
        assert set(acknowledged) <= kept
        assert len(kept) <= len(acknowledged) + KILLS * ANALYSTS, "at most one each was kept of which nobody was told"
        twice = "SELECT count(*) FROM (SELECT article_id, asked, user_id FROM decisions GROUP BY 1, 2, 3 HAVING count(*) > 1)"
        assert connection.execute(twice).fetchone() == (0,)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        decided = "SELECT count(*) FROM review_items WHERE state IN ('decided', 'second')"
        asked = "SELECT count(*) FROM (SELECT DISTINCT article_id, asked FROM decisions)"
        assert connection.execute(decided).fetchone() == connection.execute(asked).fetchone()
