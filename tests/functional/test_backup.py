"""`monitor backup` and `monitor restore` on a store that a run filled."""

from __future__ import annotations

import io
import json
import shutil
import sqlite3
import subprocess
import sys
import tarfile
import threading
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from monitor.wiring.parts import Clock, Places
from monitor.wiring.run import run_once
from tests.functional.servers import make_rss, serve

if TYPE_CHECKING:
    from collections.abc import Callable

REPOSITORY = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
CLAIM = "Съезд крымских татар единогласно поддержал президента и специальную операцию"


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An installation after one run."""
    folder = tmp_path_factory.mktemp("filled")
    items = [{"title": f"{CLAIM} {n}", "link": f"https://agency.example/{n}", "description": CLAIM} for n in range(3)]
    with serve() as server:
        server.documents = {"/a.xml": make_rss(items)}
        server.write_feeds(folder / "feeds.yaml")
        places = Places(
            folder / "feeds.yaml",
            f"sqlite:///{folder / 'monitor.db'}",
            folder / "digests",
            None,
            REPOSITORY,
            use_encoder=False,
            archive=folder / "archive",
        )
        run_once(places, Clock(lambda: NOW, lambda: 0.0), run_id="r1")
    return folder


@pytest.fixture
def home(filled: Path, tmp_path: Path) -> Path:
    shutil.copytree(filled, tmp_path / "home")
    return tmp_path / "home"


def call(home: Path, *words: str, now: str = NOW.isoformat()) -> subprocess.CompletedProcess[str]:
    home.mkdir(exist_ok=True)
    places = ["--db", f"sqlite:///{home / 'monitor.db'}", "--feeds", str(home / "feeds.yaml"), "--archive", str(home / "archive")]
    command = [sys.executable, "-m", "monitor", *words, *places, "--digests", str(home / "digests"), "--no-encoder", "--now", now]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)


def back_up(home: Path, target: Path, *more: str, now: str = NOW.isoformat()) -> dict[str, Any]:
    done = call(home, "backup", str(target), "--json", *more, now=now)
    assert done.returncode == 0, done.stderr
    made: dict[str, Any] = json.loads(done.stdout)
    return made


def write_digest(home: Path) -> dict[str, bytes]:
    done = call(home, "digest", "--day", "2026-11-20")
    assert done.returncode == 0, done.stderr
    return {path.name: path.read_bytes() for path in (home / "digests/2026-11-20").iterdir() if path.name.startswith("digest.")}


def test_what_is_restored_elsewhere_gives_the_same_digest_and_archive(home: Path, tmp_path: Path) -> None:
    made = back_up(home, tmp_path / "backups", "--with-archive")
    assert made["path"] == str(tmp_path / "backups/monitor-20261120T120000Z.tar.gz")
    assert made["counts"]["articles"] == 3
    assert {"store.db", "feeds.yaml", "CURRENT", "archive/chain.jsonl"} <= set(made["members"])
    before = write_digest(home)
    other = tmp_path / "other"
    done = call(other, "restore", made["path"])
    assert done.returncode == 0, done.stderr
    assert (other / "feeds.yaml").read_bytes() == (home / "feeds.yaml").read_bytes()
    assert write_digest(other) == before
    assert call(other, "archive", "verify").returncode == 0
    assert list(tmp_path.glob("backups/.*")) == []


def test_a_backup_may_be_made_while_somebody_writes(home: Path, tmp_path: Path) -> None:
    stop = threading.Event()

    def write() -> None:
        with closing(sqlite3.connect(home / "monitor.db", timeout=30, isolation_level=None)) as connection:
            n = 0
            while not stop.is_set():
                n += 1
                connection.execute("INSERT INTO login_failures (subject, failed_at) VALUES (?, '2026-11-20 12:00:00')", [f"x{n}"])

    writer = threading.Thread(target=write)
    writer.start()
    try:
        made = back_up(home, tmp_path / "backup.tar.gz")
    finally:
        stop.set()
        writer.join()
    assert made["counts"]["articles"] == 3


def test_what_is_there_is_not_overwritten_but_put_aside(home: Path, tmp_path: Path) -> None:
    made = back_up(home, tmp_path / "backups")
    with closing(sqlite3.connect(home / "monitor.db")) as connection, connection:
        connection.execute("DELETE FROM login_failures")
    marked = (home / "monitor.db").read_bytes()
    refused = call(home, "restore", made["path"])
    assert refused.returncode == 2
    assert "exists already; --force" in refused.stderr
    assert (home / "monitor.db").read_bytes() == marked
    done = call(home, "restore", made["path"], "--force", "--json")
    assert done.returncode == 0, done.stderr
    (aside,) = json.loads(done.stdout)["put_aside"]
    assert Path(aside).read_bytes() == marked
    assert call(home, "doctor").returncode in {0, 3}


def test_the_newest_backups_stay(home: Path, tmp_path: Path) -> None:
    days = [f"2026-11-2{n}T03:00:00Z" for n in range(1, 5)]
    deleted = [back_up(home, tmp_path / "backups", "--keep", "2", now=day)["deleted"] for day in days]
    assert [len(gone) for gone in deleted] == [0, 0, 1, 1]
    kept = sorted(path.name for path in (tmp_path / "backups").iterdir())
    assert kept == ["monitor-20261123T030000Z.tar.gz", "monitor-20261124T030000Z.tar.gz"]


def test_a_backup_is_never_overwritten(home: Path, tmp_path: Path) -> None:
    target = tmp_path / "backup.tar.gz"
    target.write_bytes(b"mine")
    done = call(home, "backup", str(target))
    assert done.returncode == 2
    assert target.read_bytes() == b"mine"


def flip(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 0xFF]) + content[middle + 1 :]


def repack(change: Callable[[str, bytes], tuple[str, bytes] | None]) -> Callable[[bytes], bytes]:
    """The same backup with changed members."""

    def pack(content: bytes) -> bytes:
        written = io.BytesIO()
        with tarfile.open(fileobj=io.BytesIO(content)) as old, tarfile.open(fileobj=written, mode="w:gz") as new:
            for member in old:
                file = old.extractfile(member)
                kept = change(member.name, file.read() if file else b"")
                if kept is not None:
                    info = tarfile.TarInfo(kept[0])
                    info.size = len(kept[1])
                    new.addfile(info, io.BytesIO(kept[1]))
        return written.getvalue()

    return pack


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        pytest.param(flip, "damaged", id="one byte changed"),
        pytest.param(lambda content: content[: len(content) // 2], "cut short", id="cut short"),
        pytest.param(lambda _: b"", "cannot be read", id="empty"),
        pytest.param(repack(lambda n, c: None if n == "store.db" else (n, c)), "lacks store.db", id="a file is missing"),
        pytest.param(repack(lambda n, c: (n, flip(c) if n == "store.db" else c)), "its hash differs", id="another store"),
        pytest.param(repack(lambda n, c: (n.replace("feeds.yaml", "../feeds.yaml"), c)), "is not as", id="a path that leads out"),
        pytest.param(repack(lambda n, c: (n, b"{}" if n == "manifest.json" else c)), "cannot be read", id="no manifest"),
        pytest.param(repack(lambda n, c: None if n == "manifest.json" else (n, c)), "does not begin with", id="another tar file"),
    ],
)
def test_a_damaged_backup_is_refused_before_anything_is_touched(
    home: Path, tmp_path: Path, damage: Callable[[bytes], bytes], said: str
) -> None:
    path = Path(back_up(home, tmp_path / "backup.tar.gz")["path"])
    path.write_bytes(damage(path.read_bytes()))
    other = tmp_path / "other"
    done = call(other, "restore", str(path), "--force")
    assert done.returncode == 4
    assert said in done.stderr
    assert [one.name for one in other.iterdir() if "lock" not in one.name] == []


def test_a_server_s_store_is_left_to_its_own_tools(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "monitor", "backup", str(tmp_path), "--db", "postgresql+psycopg://user:geheim@host/name"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 4
    assert "pg_dump" in done.stderr
    assert "geheim" not in done.stderr
