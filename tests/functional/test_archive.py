"""The evidence, as a user asks for it: intact, shown, and named where somebody changed it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from filelock import FileLock

from tests.functional.servers import FeedServer, make_rss

if TYPE_CHECKING:
    from pathlib import Path

    from tests.functional.conftest import Monitor

DOCUMENT = make_rss([{"title": "В порту открыли библиотеку", "link": "https://a.example/1", "guid": "1"}])


@pytest.fixture
def archived(tmp_path: Path, monitor: Monitor, feed_server: FeedServer) -> Path:
    """The folder of an archive with one document that two feeds gave."""
    feed_server.documents = {"/one.xml": DOCUMENT, "/two.xml": DOCUMENT}
    feed_server.write_feeds(tmp_path / "feeds.yaml")
    assert monitor("run", "--no-assess").returncode == 0
    return tmp_path / "archive"


def test_an_archive_is_verified_and_its_documents_are_shown(monitor: Monitor, archived: Path) -> None:
    done = monitor("archive", "verify")
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"intact; 3 records" in done.stdout
    chain = [json.loads(line) for line in (archived / "chain.jsonl").read_bytes().splitlines()]
    assert [line["type"] for line in chain] == ["warcinfo", "response", "revisit"]
    shown = monitor("archive", "show", "3").stdout
    assert shown.startswith(b"WARC/1.1\r\nWARC-Type: revisit\r\n")
    assert b"\r\nHTTP/1.1 200 OK\r\n" in shown
    assert monitor("archive", "show", "3", "--body").stdout == DOCUMENT
    assert monitor("archive", "show", "9").returncode == 4


def test_a_changed_byte_is_named(monitor: Monitor, archived: Path) -> None:
    (path,) = archived.glob("*.warc.gz")
    content = bytearray(path.read_bytes())
    content[-20] ^= 1
    path.write_bytes(content)
    done = monitor("archive", "verify", "--json")
    assert done.returncode == 3
    found = json.loads(done.stdout)
    assert (found["intact"], found["records"]) == (False, 3)
    (problem,) = found["problems"]
    assert problem["kind"] == "changed_record"
    assert problem["where"].startswith(path.name)


def test_an_end_that_was_cut_off_is_named(monitor: Monitor, archived: Path) -> None:
    lines = (archived / "chain.jsonl").read_bytes().splitlines(keepends=True)
    (archived / "chain.jsonl").write_bytes(b"".join(lines[:-1]))
    done = monitor("archive", "verify")
    assert done.returncode == 3
    assert b"truncated_chain: chain.jsonl: the chain ends with entry 2, but reached entry 3" in done.stdout


def test_an_archive_that_a_run_writes_to_is_not_called_damaged(monitor: Monitor, archived: Path) -> None:
    with FileLock(archived / "archive.lock"):
        done = monitor("archive", "verify")
    assert done.returncode == 75
    assert b"another process has it open; wait for it to end" in done.stderr
