import asyncio
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.errors import FetchError
from monitor.fetch.robots import (
    FAILURE_KEPT_FOR,
    KEPT_FOR,
    MAX_CRAWL_DELAY_S,
    MAX_ROBOTS_BYTES,
    RobotsCache,
    parse_robots,
)
from tests.factories import NOON

AGENT = "narrative-monitor/1.0 (+mailto:desk@outlet.example)"
SITE = "https://outlet.example"


class Clock:
    def __init__(self):
        self.now = NOON

    def __call__(self):
        return self.now


class Site:
    """Answers for a site's robots.txt and notes what it was asked for."""

    def __init__(self, text: str = "", status: int = 200, error: FetchError | None = None):
        self.text, self.status, self.error = text, status, error
        self.asked: list[str] = []

    async def fetch_text(self, url: str) -> tuple[int, str]:
        self.asked.append(url)
        await asyncio.sleep(0)
        if self.error:
            raise self.error
        return self.status, self.text


def allows(text: str, path: str) -> bool:
    return parse_robots(text, 200).allows(f"{SITE}{path}", AGENT)


@pytest.mark.parametrize(
    ("text", "path", "allowed"),
    [
        pytest.param("", "/a", True, id="empty file"),
        pytest.param("User-agent: *\nDisallow:", "/a", True, id="nothing forbidden"),
        pytest.param("User-agent: *\nDisallow: /", "/a", False, id="all forbidden"),
        pytest.param("User-agent: *\nDisallow: /", "/robots.txt", True, id="the file itself is always allowed"),
        pytest.param("User-agent: *\nDisallow: /news", "/newsletter", False, id="a rule is a prefix"),
        pytest.param("User-agent: *\nDisallow: /news$", "/newsletter", True, id="dollar ends a rule"),
        pytest.param("User-agent: *\nDisallow: /*.php", "/a/b.php?x=1", False, id="star"),
        pytest.param("User-agent: *\nDisallow: /news\nAllow: /news/1", "/news/1", True, id="the longer rule wins"),
        pytest.param("User-agent: *\nAllow: /news\nDisallow: /news", "/news", True, id="of two equals the kinder one wins"),
        pytest.param("User-agent: other\nDisallow: /", "/a", True, id="another program's rules"),
        pytest.param("User-agent: Narrative-Monitor\nDisallow: /", "/a", False, id="our name in other letters"),
        pytest.param("User-agent: *\nDisallow: /\n\nUser-agent: narrative-monitor\nAllow: /", "/a", True, id="own group"),
        pytest.param("User-agent: outlet\nDisallow: /", "/a", True, id="a word of the contact is not our name"),
        pytest.param("User-agent: mailto\nDisallow: /", "/a", True, id="neither is its scheme"),
        pytest.param("\ufeffUser-agent: *\nDisallow: /", "/a", False, id="byte order mark"),
        pytest.param(
            "User-agent: *\r\nDisallow: /новости\r\n", "/%D0%BD%D0%BE%D0%B2%D0%BE%D1%81%D1%82%D0%B8/1", False, id="Cyrillic"
        ),
        pytest.param("<html><body>404</body></html>", "/a", True, id="a page instead of the file"),
        pytest.param("\0\x01 nonsense", "/a", True, id="nonsense"),
    ],
)
def test_rules_are_read(text, path, allowed):
    assert allows(text, path) is allowed


@pytest.mark.parametrize(
    ("status", "allowed"),
    [
        (200, False),
        (301, True),
        (400, True),
        (401, True),
        (403, True),
        (404, True),
        (410, True),
        (429, False),
        (500, False),
        (503, False),
    ],
)
def test_the_status_decides_where_there_is_no_file(status, allowed):
    assert parse_robots("User-agent: *\nDisallow: /", status).allows(f"{SITE}/a", AGENT) is allowed


def test_what_stands_beyond_the_cap_is_not_read():
    padding = "# " + "x" * 998 + "\n"
    rule = "User-agent: *\nDisallow: /\n"
    assert not allows(rule + padding * 600, "/a")
    assert allows(padding * 600 + rule, "/a")


def test_a_line_that_the_cap_cuts_through_is_not_read():
    head = "User-agent: *\nDisallow: /p"
    filler = "#" * (MAX_ROBOTS_BYTES - len(head) - 1) + "\n"
    assert allows(f"{filler}{head}rivate/only/this\n", "/public")


@pytest.mark.parametrize(
    ("value", "expected"),
    [("5", 5.0), ("0.5", 0.5), ("86400", MAX_CRAWL_DELAY_S), ("inf", 0.0), ("nan", 0.0), ("-5", 0.0), ("slow", 0.0)],
)
def test_the_wished_delay_is_capped(value, expected):
    assert parse_robots(f"User-agent: *\nCrawl-delay: {value}", 200).crawl_delay_s(AGENT) == expected


@pytest.mark.parametrize("text", ["", "User-agent: *\nDisallow: /"])
def test_no_delay_is_wished_where_none_is_stated(text):
    assert parse_robots(text, 200).crawl_delay_s(AGENT) == 0.0
    assert parse_robots(text, 404).crawl_delay_s(AGENT) == 0.0


@given(text=st.text(max_size=300), path=st.text(max_size=40), status=st.integers(100, 599))
def test_any_file_gives_an_answer(text, path, status):
    robots = parse_robots(text, status)
    assert robots.allows(f"{SITE}/{path}", AGENT) in {True, False}
    assert 0 <= robots.crawl_delay_s(AGENT) <= MAX_CRAWL_DELAY_S


def check_all(site: Site, *urls: str, clock: Clock | None = None, cache: RobotsCache | None = None) -> list[str]:
    """ "ok", or the kind of the error, for each URL; all are asked for at once."""
    cache = cache or RobotsCache(AGENT, clock or Clock())

    async def run():
        return await asyncio.gather(*(cache.check(url, site.fetch_text) for url in urls), return_exceptions=True)

    return [outcome.kind if isinstance(outcome, FetchError) else "ok" for outcome in asyncio.run(run())]


def test_a_site_is_asked_once_although_many_pages_wait():
    site = Site("User-agent: *\nDisallow: /private")
    urls = [f"{SITE}/{n}" for n in range(20)] + [f"{SITE}/private"]
    assert check_all(site, *urls) == ["ok"] * 20 + ["robots"]
    assert site.asked == [f"{SITE}/robots.txt"]


def test_each_scheme_host_and_port_is_a_site_of_its_own():
    site = Site()
    pages = ["https://outlet.example/a", "http://outlet.example/a", "https://outlet.example:8443/a", "https://www.outlet.example/a"]
    assert check_all(site, *pages, "https://user:word@outlet.example:443/b") == ["ok"] * 5
    assert sorted(site.asked) == sorted(page.replace("/a", "/robots.txt") for page in pages)


def test_the_rules_come_back_so_that_their_delay_can_be_kept():
    cache = RobotsCache(AGENT, Clock())
    robots = asyncio.run(cache.check(f"{SITE}/a", Site("User-agent: *\nCrawl-delay: 7").fetch_text))
    assert robots.crawl_delay_s(AGENT) == 7.0


@pytest.mark.parametrize(
    ("site", "kept_for", "outcome"),
    [
        pytest.param(Site("User-agent: *\nDisallow: /"), KEPT_FOR, "robots", id="rules"),
        pytest.param(Site(status=404), KEPT_FOR, "ok", id="no file"),
        pytest.param(Site(status=503), FAILURE_KEPT_FOR, "robots_unread", id="failure"),
    ],
)
def test_an_answer_is_kept_for_its_time(site, kept_for, outcome):
    clock = Clock()
    cache = RobotsCache(AGENT, clock)
    for wait, asked in [(timedelta(0), 1), (kept_for - timedelta(seconds=1), 1), (timedelta(seconds=1), 2)]:
        clock.now += wait
        assert check_all(site, f"{SITE}/a", cache=cache) == [outcome]
        assert len(site.asked) == asked


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [
        ("timeout", "robots_unread"),
        ("dns", "robots_unread"),
        ("tls", "robots_unread"),
        ("http_500", "robots_unread"),
        ("http_429", "robots_unread"),
        ("http_404", "ok"),
        ("http_broken", "robots_unread"),
        ("redirect", "ok"),
        ("redirect_loop", "ok"),
        ("too_large", "robots_unread"),
        ("blocked_address", "blocked_address"),
    ],
)
def test_a_failed_request_is_judged_by_its_kind(kind, outcome):
    assert check_all(Site(error=FetchError(kind, "it went wrong")), f"{SITE}/a") == [outcome]


def test_a_refusal_names_the_file_and_what_to_do():
    with pytest.raises(FetchError, match=r"https://outlet\.example/robots\.txt forbids it; ask the outlet"):
        asyncio.run(RobotsCache(AGENT, Clock()).check(f"{SITE}/a", Site("User-agent: *\nDisallow: /").fetch_text))


@pytest.mark.parametrize("url", ["http://[::1", "/relative", "not an address"])
def test_what_is_no_address_is_a_fetch_error(url):
    assert check_all(Site(), url) == ["bad_address"]
