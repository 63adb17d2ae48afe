"""Finding a site's feeds: most with a made-up site, once with a real server on loopback."""

import asyncio
import hashlib
from datetime import UTC, datetime

from monitor.discover import Discovery, discover_feeds
from monitor.errors import FetchError
from monitor.fetch.client import FetchLimits, HttpFetcher
from monitor.readers import Readers
from monitor.records import (
    FeedState,
    FetchedFeed,
    FetchedPage,
)
from monitor.workers import WorkerPool
from tests.factories import NOON, make_feed, make_fetched
from tests.functional.servers import make_rss, serve

SITE = "https://outlet.example"
ITEMS = [
    {"title": "В Керчи открыли мост", "link": f"{SITE}/1", "pubDate": "Thu, 14 May 2026 09:00:00 +0300"},
    {"title": "Жители посёлка ждут паром", "link": f"{SITE}/2"},
]
RSS = make_rss(ITEMS)
OTHER = make_rss([{"title": "Other", "link": f"{SITE}/3"}])


def make_page(*links: str) -> bytes:
    return (
        "<!doctype html><html><head>" + "".join(f'<link rel="feed" href="{link}">' for link in links) + "</head></html>"
    ).encode()


class FakeSite:
    """Answers with ``documents`` by path; a string among them is the path that the request is sent on to."""

    def __init__(self, documents: dict[str, bytes | str | FetchError]):
        self.documents = documents
        self.asked: list[str] = []

    async def fetch(self, url: str) -> FetchedPage | FetchError:
        self.asked.append(url)
        path = url.removeprefix(SITE)
        answer = self.documents.get(path, FetchError("http_404", "the server answered 404"))
        if isinstance(answer, str):
            path, answer = answer, self.documents[answer]
        if isinstance(answer, FetchError):
            return answer
        return FetchedPage("p", f"{SITE}{path}", 200, None, answer, hashlib.sha256(answer).hexdigest(), NOON)


def run_discovery(fetch, url: str, *, timeout_s: float = 60, **options: int) -> Discovery:
    with WorkerPool(1, timeout_s=timeout_s, max_memory_bytes=256_000_000) as pool:
        return asyncio.run(discover_feeds(fetch, Readers(pool), url, **options))


def discover(site: FakeSite, path: str = "/", **options: int) -> Discovery:
    return run_discovery(site.fetch, f"{SITE}{path}", **options)


def test_what_the_page_states_is_read_and_described():
    site = FakeSite({"/": make_page("/rss", "/gone", "/page"), "/rss": RSS, "/page": make_page()})
    found = discover(site)
    assert [(feed.url, feed.kind, feed.entries, feed.language) for feed in found.feeds] == [(f"{SITE}/rss", "stated", 2, "ru")]
    assert found.feeds[0].newest_at == datetime(2026, 5, 14, 6, 0, tzinfo=UTC)
    assert [url for url, _ in found.failures] == [f"{SITE}/gone", f"{SITE}/page"]
    assert len(site.asked) == 4


def test_a_feed_itself_is_found_at_once():
    site = FakeSite({"/rss": RSS})
    assert [feed.url for feed in discover(site, "/rss").feeds] == [f"{SITE}/rss"]
    assert site.asked == [f"{SITE}/rss"]


def test_the_usual_places_are_tried_where_the_page_names_nothing():
    found = discover(FakeSite({"/": make_page(), "/export/rss2/index.xml": RSS, "/atom.xml": OTHER}))
    assert [(feed.url.removeprefix(SITE), feed.kind) for feed in found.feeds] == [
        ("/export/rss2/index.xml", "guessed"),
        ("/atom.xml", "guessed"),
    ]


def test_the_usual_places_are_tried_where_the_page_is_refused():
    found = discover(FakeSite({"/": FetchError("http_403", "the server answered 403"), "/feed": RSS}))
    assert [feed.url for feed in found.feeds] == [f"{SITE}/feed"]
    assert found.failures[0] == (f"{SITE}/", "the server answered 403")


def test_one_feed_at_several_addresses_is_found_once():
    site = FakeSite(
        {"/": make_page("/rss", "/feed", "/rss.xml", "/rss"), "/rss": RSS, "/feed": "/rss", "/rss.xml": RSS + b"<!-- 2 -->"}
    )
    assert [feed.url for feed in discover(site).feeds] == [f"{SITE}/rss"]


def test_an_empty_feed_is_a_feed_without_language():
    found = discover(FakeSite({"/rss": make_rss([])}), "/rss").feeds[0]
    assert (found.entries, found.newest_at, found.language) == (0, None, None)


def test_a_site_that_cannot_be_reached_is_asked_once():
    site = FakeSite({"/": FetchError("blocked_address", "it is inside")})
    assert discover(site) == Discovery((), ((f"{SITE}/", "it is inside"),))
    assert len(site.asked) == 1


def test_guessing_ends_where_the_site_goes_away():
    site = FakeSite({"/": make_page(), "/rss": FetchError("connect", "no connection")})
    assert discover(site).failures == ((f"{SITE}/rss", "no connection"),)


def test_no_more_addresses_than_allowed_are_tried():
    site = FakeSite({"/": make_page()})
    assert discover(site, max_tries=3).feeds == ()
    assert len(site.asked) == 4


def test_a_fetched_feed_is_taken_as_it_is():
    async def fetch(url: str) -> FetchedFeed:
        return make_fetched(body=RSS, url=url)

    assert [feed.entries for feed in run_discovery(fetch, f"{SITE}/rss").feeds] == [2]


def test_feeds_of_a_real_server_are_found():
    limits = FetchLimits(concurrency=1, per_host=1, min_delay_s=0.0, timeout_s=10.0, max_bytes=100_000, allow_private_networks=True)
    fetcher = HttpFetcher(limits, user_agent="narrative-monitor/test", read_clock=lambda: NOON)

    async def fetch(url: str):
        outcomes = [outcome async for _, outcome in fetcher.fetch_feeds([(make_feed("f", url=url), FeedState())])]
        return outcomes[0]

    with serve() as server:
        server.documents = {"/": make_page("rss.xml"), "/rss.xml": RSS}
        found = run_discovery(fetch, f"{server.url}/")
        assert [(feed.url, feed.entries) for feed in found.feeds] == [(f"{server.url}/rss.xml", 2)]
        assert [path for path, _ in server.requests] == ["/", "/rss.xml"]


def test_a_page_and_a_document_that_take_too_long_cost_only_themselves():
    # Ten thousand attributes are not many enough to be refused unread; thirty such tags take the parser long.
    tag = b"<item " + b" ".join(b'a%d="x"' % n for n in range(9_000)) + b"/>"
    site = FakeSite({"/": b"<a " * 600_000, "/rss": b"<rss><channel>" + tag * 30, "/feed": RSS})
    found = run_discovery(site.fetch, f"{SITE}/", timeout_s=1)
    assert [feed.url for feed in found.feeds] == [f"{SITE}/feed"]
    assert dict(found.failures)[f"{SITE}/rss"].startswith("the document was given up: ")
