import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from monitor.errors import RunLockedError, StoreError
from monitor.lock import hold_run_lock, lock_path
from tests.factories import NOON

HOLD = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from monitor.lock import hold_run_lock
with hold_run_lock(Path(sys.argv[1]), started_at=datetime(2026, 5, 14, 12, tzinfo=UTC)):
    print("held", flush=True)
    sys.stdin.readline()
"""


@contextmanager
def another_process_holds(path: Path):
    """A process that holds the lock until told to end."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        try:
            assert holder.stdout.readline() == "held\n"
            yield holder
        finally:
            holder.kill()


def assert_free(path: Path) -> None:
    with hold_run_lock(path, started_at=NOON):
        pass


def test_a_second_run_is_refused_with_the_owner_named(tmp_path):
    path = tmp_path / "monitor.db.lock"
    with another_process_holds(path) as holder:
        with pytest.raises(RunLockedError, match=rf"process {holder.pid} on .*, since 2026-05-14T12:00:00\+00:00\); wait"):
            assert_free(path)
        # The refused one has taken nothing away: the next is refused as well, and told as much.
        with pytest.raises(RunLockedError, match=f"process {holder.pid}"):
            assert_free(path)


def test_the_lock_is_free_after_its_holder_was_killed(tmp_path):
    path = tmp_path / "monitor.db.lock"
    with another_process_holds(path) as holder:
        holder.send_signal(signal.SIGKILL)
        holder.wait(timeout=20)
    assert_free(path)


def test_the_lock_is_free_after_its_holder_has_ended(tmp_path):
    path = tmp_path / "monitor.db.lock"
    with another_process_holds(path) as holder:
        holder.communicate("\n", timeout=20)
        assert holder.returncode == 0
    assert_free(path)


def test_the_lock_is_free_and_its_owner_forgotten_after_a_failure(tmp_path):
    path = tmp_path / "monitor.db.lock"
    with pytest.raises(LookupError), hold_run_lock(path, started_at=NOON):
        raise LookupError
    assert not list(tmp_path.glob("*.owner"))
    assert_free(path)


def test_the_owner_is_written_down_while_the_lock_is_held(tmp_path):
    path = tmp_path / "monitor.db.lock"
    with hold_run_lock(path, started_at=NOON):
        owner = json.loads((tmp_path / "monitor.db.lock.owner").read_text())
        assert (owner["pid"], owner["started_at"]) == (os.getpid(), "2026-05-14T12:00:00+00:00")
        assert set(owner) == {"pid", "host", "started_at"}


@pytest.mark.parametrize("written", ["", "{", "[]", "{}", "null"])
def test_an_unreadable_owner_is_left_out_of_the_message(tmp_path, written):
    path = tmp_path / "monitor.db.lock"
    with another_process_holds(path):
        (tmp_path / "monitor.db.lock.owner").write_text(written)
        with pytest.raises(RunLockedError, match=r"monitor\.db\.lock; wait for it to end"):
            assert_free(path)


@pytest.mark.parametrize("blocked", ["folder", "file above"])
def test_a_place_where_no_lock_can_be_made_is_a_store_error(tmp_path, blocked):
    path = tmp_path / "monitor.db.lock"
    if blocked == "folder":
        path.mkdir()
    else:
        (tmp_path / "file").write_text("")
        path = tmp_path / "file" / "monitor.db.lock"
    with pytest.raises(StoreError, match="cannot be made"):
        assert_free(path)


@pytest.mark.parametrize(
    ("db_url", "expected"),
    [
        pytest.param("sqlite:///monitor.db", "monitor.db.lock", id="relative"),
        pytest.param("sqlite:////srv/monitor/store.db", "/srv/monitor/store.db.lock", id="absolute"),
        pytest.param("sqlite:////srv/store.db?timeout=5", "/srv/store.db.lock", id="with options"),
        pytest.param("sqlite+pysqlite:////srv/store.db", "/srv/store.db.lock", id="driver named"),
        pytest.param("sqlite://", "monitor.lock", id="in memory"),
        pytest.param("sqlite:///:memory:", "monitor.lock", id="in memory, named"),
        pytest.param("postgresql+psycopg://user@host/name", "monitor.lock", id="PostgreSQL"),
    ],
)
def test_the_lock_lies_beside_the_store(db_url, expected):
    assert lock_path(db_url) == Path(expected)
