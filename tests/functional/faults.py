"""Real faults for tests: full and read-only disks, servers that stop in mid-run; and what must hold when they are over."""

from __future__ import annotations

import json
import resource
import sqlite3
import subprocess
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING

import pytest

from tests.functional.servers import make_rss
from tests.functional.test_run import assert_adds_up

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from tests.functional.conftest import Monitor
    from tests.functional.servers import FeedServer

CLAIM = "Съезд крымских татар единогласно поддержал президента и специальную операцию"
DAY = "2026-11-20"
NOW = f"{DAY}T12:00:00+00:00"
FEEDS = 4
FILLER = " ".join(f"Открыли мост номер {n}, вокзал и школу." for n in range(8))


class Disk:
    """A disk of its own, in memory, that can be filled up, emptied and made read-only."""

    def __init__(self, folder: Path, *, size: str = "24m") -> None:
        self.folder = folder
        folder.mkdir()
        made = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], capture_output=True, text=True, check=False
        )
        if made.returncode:
            pytest.skip(f"no disk can be mounted here: {made.stderr.strip()}")
        self._ballast = folder / "ballast"

    def fill(self, *, but_bytes: int = 0) -> None:
        """Leave room for so many bytes."""
        self.empty()
        with self._ballast.open("wb", buffering=0) as stream:
            for size in (65_536, 4_096):
                try:
                    while stream.write(bytes(size)) == size:
                        pass
                except OSError:
                    continue  # less than that is left
            stream.truncate(max(0, stream.tell() - but_bytes))

    def empty(self) -> None:
        """Take away what filled it."""
        self._ballast.unlink(missing_ok=True)

    def make_read_only(self, value: bool = True) -> None:
        """Allow no writing, or allow it again."""
        subprocess.run(["mount", "-o", f"remount,{'ro' if value else 'rw'}", str(self.folder)], check=True, capture_output=True)

    def remove(self) -> None:
        """Unmount it."""
        subprocess.run(["umount", "-l", str(self.folder)], check=True)


class HookedDocuments(dict[str, bytes]):
    """Documents of a `FeedServer` that tell when they are asked for."""

    def __init__(self, documents: dict[str, bytes], before: Callable[[int], None]) -> None:
        super().__init__(documents)
        self._before, self._asked = before, 0

    def get(self, path: str, default: bytes = b"") -> bytes:  # type: ignore[override]
        """A document; ``before`` is told first how many were asked for before this one."""
        self._asked += 1
        self._before(self._asked - 1)
        return super().get(path, default)


@dataclass(frozen=True)
class Places:
    """Where a test's store, archive and digests lie."""

    db: Path
    archive: Path
    digests: Path

    @property
    def options(self) -> list[str]:
        """These as options of the command."""
        return ["--db", f"sqlite:///{self.db}", "--archive", str(self.archive), "--digests", str(self.digests), "--no-encoder"]


def make_places(folder: Path, **others: Path) -> Places:
    """Everything in a folder, but for what is given."""
    places = {"db": folder / "monitor.db", "archive": folder / "archive", "digests": folder / "digests"}
    return Places(**(places | others))


def publish(server: FeedServer, items: int, *, newest_at: datetime | None = None) -> set[str]:
    """Have each feed list so many items, and one of all that promotes something; gives their keys.

    With ``newest_at`` they are dated, an hour apart, so that the feeds have a rhythm.
    """
    documents, keys = {}, set()
    for feed in range(FEEDS):
        listed = []
        for n in range(items):
            key = f"{feed}-{n}"
            is_claim = feed == n == 0
            title = CLAIM if is_claim else f"Новости посёлка номер {key}: открыли мост и школу {key}"
            dated = {"pubDate": format_datetime(newest_at - timedelta(hours=items - 1 - n))} if newest_at else {}
            text = CLAIM if is_claim else f"{key} {FILLER}"
            listed.append({"title": title, "link": f"https://agency.example/{key}", "guid": key, "description": text} | dated)
            keys.add(key)
        documents[f"/feed-{feed}.xml"] = make_rss(listed)
    server.documents = documents
    return keys


def assert_one_message(done: subprocess.CompletedProcess[bytes], code: int, *words: str) -> None:
    """It ended with this code and in one line that holds these words."""
    said = done.stderr.decode()
    assert (done.returncode, "Traceback" in said) == (code, False), (done.returncode, said)
    assert len(said.splitlines()) == 1, said
    assert said.startswith("monitor: "), said
    for word in words:
        assert word in said, said


def assert_healed(monitor: Monitor, places: Places, keys: set[str], *, now: str = NOW) -> None:
    """One more run completes everything: each item once, counts that add up, an intact archive, the right digest."""
    done = monitor("run", "--now", now, *places.options)
    assert (done.returncode, done.stderr.decode()) == (0, "")
    folder = places.digests / now[:10]
    report = json.loads((folder / "run.json").read_text("utf-8"))
    assert_adds_up(report)
    assert report["assessments"]["pending"] == report["assessments"]["failed"] == 0
    assert_stored_once(places, keys)
    verified = monitor("archive", "verify", *places.options)
    assert (verified.returncode, verified.stderr) == (0, b""), verified.stdout
    assert_digest_written(monitor, places, now[:10])


def assert_stored_once(places: Places, keys: set[str]) -> None:
    """The store holds each item once, and an assessment for each."""
    with closing(sqlite3.connect(places.db)) as connection:
        found = [key for (key,) in connection.execute("SELECT key FROM entries")]
        assert (len(found), set(found)) == (len(keys), keys)
        for table in ("articles", "revisions", "assessments"):
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (len(keys),), table
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def assert_digest_written(monitor: Monitor, places: Places, day: str, *, flagged: int = 1) -> None:
    """A day's digest is there, without anything half written, and is what the store gives."""
    folder = places.digests / day
    assert not [path.name for path in places.digests.rglob(".*")]
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "run.json"}
    assert before["digest.jsonl"].count(b"\n") == flagged
    assert monitor("digest", "--day", day, *places.options).returncode == 0
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "run.json"} == before


def limit_files(max_bytes: int) -> Callable[[], None]:
    """For a child process: no file may grow beyond this, as on a full disk, where no disk can be mounted."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (max_bytes, max_bytes))

    return limit
