import gzip
import io
import zlib

import pytest
from warcio.archiveiterator import ArchiveIterator

from monitor.archive.warc import HttpMessage, Original, RecordHead, build_record, build_warcinfo, hash_payload, read_message
from monitor.records import Exchange

BODY = "<rss>Новости</rss>".encode() * 20
MAX_BYTES = 100_000


def build(exchange, *, url="https://x.example/rss", original=None, feed_id="x"):
    head = RecordHead(7, url, "2026-05-14T12:00:00.000000Z", "feed", feed_id, "ab" * 32, hash_payload(exchange))
    return build_record(head, exchange, original)


def read_with_warcio(member):
    record = next(ArchiveIterator(io.BytesIO(member), check_digests="raise"))
    return record, record.content_stream().read()


@pytest.mark.parametrize(
    ("coding", "encode"),
    [
        pytest.param(None, bytes, id="plain"),
        pytest.param("identity", bytes, id="identity"),
        pytest.param("gzip", gzip.compress, id="gzip"),
        pytest.param("GZIP", gzip.compress, id="gzip in capitals"),
        pytest.param("deflate", zlib.compress, id="deflate"),
        pytest.param("gzip", bytes, id="called gzip, but plain"),
    ],
)
def test_another_reader_finds_the_document_however_it_was_sent(coding, encode):
    sent = encode(BODY)
    headers = (("Transfer-Encoding", "chunked"), *([("Content-Encoding", coding)] if coding else []))
    member = build(Exchange(200, "OK", headers, sent))
    assert read_with_warcio(member)[1] == BODY
    assert read_message(member, max_bytes=MAX_BYTES).body == sent


def test_what_was_sent_compressed_is_not_compressed_again():
    sent = gzip.compress(BODY)
    assert sent in build(Exchange(200, "OK", (("Content-Encoding", "gzip"),), sent))
    assert len(build(Exchange(200, "OK", (), BODY))) < len(BODY) + 200


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        pytest.param(("Transfer-Encoding", "chunked"), ("X-Archive-Orig-Transfer-Encoding", "chunked"), id="transfer coding"),
        pytest.param(("content-length", "9"), ("X-Archive-Orig-content-length", "9"), id="wrong length"),
        pytest.param(("Content-Length", str(len(BODY))), ("Content-Length", str(len(BODY))), id="right length"),
        pytest.param(("X-Note", "a\r\nSet-Cookie: b"), ("X-Note", "a Set-Cookie: b"), id="line break in value"),
        pytest.param(("X: y\r\nZ", "a"), ("X__y__Z", "a"), id="line break in name"),
        pytest.param(("", "a"), ("_", "a"), id="no name"),
        pytest.param(("X-Raw", "\udcd0\udcff"), ("X-Raw", "\udcd0\udcff"), id="bytes of an unknown encoding"),
        pytest.param(("X-Raw", "\ud800"), ("X-Raw", "?"), id="no text at all"),
        pytest.param(("X-Raw", "Привет"), ("X-Raw", "Привет"), id="UTF-8"),
    ],
)
def test_headers_are_kept_but_those_that_would_mislead_are_renamed(header, expected):
    member = build(Exchange(200, "OK", (header,), BODY))
    assert read_message(member, max_bytes=MAX_BYTES) == HttpMessage(200, "OK", (expected,), BODY)
    assert read_with_warcio(member)[1] == BODY


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        pytest.param("https://x.example/?a=%20b&c#d", "https://x.example/?a=%20b&c#d", id="as it is"),
        pytest.param("https://пример.example/я", "https://%D0%BF%D1%80%D0%B8%D0%BC%D0%B5%D1%80.example/%D1%8F", id="Cyrillic"),
        pytest.param("https://x.example/a b\r\nWARC-Type: c", "https://x.example/a%20b%0D%0AWARC-Type:%20c", id="line break"),
        pytest.param("https://x.example/\ud800", "https://x.example/?", id="no text"),
    ],
)
def test_an_address_stays_one_word(url, expected):
    record, _ = read_with_warcio(build(Exchange(200, "OK", (), BODY), url=url))
    assert record.rec_headers.get_header("WARC-Target-URI") == expected


def test_a_revisit_has_the_headers_of_its_exchange_and_no_body():
    member = build(
        Exchange(200, "Fine\r\n", (("ETag", '"2"'),), BODY),
        original=Original(3, "https://x.example/ a", "2026-05-13T12:00:00.000000Z"),
    )
    record, body = read_with_warcio(member)
    assert (record.rec_type, body) == ("revisit", b"")
    assert record.rec_headers.get_header("WARC-Refers-To-Target-URI") == "https://x.example/%20a"
    assert record.rec_headers.get_header("Narrative-Monitor-Refers-To-Sequence") == "3"
    assert read_message(member, max_bytes=MAX_BYTES) == HttpMessage(200, "Fine ", (("ETag", '"2"'),), b"")


@pytest.mark.parametrize("feed_id", [None, "x"])
def test_a_page_without_a_feed_has_no_field_for_it(feed_id):
    record, _ = read_with_warcio(build(Exchange(200, "OK", (), BODY), feed_id=feed_id))
    assert record.rec_headers.get_header("Narrative-Monitor-Feed") == feed_id


@pytest.mark.parametrize(
    ("member", "problem"),
    [
        pytest.param(b"no gzip", "no gzip member", id="no gzip"),
        pytest.param(b"", "cut off", id="empty"),
        pytest.param(build(Exchange(200, "OK", (), BODY))[:-1], "cut off", id="cut off"),
        pytest.param(build(Exchange(200, "OK", (), b"0" * 200_000)), "larger than 100000 bytes", id="too large"),
        pytest.param(build_warcinfo("f", "2026-05-14T12:00:00Z", "s"), "no HTTP message", id="warcinfo"),
        pytest.param(gzip.compress(b"WARC/1.1\r\n\r\nHTTP/1.1 abc\r\n\r\n"), "no HTTP message", id="no status"),
    ],
)
def test_what_holds_no_message_is_an_error(member, problem):
    with pytest.raises(ValueError, match=problem):
        read_message(member, max_bytes=MAX_BYTES)
