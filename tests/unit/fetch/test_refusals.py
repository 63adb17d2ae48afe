"""Answers that are no document, bodies that are too large or broken, and servers that never end."""

import asyncio
import gzip
import zlib
from dataclasses import replace

import pytest
from aiohttp import web

from monitor.errors import FetchError
from monitor.records import (
    FetchedFeed,
)
from tests.factories import make_feed
from tests.unit.fetch.loopback import FEED, LIMITS, NEW, answer, assert_failed, collect, fetch, serve


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        (401, "wants a log-in"),
        (403, "set a proxy"),
        (404, "may come back"),
        (410, "remove it"),
        (418, "may work later"),
        (429, "asked too often"),
        (500, "may work later"),
        (503, "overloaded"),
        (204, "may work later"),
    ],
)
def test_a_refusal_says_which_and_what_to_do(status, advice):
    error = assert_failed(fetch(answer(b"", status=status)), f"http_{status}")
    assert str(status) in str(error)
    assert advice in str(error)
    assert error.retry_after_s is None


@pytest.mark.parametrize(
    ("status", "value", "expected"),
    [
        pytest.param(429, "120", 120.0, id="429 seconds"),
        pytest.param(503, "Thu, 14 May 2026 12:10:00 GMT", 600.0, id="503 date"),
        pytest.param(404, "120", None, id="404 may not ask for it"),
        pytest.param(429, "whenever", None, id="unreadable"),
    ],
)
def test_the_wish_to_be_left_alone_is_passed_on(status, value, expected):
    assert fetch(answer(status=status, Retry_After=value)).retry_after_s == expected


RAW = zlib.compressobj(9, zlib.DEFLATED, -15)


CODED = {
    "gzip": ("gzip", gzip.compress(FEED)),
    "deflate": ("deflate", zlib.compress(FEED)),
    "raw deflate": ("deflate", RAW.compress(FEED) + RAW.flush()),
}


@pytest.mark.parametrize(("coding", "body"), CODED.values(), ids=CODED)
def test_compressed_documents_are_unpacked(coding, body):
    assert fetch(answer(body, Content_Encoding=coding)).body == FEED


@pytest.mark.parametrize(
    ("coding", "body", "kind"),
    [
        pytest.param("gzip", b"not gzip at all", "bad_encoding", id="broken gzip"),
        pytest.param("br", b"whatever", "bad_encoding", id="coding not asked for"),
        pytest.param("gzip", gzip.compress(bytes(5_000_000)), "too_large", id="bomb"),
    ],
)
def test_a_body_that_cannot_be_unpacked_is_an_outcome(coding, body, kind):
    assert_failed(fetch(answer(body, Content_Encoding=coding)), kind)


def test_a_stated_length_over_the_cap_is_refused_before_the_body_comes():
    async def handler(request):
        response = web.StreamResponse(headers={"Content-Length": "100001"})
        await response.prepare(request)
        await asyncio.Event().wait()

    assert_failed(fetch(handler), "too_large")


def test_a_body_without_stated_length_is_cut_off_at_the_cap():
    async def handler(request):
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(bytes(50_000))

    assert_failed(fetch(handler), "too_large")


def test_a_body_that_never_ends_meets_the_time_out():
    async def handler(request):
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(FEED)
        await asyncio.Event().wait()

    error = assert_failed(fetch(handler, timeout_s=0.3), "timeout")
    assert "within 0.3 s" in str(error)


def test_a_server_that_never_answers_meets_the_time_out():
    async def handler(_request):
        await asyncio.Event().wait()

    assert_failed(fetch(handler, timeout_s=0.3), "timeout")


def test_a_closed_port_is_no_connection():
    async def run():
        async with serve(answer()) as port:
            pass
        return await collect([(make_feed("f", url=f"http://127.0.0.1:{port}/"), NEW)], LIMITS)

    error = assert_failed(asyncio.run(run())["f"], "connect")
    assert error.__cause__ is not None


def test_an_unknown_name_is_a_dns_failure():
    outcomes = asyncio.run(collect([(make_feed("f", url="http://no-such-outlet.invalid/rss"), NEW)], LIMITS))
    assert_failed(outcomes["f"], "dns")


def test_plain_http_behind_an_https_address_is_a_tls_failure():
    async def run():
        async with serve(answer()) as port:
            return await collect([(make_feed("f", url=f"https://127.0.0.1:{port}/"), NEW)], LIMITS)

    assert_failed(asyncio.run(run())["f"], "tls")


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        pytest.param(b"", "incomplete", id="hangs up"),
        pytest.param(b"SSH-2.0-OpenSSH_9.6\r\n\r\n", "protocol", id="another protocol"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n<rss>", "incomplete", id="shorter than stated"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n<rss>", "protocol", id="broken chunk size"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n<rss>\r\n", "incomplete", id="last chunk missing"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX-Long: " + b"a" * 40_000 + b"\r\n\r\n", "protocol", id="huge header"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: minus\r\n\r\n", "protocol", id="length is no number"),
        pytest.param(
            "HTTP/1.1 302 Found\r\nLocation: http://[новости\r\n\r\n".encode(), "protocol", id="redirect to broken Cyrillic"
        ),
    ],
)
def test_a_broken_exchange_is_an_outcome(raw, kind):
    async def talk(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(raw)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async def run():
        server = await asyncio.start_server(talk, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            return await collect([(make_feed("f", url=f"http://127.0.0.1:{port}/"), NEW)], LIMITS)

    assert_failed(asyncio.run(run())["f"], kind)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"url": "http://outlet.example:99999/rss"}, id="port"),
        pytest.param({"url": "http://[::1/rss"}, id="bracket"),
        pytest.param({"proxy": "gopher://127.0.0.1:1"}, id="proxy scheme"),
        pytest.param({"proxy": "nonsense"}, id="proxy is no address"),
    ],
)
def test_a_feed_with_an_impossible_address_does_not_stop_the_others(changes):
    async def run():
        async with serve(answer()) as port:
            good = make_feed("good", url=f"http://127.0.0.1:{port}/rss")
            bad = replace(make_feed("bad", url="http://127.0.0.1:1/rss"), **changes)
            return await collect([(bad, NEW), (good, NEW)], LIMITS)

    outcomes = asyncio.run(run())
    assert isinstance(outcomes["bad"], FetchError)
    assert isinstance(outcomes["good"], FetchedFeed)
