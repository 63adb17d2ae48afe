import hashlib
import json
from datetime import datetime, timedelta, timezone

import pytest

from monitor.archive.chain import (
    NO_HASH,
    PrunedFile,
    PruneEntry,
    RecordEntry,
    decode_line,
    encode_entry,
    find_link,
    first_sequence,
    format_time,
    iterate_links,
)
from monitor.errors import ArchiveError
from tests.factories import NOON
from tests.unit.archive.archives import build_archive, list_records

RECORD = RecordEntry(
    3, "revisit", "records-0000000001.warc.gz", 9, 8, "ab", "2026-05-14T12:00:00.000000Z", refers_to=2, url="\ud800я"
)
PRUNED = PrunedFile("kept-0000000001.warc.gz", 1, 2, 2, 900, "2026-05-14T12:00:00.000000Z", "age")
TOMBSTONE = PruneEntry(4, "prune", "2026-05-15T12:00:00.000000Z", (PRUNED,), kept=1)


@pytest.mark.parametrize("entry", [RECORD, TOMBSTONE])
def test_an_entry_comes_back_as_it_was(entry):
    line, digest = encode_entry(entry, NO_HASH)
    link = decode_line(line)
    assert (link.entry, link.previous, link.hash) == (entry, NO_HASH, digest)


def make_line(**changes):
    """A line with a right hash, whatever it says."""
    values = json.loads(encode_entry(TOMBSTONE if "files" in changes else RECORD, NO_HASH)[0])
    del values["hash"]
    body = json.dumps(values | changes, sort_keys=True, separators=(",", ":")).encode()
    return body[:-1] + b',"hash":"' + hashlib.sha256(body).hexdigest().encode() + b'"}\n'


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        pytest.param(b"", "no end", id="empty"),
        pytest.param(b"\n", "does not end with its hash", id="blank"),
        pytest.param(make_line(previous=None), "does not name the line before", id="no previous"),
        pytest.param(make_line(more=1), "not the fields", id="another field"),
        pytest.param(make_line(offset="9"), "of another type", id="text for a number"),
        pytest.param(make_line(offset=True), "of another type", id="truth for a number"),
        pytest.param(make_line(url=1), "of another type", id="number for a text"),
        pytest.param(make_line(file="../records-0000000001.warc.gz"), "names a file that", id="a file elsewhere"),
        pytest.param(make_line(files=None), "of another type", id="no files"),
        pytest.param(make_line(files=[1]), "not the fields", id="files that are none"),
        pytest.param(make_line(files=[{**json.loads(make_line(files=[]))}]), "not the fields", id="other fields of a file"),
    ],
)
def test_a_line_that_is_no_entry_is_an_error(line, problem):
    with pytest.raises(ValueError, match=problem):
        decode_line(line)


def test_a_line_that_is_no_object_is_an_error():
    body = b'"abc}'
    line = body[:-1] + b',"hash":"' + hashlib.sha256(body).hexdigest().encode() + b'"}\n'
    with pytest.raises(ValueError, match="Unterminated string"):
        decode_line(line)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("records-0000000012.warc.gz", 12),
        ("kept-12345678901.warc.gz", 12_345_678_901),
        ("records-12.warc.gz", None),
        ("records-٠٠٠٠٠٠٠٠٠١.warc.gz", None),
        ("other-0000000012.warc.gz", None),
        ("records-0000000012.warc.gz.1", None),
    ],
)
def test_a_file_name_tells_its_first_record(name, expected):
    assert first_sequence(name) == expected


def test_times_are_utc_with_microseconds():
    assert format_time(NOON.astimezone(timezone(timedelta(hours=3)))) == "2026-05-14T12:00:00.000000Z"
    assert datetime.fromisoformat(format_time(NOON)) == NOON
    with pytest.raises(ValueError, match="no time zone"):
        format_time(NOON.replace(tzinfo=None))


def test_no_chain_has_no_links(tmp_path):
    assert list(iterate_links(tmp_path)) == []
    assert find_link(tmp_path, 1) is None


def test_every_link_of_a_chain_is_found(tmp_path):
    build_archive(tmp_path, range(200))
    for entry in list_records(tmp_path):
        assert find_link(tmp_path, entry.sequence).entry == entry
    assert find_link(tmp_path, 100_000) is None


def test_a_damaged_line_is_named_on_the_way(tmp_path):
    build_archive(tmp_path, range(300))
    chain = tmp_path / "chain.jsonl"
    content = chain.read_bytes()
    chain.write_bytes(content.replace(b"https", b"ftps "))
    with pytest.raises(ArchiveError, match="line 2 is damaged"):
        list(iterate_links(tmp_path))
    with pytest.raises(ArchiveError, match="is damaged"):
        find_link(tmp_path, 100)
