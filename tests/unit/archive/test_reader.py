import hashlib
from dataclasses import replace

import pytest

from monitor.archive.chain import iterate_links
from monitor.archive.reader import find_records, read_record, read_warc
from monitor.archive.writer import Archive, ArchiveLimits
from monitor.errors import ArchiveError, FetchError
from tests.factories import NOON
from tests.unit.archive.archives import (
    DAY,
    append_document,
    build_archive,
    decode,
    hash_document,
    list_records,
    make_document,
    make_exchange,
    rewrite_chain,
    warc_files,
)


def test_a_document_is_read_with_everything_that_was_kept_of_it(tmp_path):
    with Archive(tmp_path) as archive:
        ref = append_document(archive, 1, is_zipped=True)
    stored = read_record(tmp_path, ref.sequence, decode=decode)
    assert stored.body == make_document(1)
    assert decode(stored.sent, "gzip") == stored.body
    assert (stored.url, stored.fetched_at, stored.kind, stored.feed_id) == ("https://feed-1.example/rss", NOON, "feed", "feed-1")
    assert (stored.status, stored.reason) == (200, "OK")
    assert stored.headers == (("Content-Type", "application/rss+xml"), ("Content-Encoding", "gzip"))
    assert (stored.sequence, stored.record_sha256, stored.document_sha256) == (2, ref.record_sha256, hash_document(1))


def test_a_revisit_is_read_with_its_own_headers_and_the_body_of_the_original(tmp_path):
    with Archive(tmp_path) as archive:
        append_document(archive, 1)
        exchange = make_exchange(make_document(1), ("X-Served-By", "second"))
        ref = archive.append("https://y.example/", NOON + DAY, exchange, document_sha256=hash_document(1), kind="page")
    stored = read_record(tmp_path, ref.sequence, decode=decode)
    assert (stored.body, stored.headers[-1], stored.url) == (make_document(1), ("X-Served-By", "second"), "https://y.example/")
    assert (stored.kind, stored.feed_id, stored.fetched_at) == ("page", None, NOON + DAY)


def test_every_record_of_a_long_chain_is_found(tmp_path):
    refs = build_archive(tmp_path, range(300), limits=ArchiveLimits(max_file_days=10))
    assert (tmp_path / "chain.jsonl").stat().st_size > 3 * 65_536
    for number, ref in enumerate(refs):
        assert read_record(tmp_path, ref.sequence, decode=decode).body == make_document(number)


@pytest.mark.parametrize(
    ("sequence", "problem"),
    [
        pytest.param(0, "record 0 is no document", id="zero"),
        pytest.param(1, "record 1 is no document", id="warcinfo"),
        pytest.param(4, "record 4 is no document", id="beyond the end"),
    ],
)
def test_a_number_that_is_no_document_is_an_error(tmp_path, sequence, problem):
    build_archive(tmp_path, [1, 2])
    with pytest.raises(ArchiveError, match=problem):
        read_record(tmp_path, sequence, decode=decode)


def test_no_archive_holds_nothing(tmp_path):
    assert find_records(tmp_path, hash_document(1)) == ()
    with pytest.raises(ArchiveError, match="record 2 is no document"):
        read_record(tmp_path, 2, decode=decode)


def test_the_records_of_a_document_are_found(tmp_path):
    with Archive(tmp_path) as archive:
        for number in (1, 2, 1):
            append_document(archive, number)
    assert find_records(tmp_path, hash_document(1)) == (2, 4)
    assert find_records(tmp_path, "я") == ()
    # The hash of a record is not the hash of a document.
    assert find_records(tmp_path, list_records(tmp_path)[1].record_sha256) == ()


def damage_record(folder):
    path = warc_files(folder)[0]
    path.write_bytes(path.read_bytes()[:-3] + b"\0\0\0")


def remove_file(folder):
    warc_files(folder)[0].unlink()


def damage_line(folder):
    chain = folder / "chain.jsonl"
    chain.write_bytes(chain.read_bytes().replace(b"feed-1", b"feed-2"))


def replace_chain(folder):
    (folder / "chain.jsonl").unlink()
    (folder / "chain.jsonl").mkdir()


def take_line_out(folder):
    entries = [link.entry for link in iterate_links(folder)]
    rewrite_chain(folder, [entries[0], replace(entries[1], sequence=3)])


def claim_another_document(folder):
    entries = [link.entry for link in iterate_links(folder)]
    rewrite_chain(folder, [entries[0], replace(entries[1], document_sha256=hash_document(7))])


def claim_the_warcinfo(folder):
    entries = [link.entry for link in iterate_links(folder)]
    rewrite_chain(
        folder,
        [entries[0], replace(entries[0], sequence=2, document_sha256=hash_document(1))],
    )


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        pytest.param(damage_record, r"records-0000000001\.warc\.gz: record 2 at byte \d+ was changed; verify", id="record"),
        pytest.param(remove_file, r"record 2 is there no more, its file records-0000000001\.warc\.gz was pruned", id="file"),
        pytest.param(damage_line, r"chain\.jsonl: a line before byte \d+ is damaged", id="line"),
        pytest.param(replace_chain, r"chain\.jsonl: cannot be read", id="no chain"),
        pytest.param(take_line_out, "no line for record 2; verify", id="line taken out"),
        pytest.param(claim_another_document, "does not decompress to document", id="another document"),
        pytest.param(claim_the_warcinfo, "cannot be read: it holds no HTTP message", id="no message"),
    ],
)
def test_what_was_changed_is_not_read_but_named(tmp_path, damage, problem):
    build_archive(tmp_path, [1])
    damage(tmp_path)
    with pytest.raises(ArchiveError, match=problem):
        read_record(tmp_path, 2, decode=decode)


def test_a_line_changed_before_is_an_error_of_finding_too(tmp_path):
    build_archive(tmp_path, [1])
    damage_line(tmp_path)
    with pytest.raises(ArchiveError, match="line 2 is damaged"):
        find_records(tmp_path, hash_document(1))
    replace_chain(tmp_path)
    with pytest.raises(ArchiveError, match="cannot be read"):
        find_records(tmp_path, hash_document(1))


def test_a_record_that_cannot_be_opened_is_an_archive_error(tmp_path):
    with Archive(tmp_path) as archive:
        body = b"no gzip"
        archive.append(
            "https://x.example/",
            NOON,
            make_exchange(body, ("Content-Encoding", "br")),
            document_sha256=hashlib.sha256(body).hexdigest(),
            kind="feed",
        )
    with pytest.raises(ArchiveError, match="record 2 cannot be decompressed") as caught:
        read_record(tmp_path, 2, decode=decode)
    assert isinstance(caught.value.__cause__, FetchError)


def test_a_document_beyond_the_limit_is_not_read(tmp_path):
    with Archive(tmp_path) as archive:
        body = bytes(3_000_000)
        archive.append(
            "https://x.example/", NOON, make_exchange(body), document_sha256=hashlib.sha256(body).hexdigest(), kind="page"
        )
    with pytest.raises(ArchiveError, match="larger than 2000000 bytes"):
        read_record(tmp_path, 2, decode=decode, max_bytes=1_000_000)
    assert read_record(tmp_path, 2, decode=decode).body == body


def test_a_record_is_written_out_as_warc_and_a_revisit_with_the_record_of_its_body(tmp_path):
    with Archive(tmp_path) as archive:
        first = append_document(archive, 1)
        again = append_document(archive, 1, fetched_at=NOON + DAY)
    whole, revisit = read_warc(tmp_path, first.sequence), read_warc(tmp_path, again.sequence)
    assert whole.startswith(b"WARC/1.1\r\nWARC-Type: response\r\n")
    assert whole.endswith(make_document(1) + b"\r\n\r\n")
    assert revisit.startswith(b"WARC/1.1\r\nWARC-Type: revisit\r\n")
    assert revisit.endswith(whole)


def test_a_record_too_large_to_write_out_is_an_error(tmp_path):
    with Archive(tmp_path) as archive:
        archive.append("https://x.example/", NOON, make_exchange(bytes(3_000_000)), document_sha256="", kind="page")
    with pytest.raises(ArchiveError, match=r"record 2 cannot be read: .*larger than 2000000 bytes"):
        read_warc(tmp_path, 2, max_bytes=1_000_000)
