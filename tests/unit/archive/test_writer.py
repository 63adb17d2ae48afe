import gzip
import hashlib
import json
import os
import resource
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

import pytest
from warcio.archiveiterator import ArchiveIterator

from monitor.archive.chain import encode_entry
from monitor.archive.reader import read_record
from monitor.archive.verify import verify_archive
from monitor.archive.writer import Archive, ArchiveLimits, keep_writers_out
from monitor.errors import ArchiveError, RunLockedError
from tests.factories import NOON
from tests.unit.archive.archives import (
    DAY,
    SMALL,
    append_document,
    build_archive,
    decode,
    hash_document,
    list_records,
    make_document,
    make_exchange,
    warc_files,
)


@contextmanager
def no_file_larger_than(size: int):
    """The disk is full, as far as this process can tell: writing past ``size`` bytes of a file fails half-way."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def read_with_warcio(folder):
    found = []
    for path in warc_files(folder):
        with path.open("rb") as stream:
            for record in ArchiveIterator(stream, check_digests="raise"):
                content = record.content_stream().read()
                found.append((record.rec_type, record.rec_headers, record.http_headers, content))
    return found


def test_another_reader_of_warc_files_reads_every_record(tmp_path):
    with Archive(tmp_path) as archive:
        append_document(archive, 1)
        append_document(archive, 2, is_zipped=True)
        append_document(archive, 1, fetched_at=NOON + DAY)
    records = read_with_warcio(tmp_path)
    assert [kind for kind, *_ in records] == ["warcinfo", "response", "response", "revisit"]
    assert [body for *_, body in records[1:]] == [make_document(1), make_document(2), b""]
    _, head, http, _ = records[2]
    assert head.get_header("WARC-Target-URI") == "https://feed-2.example/rss"
    assert head.get_header("WARC-Date") == "2026-05-14T12:00:00.000000Z"
    assert head.get_header("Narrative-Monitor-Feed") == "feed-2"
    assert head.get_header("Narrative-Monitor-Document-Digest") == f"sha256:{hash_document(2)}"
    assert (http.get_statuscode(), http.get_header("Content-Type")) == ("200", "application/rss+xml")
    _, head, http, _ = records[3]
    assert head.get_header("WARC-Profile").endswith("/revisit/identical-payload-digest")
    assert head.get_header("WARC-Payload-Digest") == records[1][1].get_header("WARC-Payload-Digest")
    assert head.get_header("WARC-Refers-To-Date") == "2026-05-14T12:00:00.000000Z"
    assert head.get_header("WARC-Refers-To-Target-URI") == "https://feed-1.example/rss"


def test_a_reference_says_where_the_record_lies(tmp_path):
    with Archive(tmp_path) as archive:
        ref = append_document(archive, 1)
        assert archive.head.sequence == ref.sequence == 2
    content = (tmp_path / ref.file).read_bytes()[ref.offset : ref.offset + ref.length]
    assert hashlib.sha256(content).hexdigest() == ref.record_sha256
    assert make_document(1) in gzip.decompress(content)


def test_the_chain_is_canonical_json_where_each_line_holds_the_hash_of_the_one_before(tmp_path):
    build_archive(tmp_path, [1, 2])
    previous = "0" * 64
    for line in (tmp_path / "chain.jsonl").read_text("ascii").splitlines():
        values = json.loads(line)
        digest = values.pop("hash")
        assert values["previous"] == previous
        assert digest == hashlib.sha256(json.dumps(values, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
        previous = digest


def test_the_same_document_in_other_bytes_is_kept_whole(tmp_path):
    with Archive(tmp_path) as archive:
        append_document(archive, 1)
        append_document(archive, 1, is_zipped=True)
        append_document(archive, 1, is_zipped=True)
    assert [(entry.type, entry.refers_to) for entry in list_records(tmp_path)[1:]] == [
        ("response", None),
        ("response", None),
        ("revisit", 3),
    ]


def test_a_document_is_recognised_after_opening_again(tmp_path):
    build_archive(tmp_path, [1, 2])
    with Archive(tmp_path) as archive:
        append_document(archive, 1)
        append_document(archive, 1)
    assert [entry.refers_to for entry in list_records(tmp_path)] == [None, None, None, 2, 2]
    assert len(warc_files(tmp_path)) == 1
    assert verify_archive(tmp_path).is_intact


def test_only_the_end_of_a_long_chain_is_remembered(tmp_path):
    build_archive(tmp_path, range(7), limits=ArchiveLimits(max_file_days=30))
    with Archive(tmp_path, limits=ArchiveLimits(remembered_bytes=2_000)) as archive:
        append_document(archive, 0)
        append_document(archive, 6)
    # The file's beginning is not remembered either, so that its age is unknown: another is begun.
    assert [entry.type for entry in list_records(tmp_path)][-3:] == ["warcinfo", "response", "revisit"]
    assert verify_archive(tmp_path).is_intact


@pytest.mark.parametrize(
    ("limits", "days", "files"),
    [
        pytest.param(ArchiveLimits(), 1, 1, id="neither full nor old"),
        pytest.param(ArchiveLimits(max_file_bytes=600), 0, 4, id="full"),
        pytest.param(ArchiveLimits(max_file_days=2), 1, 2, id="old"),
        pytest.param(ArchiveLimits(), -1, 1, id="fetched out of order"),
    ],
)
def test_a_full_or_old_file_is_followed_by_another(tmp_path, limits, days, files):
    for number in range(4):
        with Archive(tmp_path, limits=limits) as archive:
            append_document(archive, number, fetched_at=NOON + DAY * days * number)
    assert len(warc_files(tmp_path)) == files
    assert verify_archive(tmp_path).is_intact


def test_a_second_writer_is_refused_until_the_first_closes(tmp_path):
    with Archive(tmp_path), pytest.raises(RunLockedError, match="another process has it open; wait"):
        Archive(tmp_path)
    with Archive(tmp_path) as archive:
        assert archive.head is None


def test_a_closed_archive_takes_nothing_more(tmp_path):
    archive = Archive(tmp_path)
    archive.close()
    with pytest.raises(ArchiveError, match="it is closed; open it again"):
        append_document(archive, 1)


def test_a_time_without_a_zone_is_refused(tmp_path):
    with Archive(tmp_path) as archive, pytest.raises(ValueError, match="no time zone"):
        append_document(archive, 1, fetched_at=datetime(2026, 5, 14, 12))  # noqa: DTZ001 - that is the case


def test_an_entry_too_long_for_the_chain_is_refused_and_undone(tmp_path):
    with Archive(tmp_path) as archive:
        append_document(archive, 1)
        with pytest.raises(ArchiveError, match="too long for the chain"):
            archive.append("https://x.example/" + "x" * 16_000_000, NOON, make_exchange(b""), document_sha256="0" * 64, kind="page")
        append_document(archive, 2)
    assert verify_archive(tmp_path).records == 3
    assert verify_archive(tmp_path).is_intact


@pytest.mark.parametrize("full", ["record", "chain", "new file", "chain of a new file"])
def test_a_full_disk_leaves_the_archive_as_it_was(tmp_path, full):
    limits = ArchiveLimits(max_file_bytes=1_000)
    with Archive(tmp_path, limits=limits) as archive:
        append_document(archive, 1)
        if "new file" in full:
            append_document(archive, 2)
            assert warc_files(tmp_path)[-1].stat().st_size > limits.max_file_bytes
        head, names = archive.head, sorted(path.name for path in tmp_path.iterdir())
        sizes = {"record": warc_files(tmp_path)[-1].stat().st_size, "new file": 0}
        size = sizes.get(full, (tmp_path / "chain.jsonl").stat().st_size)
        with (
            no_file_larger_than(size + 100),
            pytest.raises(ArchiveError, match=r"cannot be written \(File too large\); free some"),
        ):
            append_document(archive, 4)
        assert (archive.head, sorted(path.name for path in tmp_path.iterdir())) == (head, names)
        archive.sync()
        assert verify_archive(tmp_path, expected_head=head).is_intact
        ref = append_document(archive, 4)
    assert verify_archive(tmp_path).is_intact
    assert read_record(tmp_path, ref.sequence, decode=decode).body == make_document(4)


def find_open_file(path: Path) -> int:
    """The number under which this process has a file open."""
    wanted = path.stat()
    for number in range(3, 1_000):
        with suppress(OSError):
            if os.path.samestat(os.fstat(number), wanted):
                return number
    raise LookupError(path)


def test_after_a_write_that_cannot_be_undone_nothing_more_is_written(tmp_path):
    archive = Archive(tmp_path)
    ref = append_document(archive, 1)
    with Path(os.devnull).open("rb") as unwritable:
        os.dup2(unwritable.fileno(), find_open_file(tmp_path / ref.file))
    with pytest.raises(ArchiveError, match="cannot be written"):
        append_document(archive, 2)
    with pytest.raises(ArchiveError, match="a failed write could not be undone; open it again"):
        append_document(archive, 3)
    with pytest.raises(ArchiveError, match="cannot be written to disk"):
        archive.sync()
    archive.close()
    with Archive(tmp_path) as archive:
        append_document(archive, 2)
    assert verify_archive(tmp_path).is_intact


def test_a_record_whose_file_went_cannot_be_copied(tmp_path):
    ref = build_archive(tmp_path, [1])[0]
    with Archive(tmp_path) as archive:
        entries = list_records(tmp_path)
        (tmp_path / ref.file).unlink()
        with pytest.raises(ArchiveError, match=r"records-0000000001\.warc\.gz: cannot be read .*restore it"):
            archive.copy_records(entries[1:], copied_at=NOON)


def test_a_folder_that_cannot_be_made_is_an_archive_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ArchiveError, match="cannot be opened for writing") as caught:
        Archive(tmp_path / "file" / "archive")
    assert caught.value.exit_code == 4
    assert isinstance(caught.value.__cause__, OSError)


def test_a_chain_that_cannot_be_opened_is_an_archive_error_and_the_lock_is_given_back(tmp_path):
    (tmp_path / "chain.jsonl").mkdir()
    with pytest.raises(ArchiveError, match="cannot be opened for writing"):
        Archive(tmp_path)
    (tmp_path / "chain.jsonl").rmdir()
    build_archive(tmp_path, [1])


@pytest.mark.parametrize("tail", ["record", "line", "both", "new file", "line begun"])
def test_what_an_interrupted_run_left_is_reported_then_moved_aside(tmp_path, tail):
    build_archive(tmp_path, [1, 2])
    head = list_records(tmp_path)[-1].sequence
    files = {
        "record": {warc_files(tmp_path)[0].name: b"\x1f\x8b torn"},
        "line": {"chain.jsonl": b'{"document'},
        "both": {warc_files(tmp_path)[0].name: b"\x1f\x8b torn", "chain.jsonl": b"{"},
        "new file": {"records-0000000004.warc.gz": b"\x1f\x8b torn"},
        "line begun": {"chain.jsonl": b"\0" * 5},
    }[tail]
    for name, content in files.items():
        with (tmp_path / name).open("ab") as stream:
            stream.write(content)
    assert {problem.where.split()[0] for problem in verify_archive(tmp_path).problems} == set(files)
    with Archive(tmp_path, limits=SMALL) as archive:
        assert archive.head.sequence == head
        assert {path.read_bytes() for path in archive.moved_aside} == set(files.values())
        assert all(path.parent == tmp_path / "torn" for path in archive.moved_aside)
        append_document(archive, 3)
    assert verify_archive(tmp_path).is_intact
    with Archive(tmp_path) as archive:
        assert archive.moved_aside == ()


def test_two_tails_at_the_same_place_are_both_kept(tmp_path):
    build_archive(tmp_path, [1])
    for content in (b"first", b"second"):
        with warc_files(tmp_path)[0].open("ab") as stream:
            stream.write(content)
        Archive(tmp_path).close()
    assert {path.read_bytes() for path in (tmp_path / "torn").iterdir()} == {b"first", b"second"}


@pytest.mark.parametrize("damage", ["cut", "changed", "gone"])
def test_damage_is_not_tidied_away_but_written_after(tmp_path, damage):
    ref = build_archive(tmp_path, [1, 2])[-1]
    path = tmp_path / ref.file
    content = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(content[:-9] + (b"" if damage == "cut" else bytes(9)))
    with Archive(tmp_path) as archive:
        new = append_document(archive, 3)
    assert new.file != ref.file
    assert {problem.where.split()[0] for problem in verify_archive(tmp_path).problems} == {ref.file}
    assert read_record(tmp_path, new.sequence, decode=decode).body == make_document(3)


def test_a_damaged_last_line_is_an_error_and_an_earlier_one_is_left_for_verifying(tmp_path):
    build_archive(tmp_path, [1, 2, 3])
    chain = tmp_path / "chain.jsonl"
    content = chain.read_bytes()
    chain.write_bytes(content.replace(b"feed-3", b"feed-4"))
    with pytest.raises(ArchiveError, match=r"chain\.jsonl: its last line is damaged .*restore it from a copy"):
        Archive(tmp_path)
    chain.write_bytes(content.replace(b"feed-2", b"feed-4"))
    with Archive(tmp_path) as archive:
        append_document(archive, 4)
    assert [problem.kind for problem in verify_archive(tmp_path).problems] == ["changed_line"]


def test_an_entry_is_encoded_whatever_its_text(tmp_path):
    with Archive(tmp_path) as archive:
        append_document(archive, 1)
    entry = list_records(tmp_path)[-1]
    line, _ = encode_entry(entry, "0" * 64)
    assert line.isascii()


def test_nobody_writes_while_an_archive_is_gone_through(tmp_path):
    build_archive(tmp_path, [1])
    with keep_writers_out(tmp_path), pytest.raises(RunLockedError, match="another process has it open"):
        Archive(tmp_path)
    with Archive(tmp_path), pytest.raises(RunLockedError, match="another process has it open"), keep_writers_out(tmp_path):
        raise AssertionError


def test_there_is_nobody_to_keep_out_of_an_archive_that_is_not_there(tmp_path):
    with keep_writers_out(tmp_path / "none"):
        assert not (tmp_path / "none").exists()
