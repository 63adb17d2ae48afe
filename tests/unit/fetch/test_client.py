"""The fetcher against a real server on loopback: what is asked, what comes, and what a refusal says."""

import hashlib

from aiohttp import web

from monitor.fetch.client import MAX_VALIDATOR_CHARS
from monitor.records import (
    FeedState,
    FetchedFeed,
    NotModified,
)
from tests.factories import NOON
from tests.unit.fetch.loopback import FEED, answer, fetch


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
