"""Redirects and private addresses, against a real server on loopback; a proxy plays the far network."""

import asyncio
from dataclasses import replace

import pytest
from aiohttp import web

from monitor.errors import FetchError
from monitor.records import (
    FetchedFeed,
)
from tests.factories import make_feed
from tests.unit.fetch.loopback import FEED, LIMITS, NEW, answer, assert_failed, collect, fetch, redirect, serve


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
