import gzip
import tracemalloc
import zlib

import pytest

from monitor.errors import FetchError
from monitor.fetch.decompress import BodyReader

FEED = ("<rss><item><title>Новости полуострова</title></item></rss>" * 50).encode()


def deflate(content: bytes, wbits: int) -> bytes:
    compressor = zlib.compressobj(9, zlib.DEFLATED, wbits)
    return compressor.compress(content) + compressor.flush()


def read(coding: str, *chunks: bytes, max_bytes: int = 10_000_000) -> bytes:
    reader = BodyReader(coding, max_bytes=max_bytes)
    for chunk in chunks:
        reader.feed(chunk)
    return reader.finish()


CODED = {
    "none": ("", FEED),
    "identity": ("identity", FEED),
    "gzip": ("gzip", gzip.compress(FEED)),
    "x-gzip": ("x-gzip", gzip.compress(FEED)),
    "capitals and spaces": (" GZip ", gzip.compress(FEED)),
    "deflate": ("deflate", zlib.compress(FEED)),
    "raw deflate": ("deflate", deflate(FEED, -15)),
}
each_coding = pytest.mark.parametrize(("coding", "body"), CODED.values(), ids=CODED)


@each_coding
def test_every_accepted_coding_gives_the_document_back(coding, body):
    assert read(coding, body) == FEED


@each_coding
def test_a_document_that_comes_byte_by_byte_is_the_same(coding, body):
    assert read(coding, *(body[i : i + 1] for i in range(len(body)))) == FEED


@each_coding
def test_a_document_of_exactly_the_cap_passes_and_one_byte_more_does_not(coding, body):
    assert read(coding, body, max_bytes=len(FEED)) == FEED
    with pytest.raises(FetchError, match=r"larger than .* bytes; raise settings\.fetch\.max_bytes") as caught:
        read(coding, body, max_bytes=len(FEED) - 1)
    assert caught.value.kind == "too_large"


@pytest.mark.parametrize("size", [65_535, 65_536, 65_537, 131_073, 200_001])
@pytest.mark.parametrize("wbits", [-15, 15], ids=["raw", "zlib"])
def test_highly_compressible_documents_keep_their_last_bytes(size, wbits):
    body = deflate(b"a" * size, wbits)
    assert len(read("deflate", body)) == size


def test_gzip_members_that_follow_each_other_are_all_read():
    assert read("gzip", gzip.compress(b"one ") + gzip.compress(b"two")) == b"one two"


@pytest.mark.parametrize(
    "chunks",
    [
        pytest.param((gzip.compress(FEED) + b"\0" * 512,), id="in one chunk"),
        pytest.param((gzip.compress(FEED), b"\0" * 512), id="in a chunk of its own"),
        pytest.param((gzip.compress(FEED) + b"\0", b"\0" * 512), id="over two chunks"),
    ],
)
def test_zero_padding_after_gzip_is_ignored_however_it_arrives(chunks):
    assert read("gzip", *chunks) == FEED


def test_an_empty_body_is_empty_whatever_its_coding_says():
    assert read("gzip") == b""
    assert read("gzip", b"") == b""


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        pytest.param("gzip", b"<rss>this was never compressed</rss>", id="plain text said to be gzip"),
        pytest.param("gzip", gzip.compress(FEED)[:-6] + b"\xff" * 6, id="wrong checksum"),
        pytest.param("gzip", gzip.compress(FEED)[:30] + b"\xff" * 10 + gzip.compress(FEED)[40:], id="broken inside"),
        pytest.param("deflate", zlib.compress(FEED)[:20] + b"\xff" * 10 + zlib.compress(FEED)[30:], id="deflate broken inside"),
    ],
)
def test_broken_data_are_refused_with_a_reason(coding, body):
    with pytest.raises(FetchError, match="the compressed document is broken") as caught:
        read(coding, body)
    assert caught.value.kind == "bad_encoding"


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        pytest.param("gzip", gzip.compress(FEED)[:-20], id="gzip without its end"),
        pytest.param("gzip", gzip.compress(FEED)[:6], id="gzip cut in its header"),
        pytest.param("deflate", zlib.compress(FEED)[:-20], id="deflate without its end"),
    ],
)
def test_data_that_stop_too_early_are_refused(coding, body):
    # Kept as they are, they would be remembered with their ETag, and the missing entries never asked for again.
    with pytest.raises(FetchError) as caught:
        read(coding, body)
    assert caught.value.kind == "bad_encoding"


@pytest.mark.parametrize("coding", ["br", "zstd", "compress", "gzip, gzip"])
def test_a_coding_that_was_not_asked_for_is_refused_by_name(coding):
    with pytest.raises(FetchError, match=f"Content-Encoding '{coding}'") as caught:
        BodyReader(coding, max_bytes=10)
    assert caught.value.kind == "bad_encoding"


def test_a_bomb_is_refused_before_it_takes_memory():
    compressor = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(compressor.compress(bytes(4_000_000)) for _ in range(25)) + compressor.flush()
    tracemalloc.start()
    try:
        with pytest.raises(FetchError, match="larger than 1000000 bytes"):
            read("gzip", bomb, max_bytes=1_000_000)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 3_000_000
