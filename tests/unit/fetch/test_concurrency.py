"""Many feeds at once: spacing, slots, and none that holds back the others."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from aiohttp import web

from monitor.fetch.client import HttpFetcher, make_user_agent
from monitor.records import (
    FetchedFeed,
)
from tests.factories import NOON, make_feed
from tests.unit.fetch.loopback import FEED, LIMITS, NEW, Handler, Outcome, collect, serve


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
