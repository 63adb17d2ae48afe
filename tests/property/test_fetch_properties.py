import gzip
import zlib

from hypothesis import given
from hypothesis import strategies as st

from monitor.errors import FetchError
from monitor.fetch.decompress import BodyReader
from monitor.fetch.politeness import MAX_RETRY_AFTER_S, read_retry_after
from monitor.fetch.safety import is_public_address
from tests.factories import NOON

MAX_BYTES = 1_000_000
dates = st.builds(
    "{} {} {} {}:{}:{} {}".format, *[st.integers(-1, 99_999).map(str)] * 6, st.sampled_from(["GMT", "+9999", "-0000", "MSK", ""])
)


def encode(body: bytes, coding: str) -> bytes:
    if coding == "gzip":
        return gzip.compress(body)
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15 if coding == "raw" else 15)
    return compressor.compress(body) + compressor.flush()


def read(coding: str, chunks: list[bytes]) -> bytes:
    reader = BodyReader("deflate" if coding == "raw" else coding, max_bytes=MAX_BYTES)
    for chunk in chunks:
        reader.feed(chunk)
    return reader.finish()


@given(
    st.sampled_from(["gzip", "deflate", "raw"]),
    st.one_of(
        st.binary(max_size=2_000),
        st.builds(
            lambda unit, n: unit * n, st.binary(min_size=1, max_size=3), st.integers(0, 100_000) | st.integers(65_530, 66_000)
        ),
    ),
    st.integers(1, 5_000),
)
def test_a_document_comes_out_whole_however_it_is_cut_into_chunks(coding, body, size):
    raw = encode(body, coding)
    assert read(coding, [raw[at : at + size] for at in range(0, len(raw), size)]) == body


@given(st.sampled_from(["gzip", "deflate"]), st.lists(st.binary(max_size=200), max_size=5))
def test_any_bytes_are_a_document_or_a_fetch_error(coding, chunks):
    try:
        assert len(read(coding, chunks)) <= MAX_BYTES
    except FetchError as error:
        assert error.kind in {"bad_encoding", "too_large"}  # noqa: PT017 - either outcome is right


@given(st.one_of(st.text(max_size=30), st.integers().map(str), dates, dates.map("Thu, {}".format)))
def test_any_retry_after_is_nothing_or_seconds_within_a_day(value):
    wait = read_retry_after(value, NOON)
    assert wait is None or 0 < wait <= MAX_RETRY_AFTER_S


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_is_judged_the_same_inside_an_ipv6_one(address):
    assert is_public_address(f"::ffff:{address}") == is_public_address(f"64:ff9b::{address}") == is_public_address(str(address))
