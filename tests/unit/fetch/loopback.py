"""Servers on loopback for tests of the fetcher, and what comes of one feed."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

from aiohttp import web

from monitor.errors import FetchError
from monitor.fetch.client import FetchLimits, HttpFetcher
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
