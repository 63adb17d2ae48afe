"""The archive on a real disk: what is kept can be read by WARC tools, and no change of it goes unseen."""

import gzip
import hashlib
import os
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from warcio.archiveiterator import ArchiveIterator

from monitor.archive.chain import CHAIN
from monitor.archive.retention import KEPT, find_prunable, prune_archive
from monitor.archive.verify import read_record, verify_archive
from monitor.archive.writer import TORN, Archive
from monitor.errors import ArchiveError
from monitor.records import (
    ArchiveHead,
    Exchange,
)
from tests.factories import NOON

HEADERS = (
    ("Content-Type", "application/rss+xml"),
    ("Transfer-Encoding", "chunked"),
    ("X-Place", "Керчь".encode().decode("latin-1")),
)


def keep(archive: Archive, number: int = 1, *, body: bytes | None = None, headers=HEADERS, at=NOON):
    content = f"<rss>{number}</rss>".encode() if body is None else body
    return archive.append(
        f"https://port.example/{number}",
        at,
        Exchange(200, "OK", headers, content),
        document_sha256=hashlib.sha256(content).hexdigest(),
        kind="feed",
        feed_id="port",
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "archive"


def fill(folder: Path, count: int = 3, **changes) -> ArchiveHead:
    with Archive(folder, **changes) as archive:
        for number in range(1, count + 1):
            keep(archive, number)
        archive.sync()
        return archive.head


def files_of(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.warc.gz"))


def test_a_document_can_be_read_back_with_its_headers_by_any_warc_tool(folder):
    with Archive(folder) as archive:
        ref = keep(archive)
    with (folder / ref.file).open("rb") as stream:
        records = [
            (r.rec_headers, r.http_headers, r.content_stream().read()) for r in ArchiveIterator(stream, check_digests="raise")
        ]
    assert [headers.get_header("WARC-Type") for headers, _, _ in records] == ["warcinfo", "response"]
    warc, http, content = records[1]
    assert content == b"<rss>1</rss>"
    assert (warc.get_header("WARC-Target-URI"), warc.get_header("WARC-Date")) == ("https://port.example/1", "2026-05-14T12:00:00Z")
    assert warc.get_header("X-Monitor-Document-SHA256") == hashlib.sha256(b"<rss>1</rss>").hexdigest()
    assert warc.get_header("WARC-Payload-Digest").startswith("sha256:")
    assert (http.get_statuscode(), http.get_header("X-Place")) == ("200", "Керчь")
    assert http.get_header("Transfer-Encoding") is None


def test_what_came_compressed_is_kept_so(folder):
    sent = gzip.compress(b"<rss/>", mtime=0)
    with Archive(folder) as archive:
        ref = keep(archive, body=sent, headers=(("Content-Encoding", "gzip"),))
    record = list(ArchiveIterator(BytesIO((folder / ref.file).read_bytes())))
    assert len(record) == 2
    warc = read_record(folder, ref.sequence).warc
    assert warc.rstrip(b"\r\n").endswith(sent)


def test_a_line_break_in_an_address_makes_no_header(folder):
    with Archive(folder) as archive:
        archive.append(
            "https://port.example/\r\nWARC-Type: resource", NOON, Exchange(200, "O\r\nK: x", (), b""),
            document_sha256="", kind="page", feed_id=None,
        )  # fmt: skip
    with files_of(folder)[0].open("rb") as stream:
        assert [record.rec_type for record in ArchiveIterator(stream)] == ["warcinfo", "response"]


def test_an_untouched_archive_is_intact_also_after_many_openings(folder):
    for number in range(4):
        with Archive(folder) as archive:
            keep(archive, number)
    found = verify_archive(folder)
    assert (found.problems, found.records, found.links) == ((), 4, 5)
    assert found.bytes == sum(path.stat().st_size for path in files_of(folder))


def test_files_are_of_one_day_and_of_bounded_size(folder):
    with Archive(folder, max_file_bytes=600) as archive:
        for number in range(4):
            keep(archive, number)
        keep(archive, 9, at=NOON + timedelta(days=1))
    assert [path.name for path in files_of(folder)][-1] == "2026-05-15-0001.warc.gz"
    assert len(files_of(folder)) > 2
    assert verify_archive(folder).problems == ()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(which=st.integers(0, 99), where=st.integers(0, 99_999), flip=st.integers(1, 255))
def test_any_changed_byte_is_found_and_named(tmp_path_factory, which, where, flip):
    folder = tmp_path_factory.mktemp("archive")
    head = fill(folder, 3, max_file_bytes=900)
    paths = [folder / CHAIN, *files_of(folder)]
    path = paths[which % len(paths)]
    content = bytearray(path.read_bytes())
    content[where % len(content)] ^= flip
    path.write_bytes(content)
    found = verify_archive(folder, expected_head=head).problems
    assert found
    assert any(path.name in problem.where for problem in found)


def remove_line(folder: Path, number: int) -> None:
    lines = (folder / CHAIN).read_bytes().splitlines(keepends=True)
    (folder / CHAIN).write_bytes(b"".join(lines[:number] + lines[number + 1 :]))


def swap_lines(folder: Path) -> None:
    lines = (folder / CHAIN).read_bytes().splitlines(keepends=True)
    (folder / CHAIN).write_bytes(b"".join([*lines[:1], lines[2], lines[1], *lines[3:]]))


def cut_last(folder: Path) -> None:
    """Take the last record away as somebody would who knows how the archive works."""
    lines = (folder / CHAIN).read_bytes().splitlines(keepends=True)
    ends = read_record(folder, 4).link
    os.truncate(folder / ends.file, ends.offset)
    (folder / CHAIN).write_bytes(b"".join(lines[:-1]))


def insert_record(folder: Path) -> None:
    path = files_of(folder)[0]
    path.write_bytes(path.read_bytes() + gzip.compress(b"WARC/1.1\r\nWARC-Type: response\r\n\r\n"))


@pytest.mark.parametrize(
    ("harm", "kind"),
    [
        pytest.param(lambda folder: files_of(folder)[0].unlink(), "missing_file", id="file gone"),
        pytest.param(lambda folder: (folder / "2026-01-01-0001.warc.gz").write_bytes(b"x" * 3000), "extra_file", id="file put in"),
        pytest.param(insert_record, "extra_bytes", id="record put in"),
        pytest.param(lambda folder: os.truncate(files_of(folder)[0], 700), "changed_record", id="file cut"),
        pytest.param(lambda folder: remove_line(folder, 2), "broken_chain", id="line gone"),
        pytest.param(swap_lines, "broken_chain", id="lines swapped"),
        pytest.param(cut_last, "cut_chain", id="end cut off"),
        pytest.param(lambda folder: (folder / CHAIN).unlink(), "cut_chain", id="chain gone"),
    ],
)
def test_what_is_missing_or_put_in_is_named(folder, harm, kind):
    head = fill(folder)
    assert verify_archive(folder, expected_head=head).problems == ()
    harm(folder)
    assert kind in {problem.kind for problem in verify_archive(folder, expected_head=head).problems}


@pytest.mark.parametrize("cut", [1, 40, 200])
def test_what_a_killed_run_left_is_set_aside_and_the_archive_goes_on(folder, cut):
    fill(folder)
    path = files_of(folder)[0]
    path.write_bytes(path.read_bytes() + b"half a record"[:cut])
    with (folder / CHAIN).open("ab") as chain:
        chain.write(b'{"sequence":5,"act'[:cut])
    assert verify_archive(folder).problems
    with Archive(folder) as archive:
        keep(archive, 9)
    assert verify_archive(folder).problems == ()
    assert len(list((folder / TORN).iterdir())) == 2


def test_a_file_that_was_only_begun_is_set_aside(folder):
    fill(folder)
    (folder / "2026-05-15-0001.warc.gz").write_bytes(b"begun")
    assert {problem.kind for problem in verify_archive(folder).problems} == {"extra_file"}
    with Archive(folder):
        pass
    assert verify_archive(folder).problems == ()


def test_only_one_writes_at_a_time(folder):
    with Archive(folder), pytest.raises(ArchiveError, match="another run writes to it"):
        Archive(folder)


def test_a_folder_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "archive").write_text("x")
    with pytest.raises(ArchiveError, match="cannot be written"):
        Archive(tmp_path / "archive")


def test_an_archive_that_was_cut_is_not_written_on(folder):
    fill(folder)
    os.truncate(files_of(folder)[0], 10)
    with pytest.raises(ArchiveError, match="shorter than its chain says"):
        Archive(folder)


def test_there_is_nothing_to_verify_without_an_archive(folder):
    with pytest.raises(ArchiveError, match="there is none"):
        verify_archive(folder)


def test_a_record_is_read_only_if_it_is_what_it_was(folder):
    fill(folder)
    assert b"<rss>2</rss>" in read_record(folder, 3).warc
    with pytest.raises(ArchiveError, match="has no record 99"):
        read_record(folder, 99)
    path = files_of(folder)[0]
    content = bytearray(path.read_bytes())
    content[-30] ^= 1
    path.write_bytes(content)
    with pytest.raises(ArchiveError, match="was changed"):
        read_record(folder, 4)


def make_year(folder: Path) -> list[str]:
    """Three days of one record each; gives the documents' hashes."""
    with Archive(folder) as archive:
        for day in range(3):
            keep(archive, day, at=NOON + timedelta(days=day))
    return [hashlib.sha256(f"<rss>{day}</rss>".encode()).hexdigest() for day in range(3)]


@pytest.mark.parametrize(
    ("days", "max_bytes", "expected"),
    [
        pytest.param(0, 10**9, 0, id="all young"),
        pytest.param(11, 10**9, 1, id="one old"),
        pytest.param(99, 10**9, 2, id="the newest stays"),
        pytest.param(0, 1, 2, id="too large"),
    ],
)
def test_what_is_old_or_too_much_is_chosen_oldest_first(folder, days, max_bytes, expected):
    make_year(folder)
    chosen = find_prunable(folder, now=NOON + timedelta(days=days), max_age_days=10, max_bytes=max_bytes)
    assert list(chosen) == [f"2026-05-{14 + n}-0001.warc.gz" for n in range(expected)]


def test_evidence_outlives_its_file_and_the_archive_stays_intact(folder):
    hashes = make_year(folder)
    files = find_prunable(folder, now=NOON + timedelta(days=99), max_age_days=10, max_bytes=10**9)
    with Archive(folder) as archive:
        pruned = prune_archive(archive, files, now=NOON + timedelta(days=99), is_kept=lambda sha256: sha256 == hashes[1])
        head = archive.head
    assert (pruned.files, pruned.kept_records) == (files, 1)
    assert [path.name.startswith(KEPT) for path in files_of(folder)] == [False, True]
    assert verify_archive(folder, expected_head=head).problems == ()
    assert b"<rss>1</rss>" in read_record(folder, 4).warc
    with pytest.raises(ArchiveError, match="has no record 2"):
        read_record(folder, 2)


def test_a_file_that_should_have_been_dropped_is_named(folder):
    make_year(folder)
    files = find_prunable(folder, now=NOON + timedelta(days=11), max_age_days=10, max_bytes=10**9)
    content = (folder / files[0]).read_bytes()
    with Archive(folder) as archive:
        prune_archive(archive, files, now=NOON + timedelta(days=11), is_kept=lambda _: False)
    (folder / files[0]).write_bytes(content)
    assert [problem.kind for problem in verify_archive(folder).problems] == ["not_dropped"]
