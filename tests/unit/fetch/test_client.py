"""The fetcher against a real server on loopback; where a far network is needed, a proxy on loopback plays it."""

import asyncio
import gzip
import hashlib
import zlib
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from aiohttp import web

from monitor.errors import FetchError
from monitor.fetch.client import MAX_VALIDATOR_CHARS, FetchLimits, HttpFetcher, make_user_agent
from monitor.records import (
    Feed,
    FeedState,
    FetchedFeed,
    NotModified,
)
from tests.factories import NOON, make_feed

Outcome = FetchedFeed | NotModified | FetchError
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
FEED = "<rss><channel><title>Вести</title></channel></rss>".encode()
LIMITS = FetchLimits(concurrency=8, per_host=8, min_delay_s=0.0, timeout_s=20.0, max_bytes=100_000, allow_private_networks=True)
NEW = FeedState()


@asynccontextmanager
async def serve(handler: Handler):
    """The port of a server on loopback that answers every request with ``handler``."""
    runner = web.ServerRunner(web.Server(handler, handler_cancellation=True), shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def collect(feeds: list[tuple[Feed, FeedState]], limits: FetchLimits) -> dict[str, Outcome]:
    fetcher = HttpFetcher(limits, user_agent="narrative-monitor/test", read_clock=lambda: NOON)
    return {feed.id: outcome async for feed, outcome in fetcher.fetch_feeds(feeds)}


def fetch(handler: Handler, path: str = "/rss", *, state: FeedState = NEW, host: str = "127.0.0.1", **limits) -> Outcome:
    """What comes of one feed on a server with ``handler``."""

    async def run():
        async with serve(handler) as port:
            feed = make_feed("f", url=f"http://{host}:{port}{path}")
            return (await collect([(feed, state)], replace(LIMITS, **limits)))["f"]

    return asyncio.run(run())


def answer(body: bytes = FEED, *, status: int = 200, **headers: str) -> Handler:
    async def handler(_request):
        return web.Response(body=body, status=status, headers={name.replace("_", "-"): value for name, value in headers.items()})

    return handler


def redirect(places: dict[str, str], *, status: int = 302) -> Handler:
    """Sends each path of ``places`` on; any other gives the feed."""

    async def handler(request):
        if request.path in places:
            return web.Response(status=status, headers={"Location": places[request.path]})
        return web.Response(body=FEED)

    return handler


def assert_failed(outcome: Outcome, kind: str) -> FetchError:
    assert isinstance(outcome, FetchError), outcome
    assert outcome.kind == kind
    return outcome


def test_a_document_comes_with_all_that_is_known_of_it():
    outcome = fetch(answer(Content_Type="application/rss+xml", ETag='"v1"', Last_Modified="Thu, 14 May 2026 10:00:00 GMT"))
    assert isinstance(outcome, FetchedFeed)
    assert (outcome.feed_id, outcome.status, outcome.body) == ("f", 200, FEED)
    assert outcome.sha256 == hashlib.sha256(FEED).hexdigest()
    assert (outcome.content_type, outcome.etag) == ("application/rss+xml", '"v1"')
    assert outcome.last_modified == "Thu, 14 May 2026 10:00:00 GMT"
    assert outcome.fetched_at == NOON
    assert outcome.url.endswith("/rss")


def test_a_request_says_who_asks_and_what_it_takes():
    seen = []

    async def handler(request):
        seen.append(request.headers)
        return web.Response(body=FEED)

    fetch(handler)
    assert seen[0]["User-Agent"] == "narrative-monitor/test"
    assert seen[0]["Accept-Encoding"] == "gzip, deflate"
    assert "application/rss+xml" in seen[0]["Accept"]
    assert "If-None-Match" not in seen[0]
    assert "If-Modified-Since" not in seen[0]


def test_validators_of_the_last_visit_are_sent_and_304_is_not_modified():
    async def handler(request):
        known = request.headers.get("If-None-Match") == 'W/"v1"'
        unchanged = request.headers.get("If-Modified-Since") == "Thu, 14 May 2026 10:00:00 GMT"
        return web.Response(status=304 if known and unchanged else 200)

    state = FeedState(etag='W/"v1"', last_modified="Thu, 14 May 2026 10:00:00 GMT")
    assert fetch(handler, state=state) == NotModified("f", NOON)


def test_absurdly_long_validators_are_not_kept():
    outcome = fetch(answer(ETag="x" * (MAX_VALIDATOR_CHARS + 1), Last_Modified="y" * MAX_VALIDATOR_CHARS))
    assert outcome.etag is None
    assert outcome.last_modified == "y" * MAX_VALIDATOR_CHARS


def test_cookies_are_not_sent_back():
    seen = []

    async def handler(request):
        seen.append(dict(request.cookies))
        if request.path == "/rss":
            return web.Response(status=302, headers={"Location": "/other", "Set-Cookie": "visitor=1; Path=/"})
        return web.Response(body=FEED)

    assert isinstance(fetch(handler), FetchedFeed)
    assert seen == [{}, {}]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_every_kind_of_redirect_is_followed(status):
    outcome = fetch(redirect({"/rss": "/moved?a=1"}, status=status))
    assert outcome.body == FEED
    assert outcome.url.endswith("/moved?a=1")


def test_five_redirects_are_followed_and_six_are_not():
    chain = {f"/{n}": f"/{n - 1}" for n in range(1, 7)}
    assert isinstance(fetch(redirect(chain), "/5"), FetchedFeed)
    assert_failed(fetch(redirect(chain), "/6"), "redirect")


def test_a_redirect_loop_is_named_as_soon_as_it_closes():
    error = assert_failed(fetch(redirect({"/rss": "/a", "/a": "/rss"})), "redirect_loop")
    assert "in a circle" in str(error)


def test_a_redirect_without_a_place_to_go_is_a_refusal():
    assert_failed(fetch(answer(status=302)), "http_302")


@pytest.mark.parametrize(
    "target", ["file:///etc/hostname", "ftp://outlet.example/feed", "data:text/xml,<rss/>", "javascript:alert(1)"]
)
def test_a_redirect_to_another_scheme_is_refused_by_name(target):
    error = assert_failed(fetch(redirect({"/rss": target})), "redirect")
    assert f"{target.partition(':')[0]}: address; only http and https" in str(error)


@pytest.mark.parametrize(
    "target", ["http://[::1", "http://outlet.example:99999/", "http:///rss", "//"], ids=["bracket", "port", "no host", "slashes"]
)
def test_a_redirect_to_nonsense_is_an_outcome(target):
    assert isinstance(fetch(redirect({"/rss": target})), FetchError)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_private_address_is_refused_with_the_setting_that_allows_it(host):
    outcome = fetch(answer(), host=host, allow_private_networks=False)
    assert "allow_private_networks" in str(assert_failed(outcome, "blocked_address"))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "2130706433", "017700000001", "0x7f.1", "127.0.0.1.", "0"])
def test_a_private_address_is_not_asked_however_it_is_spelled(host):
    asked = []

    async def handler(request):
        asked.append(request.path)
        return web.Response(body=FEED)

    assert isinstance(fetch(handler, host=host, allow_private_networks=False), FetchError)
    assert asked == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_private_address_is_fetched_where_that_is_allowed(host):
    assert isinstance(fetch(answer(), host=host), FetchedFeed)


@pytest.mark.parametrize(
    "target", ["http://127.0.0.1:{port}/secret", "http://[::ffff:127.0.0.1]:{port}/secret", "http://169.254.169.254/"]
)
def test_a_redirect_from_the_open_internet_to_a_private_address_is_refused(target):
    asked = []

    async def run():
        async def stand_in(request):
            asked.append(str(request.url))
            return web.Response(
                status=302, headers={"Location": target.format(port=request.transport.get_extra_info("sockname")[1])}
            )

        async with serve(stand_in) as port:
            feed = make_feed("f", url="http://93.184.216.34/rss", proxy=f"http://127.0.0.1:{port}")
            return await collect([(feed, NEW)], replace(LIMITS, allow_private_networks=False))

    assert_failed(asyncio.run(run())["f"], "blocked_address")
    assert asked == ["http://93.184.216.34/rss"]


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


def fetch_from_hosts(hosts: list[str], handler: Handler, **limits) -> dict[str, Outcome]:
    async def run():
        async with serve_everywhere(handler) as port:
            feeds = [(make_feed(f"f{n}", url=f"http://{host}:{port}/"), NEW) for n, host in enumerate(hosts)]
            return await collect(feeds, replace(LIMITS, **limits))

    return asyncio.run(run())


@asynccontextmanager
async def serve_everywhere(handler: Handler):
    """As `serve`, on one port of 127.0.0.1 to 127.0.0.4, which count as four hosts."""
    runner = web.ServerRunner(web.Server(handler, handler_cancellation=True), shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        port = runner.addresses[0][1]
        for n in (2, 3, 4):
            await web.TCPSite(runner, f"127.0.0.{n}", port).start()
        yield port
    finally:
        await runner.cleanup()


def test_requests_to_one_host_are_spaced_and_other_hosts_do_not_wait():
    arrivals: dict[str, list[float]] = {}

    async def handler(request):
        arrivals.setdefault(request.host.partition(":")[0], []).append(asyncio.get_running_loop().time())
        return web.Response(body=FEED)

    outcomes = fetch_from_hosts(["127.0.0.1"] * 3 + ["127.0.0.2"], handler, min_delay_s=0.4)
    assert all(isinstance(outcome, FetchedFeed) for outcome in outcomes.values())
    first, second, third = arrivals["127.0.0.1"]
    # What arrives was sent a little earlier, so gaps may be a little shorter than the delay.
    assert min(second - first, third - second) > 0.3
    assert arrivals["127.0.0.2"][0] < second


def test_no_more_requests_are_under_way_than_allowed():
    running, most = 0, 0
    two_at_once = asyncio.Event()

    async def handler(_request):
        nonlocal running, most
        running += 1
        most = max(most, running)
        if running == 2:
            two_at_once.set()
        await two_at_once.wait()
        for _ in range(100):
            await asyncio.sleep(0)
        running -= 1
        return web.Response(body=FEED)

    outcomes = fetch_from_hosts(["127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4"] * 2, handler, concurrency=2)
    assert all(isinstance(outcome, FetchedFeed) for outcome in outcomes.values())
    assert most == 2


def test_a_slow_feed_does_not_hold_back_the_others_and_stopping_ends_it():
    async def handler(request):
        if request.path == "/slow":
            await asyncio.Event().wait()
        return web.Response(body=FEED)

    async def run():
        async with serve(handler) as port:
            fetcher = HttpFetcher(LIMITS, user_agent="t", read_clock=lambda: NOON)
            feeds = [(make_feed(name, url=f"http://127.0.0.1:{port}/{name}"), NEW) for name in ("slow", "quick")]
            outcomes = fetcher.fetch_feeds(feeds)
            feed, _ = await anext(outcomes)
            await outcomes.aclose()
            return feed.id, [task for task in asyncio.all_tasks() if "fetch_one" in repr(task)]

    assert asyncio.run(run()) == ("quick", [])


def test_no_feeds_give_no_outcomes():
    assert asyncio.run(collect([], LIMITS)) == {}


@pytest.mark.parametrize(
    ("contact", "expected"),
    [
        ("mailto:desk@outlet.example", "narrative-monitor/1.2 (+mailto:desk@outlet.example)"),
        (None, "narrative-monitor/1.2 (no contact given)"),
    ],
)
def test_the_user_agent_says_how_to_reach_its_user(contact, expected):
    assert make_user_agent("1.2", contact) == expected
