"""What goes over the wire and what is kept of it: forced visits, lasting redirects, manners, proxies, pages."""

import asyncio
import gzip
import socket
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from aiohttp import web

from monitor.errors import FetchError
from monitor.fetch.client import MAX_HEADERS_BYTES, HttpFetcher
from monitor.records import (
    FeedState,
    FetchedFeed,
    FetchedPage,
    NotModified,
    PageRequest,
)
from tests.factories import NOON, make_feed
from tests.unit.fetch.loopback import FEED, LIMITS, NEW, answer, assert_failed, fetch, serve

KNOWN = FeedState(etag='"v1"')


def visit(handler, *, forced: bool = False, state: FeedState = NEW, paths: tuple[str, ...] = ("/rss",), **changes):
    """Outcomes of feeds on one server, by path."""

    async def run():
        fetcher = HttpFetcher(LIMITS, user_agent="narrative-monitor/test", read_clock=lambda: NOON)
        async with serve(handler) as port:
            feeds = [(replace(make_feed(path, url=f"http://127.0.0.1:{port}{path}"), **changes), state) for path in paths]
            chosen = frozenset(paths) if forced else frozenset()
            return {feed.id: outcome async for feed, outcome in fetcher.fetch_feeds(feeds, forced=chosen)}

    return asyncio.run(run())


def test_a_forced_visit_asks_without_validators_and_says_so():
    async def handler(request):
        return web.Response(status=304) if "If-None-Match" in request.headers else web.Response(body=FEED)

    assert visit(handler, state=KNOWN) == {"/rss": NotModified("/rss", NOON)}
    forced = visit(handler, state=KNOWN, forced=True)["/rss"]
    assert (forced.body, forced.was_forced) == (FEED, True)
    assert visit(handler, forced=True)["/rss"].was_forced is False


@pytest.mark.parametrize("coding", ["", "gzip"])
def test_the_exchange_is_kept_as_it_was_sent(coding):
    sent = gzip.compress(FEED) if coding else FEED
    outcome = fetch(answer(sent, X_Place="Керчь", **({"Content_Encoding": coding} if coding else {})))
    assert outcome.body == FEED
    assert outcome.exchange.body == sent
    assert (outcome.exchange.status, outcome.exchange.reason) == (200, "OK")
    headers = dict(outcome.exchange.headers)
    assert headers["X-Place"].encode("latin-1").decode() == "Керчь"


@pytest.mark.parametrize(
    ("statuses", "is_lasting"),
    [((301,), True), ((308, 301), True), ((302,), False), ((301, 302), False), ((307,), False)],
    ids=str,
)
def test_only_lasting_redirects_are_remembered(statuses, is_lasting):
    async def handler(request):
        step = int(request.path.strip("/rs") or 0)
        if step < len(statuses):
            return web.Response(status=statuses[step], headers={"Location": f"/{step + 1}"})
        return web.Response(body=FEED)

    outcome = fetch(handler)
    assert (outcome.moved_to is not None) == is_lasting
    assert outcome.url.endswith(f"/{len(statuses)}")


def test_a_document_at_its_own_address_has_not_moved():
    assert fetch(answer()).moved_to is None


def test_a_feed_is_visited_where_it_moved_to():
    seen = []

    async def handler(request):
        seen.append(request.path)
        return web.Response(body=FEED)

    async def run():
        fetcher = HttpFetcher(LIMITS, user_agent="test", read_clock=lambda: NOON)
        async with serve(handler) as port:
            feed = make_feed("f", url=f"http://127.0.0.1:{port}/old")
            state = FeedState(moved_to=f"http://127.0.0.1:{port}/new")
            return [outcome async for _, outcome in fetcher.fetch_feeds([(feed, state)])]

    assert isinstance(asyncio.run(run())[0], FetchedFeed)
    assert seen == ["/new"]


def test_own_headers_are_sent_but_not_to_another_host():
    seen = []

    async def run():
        async def second(request):
            seen.append(request.headers.get("X-Key"))
            return web.Response(body=FEED)

        async with serve(second) as other:

            async def first(request):
                seen.append(request.headers.get("X-Key"))
                return web.Response(status=302, headers={"Location": f"http://localhost:{other}/"})

            async with serve(first) as port:
                feed = replace(
                    make_feed("f", url=f"http://127.0.0.1:{port}/"), headers=(("X-Key", "secret"), ("User-Agent", "own"))
                )
                fetcher = HttpFetcher(LIMITS, user_agent="test", read_clock=lambda: NOON)
                return [outcome async for _, outcome in fetcher.fetch_feeds([(feed, NEW)])]

    assert isinstance(asyncio.run(run())[0], FetchedFeed)
    assert seen == ["secret", None]


def test_a_connection_that_breaks_once_is_tried_again():
    tries = []

    async def handler(request):
        tries.append(request.path)
        if len(tries) == 1:
            request.transport.abort()
        return web.Response(body=FEED)

    assert isinstance(fetch(handler), FetchedFeed)
    assert len(tries) == 2


def test_a_host_that_asks_to_wait_is_not_asked_for_its_other_feeds():
    seen = []

    async def handler(request):
        seen.append(request.path)
        return web.Response(status=429, headers={"Retry-After": "600"})

    async def run():
        fetcher = HttpFetcher(replace(LIMITS, per_host=1), user_agent="test", read_clock=lambda: NOON)
        async with serve(handler) as port:
            feeds = [(make_feed(f"f{n}", url=f"http://127.0.0.1:{port}/{n}"), NEW) for n in range(4)]
            return {feed.id: outcome async for feed, outcome in fetcher.fetch_feeds(feeds)}

    outcomes = asyncio.run(run())
    assert seen == ["/0"]
    assert [outcomes[f"f{n}"].kind for n in range(4)] == ["http_429", "host_paused", "host_paused", "host_paused"]
    assert all(outcome.retry_after_s > 590 for outcome in outcomes.values())


def test_a_flood_of_headers_is_refused():
    flood = {f"X_{n}": "x" * 2_000 for n in range(MAX_HEADERS_BYTES // 2_000 + 1)}
    assert_failed(fetch(answer(**flood)), "header_flood")


@asynccontextmanager
async def socks_server(log: list[tuple[bytes, int]]):
    """A SOCKS5 proxy without log-in that leads every connection to loopback; ``log`` takes the names asked for."""

    async def talk(reader, writer):
        await reader.readexactly(2 + 1)
        writer.write(b"\x05\x00")
        head = await reader.readexactly(5)
        name = await reader.readexactly(head[4]) if head[3] == 3 else head[4:] + await reader.readexactly(3)
        port = int.from_bytes(await reader.readexactly(2), "big")
        log.append((name, port))
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"\x05\x00\x00\x01" + socket.inet_aton("127.0.0.1") + b"\x00\x00")

        async def pump(source, target):
            while data := await source.read(65_536):
                target.write(data)
                await target.drain()
            target.close()

        await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer), return_exceptions=True)

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
def test_a_feed_is_fetched_through_its_socks_proxy_which_resolves_the_name(scheme):
    log: list[tuple[bytes, int]] = []

    async def run():
        fetcher = HttpFetcher(LIMITS, user_agent="test", read_clock=lambda: NOON)
        async with serve(answer()) as port, socks_server(log) as proxy_port:
            url, proxy = f"http://outlet.example:{port}/rss", f"{scheme}://127.0.0.1:{proxy_port}"
            feed = replace(make_feed("f", url=url), proxy=proxy)
            return [outcome async for _, outcome in fetcher.fetch_feeds([(feed, NEW)])], port

    (outcome,), port = asyncio.run(run())
    assert outcome.body == FEED
    assert log == [(b"outlet.example", port)]


PAGE = "<html><body><p>Паром вышел.</p></body></html>".encode()


def fetch_pages(handler, paths: list[str]) -> dict[str, FetchedPage | FetchError]:
    async def run():
        fetcher = HttpFetcher(LIMITS, user_agent="narrative-monitor/1 (+mailto:tests@example.org)", read_clock=lambda: NOON)
        async with serve(handler) as port:
            requests = [PageRequest(path, f"http://127.0.0.1:{port}{path}") for path in paths]
            return {request.article_id: outcome async for request, outcome in fetcher.fetch_pages(requests)}

    return asyncio.run(run())


def make_site(robots: str | int = 404, page: web.Response | None = None, seen: list[str] | None = None):
    async def handler(request):
        if seen is not None:
            seen.append(request.path)
        if request.path == "/robots.txt":
            return web.Response(status=robots) if isinstance(robots, int) else web.Response(text=robots)
        return web.Response(body=PAGE, content_type="text/html") if page is None else page

    return handler


def test_a_page_comes_with_its_exchange_and_robots_txt_is_asked_once():
    seen: list[str] = []
    outcomes = fetch_pages(make_site(seen=seen), ["/1", "/2", "/3"])
    assert {outcome.body for outcome in outcomes.values()} == {PAGE}
    assert outcomes["/1"].exchange.body == PAGE
    assert sorted(seen) == ["/1", "/2", "/3", "/robots.txt"]


@pytest.mark.parametrize(
    ("robots", "expected"),
    [
        pytest.param("User-agent: *\nDisallow: /private", {"/a": "fetched", "/private/b": "robots"}, id="part"),
        pytest.param("User-agent: narrative-monitor\nDisallow: /", {"/a": "robots", "/private/b": "robots"}, id="us"),
        pytest.param("User-agent: other\nDisallow: /", {"/a": "fetched", "/private/b": "fetched"}, id="others"),
        pytest.param("\0\x01 nonsense", {"/a": "fetched", "/private/b": "fetched"}, id="nonsense"),
        pytest.param(404, {"/a": "fetched", "/private/b": "fetched"}, id="none"),
        pytest.param(403, {"/a": "fetched", "/private/b": "fetched"}, id="refused"),
        pytest.param(500, {"/a": "robots_unread", "/private/b": "robots_unread"}, id="broken"),
    ],
)
def test_robots_txt_is_honoured(robots, expected):
    seen: list[str] = []
    outcomes = fetch_pages(make_site(robots, seen=seen), ["/a", "/private/b"])
    kinds = {path: getattr(outcome, "kind", "fetched") for path, outcome in outcomes.items()}
    assert kinds == expected
    assert set(seen) == {"/robots.txt", *(path for path, kind in expected.items() if kind == "fetched")}


def test_what_is_no_page_is_not_read():
    outcome = fetch_pages(make_site(page=web.Response(body=b"%PDF-1.7", content_type="application/pdf")), ["/1"])["/1"]
    assert_failed(outcome, "not_html")


@pytest.mark.parametrize("status", [403, 404, 410, 503])
def test_a_page_that_is_refused_is_a_failure_by_its_status(status):
    assert_failed(fetch_pages(make_site(page=web.Response(status=status)), ["/1"])["/1"], f"http_{status}")
