import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.stages.discover import MAX_FOUND, find_feed_links, guess_addresses
from monitor.urls import is_web_url

BASE = "https://outlet.example/news/page.html"


def find(html: str | bytes, base_url: str = BASE) -> list[tuple[str, str, str]]:
    data = html if isinstance(html, bytes) else html.encode()
    return [(feed.url, feed.title, feed.kind) for feed in find_feed_links(data, base_url=base_url, content_type="text/html")]


@pytest.mark.parametrize(
    ("html", "url"),
    [
        ('<link rel="alternate" type="application/rss+xml" href="/rss">', "https://outlet.example/rss"),
        ('<LINK REL="Alternate" TYPE="application/atom+xml; charset=utf-8" HREF=atom.xml>', "https://outlet.example/news/atom.xml"),
        ('<link rel="home alternate" type="text/xml" href="//cdn.example/x">', "https://cdn.example/x"),
        ('<link rel="feed" href="/any">', "https://outlet.example/any"),
        ('<link rel="alternate" type="application/rss+xml" href="feed:https://a.example/x#top"/>', "https://a.example/x"),
        ('<link rel="alternate" type="application/rss+xml" href="feed://a.example/x"/>', "http://a.example/x"),
        ('<link rel="alternate" type="application/rss+xml" href="/?a=1&amp;b=2">', "https://outlet.example/?a=1&b=2"),
        ('<base href="/other/"><link rel="feed" href="rss">', "https://outlet.example/other/rss"),
        ('<base href="javascript:x"><link rel="feed" href="rss">', "https://outlet.example/news/rss"),
    ],
)
def test_stated_feeds_are_found(html, url):
    assert [(found[0], found[2]) for found in find(f"<html><head>{html}</head>")] == [(url, "stated")]


@pytest.mark.parametrize(
    "html",
    [
        '<link rel="stylesheet" type="text/css" href="/feed.css">',
        '<link rel="alternate" hreflang="uk" href="/uk/">',
        '<link rel="alternate" type="application/feed+json" href="/feed.json">',
        '<link rel="alternate" type="application/rss+xml">',
        '<link rel="alternate" type="application/rss+xml" href="javascript:x">',
        '<link rel="alternate" type="application/rss+xml" href="http://[::1">',
        '<link rel="alternate" type="application/rss+xml" href="">',
        '<a href="/feedback">Feedback</a>',
        '<a href="/press">Press</a>',
        '<a href="/img/rss.png">RSS</a>',
        '<a href="#rss">RSS</a>',
        '<a href="http://[::1/rss">x</a>',
        "<a>RSS</a>",
        '<a href="/long">A long headline on how RSS brought down the ministry of silly walks and more</a>',
        "<p>https://outlet.example/rss</p>",
        f'<link rel="feed" href="{BASE}">',
        '<!--<link rel="feed" href="/rss">-->',
    ],
)
def test_what_names_no_feed_is_passed_over(html):
    assert find(html) == []


@pytest.mark.parametrize(
    "href",
    [
        "/rss",
        "/rss/",
        "/feed/",
        "/feeds",
        "/rss.xml",
        "/rss2.xml",
        "/export/rss2/index.xml",
        "/rss/news/all",
        "/news.rss",
        "/atom.xml",
        "/rss_crimea.xml",
        "/rss.php",
        "/blog/index.xml",
        "/?feed=rss2",
        "/page?format=rss",
        "/feeds-news/",
    ],
)
def test_links_that_look_like_feeds_are_found(href):
    assert [(url.removeprefix("https://outlet.example"), kind) for url, _, kind in find(f'<a href="{href}">x</a>')] == [
        (href, "linked")
    ]


def test_a_link_called_rss_is_found_whatever_its_address():
    assert find('<a href="/subscribe"><b>Наш</b> <i>RSS</i></a>') == [("https://outlet.example/subscribe", "Наш RSS", "linked")]
    assert find('<a href="/s2" title="RSS-лента"><img></a>') == [("https://outlet.example/s2", "RSS-лента", "linked")]
    assert find('<a type="application/rss+xml" href="/s3">all</a>') == [("https://outlet.example/s3", "all", "linked")]


def test_stated_come_first_and_comments_last_and_each_once():
    html = (
        '<a href="/rss/a">A<a href="/rss/b">B</a>'
        '<link rel="alternate" type="application/rss+xml" title="Comments" href="/comments/feed/">'
        '<link rel="alternate" type="application/rss+xml" title="Все &laquo;новости&raquo;" href="/rss">'
        '<a href="http://outlet.example/rss">again</a>'
    )
    assert [(url.removeprefix("https://outlet.example"), title) for url, title, _ in find(html)] == [
        ("/rss", "Все «новости»"),
        ("/rss/a", "A"),
        ("/rss/b", "B"),
        ("/comments/feed/", "Comments"),
    ]


def test_a_page_in_cp1251_keeps_its_titles():
    html = '<meta charset="windows-1251"><link rel="feed" title="Новости Крыма" href="/rss">'.encode("cp1251")
    assert [title for _, title, _ in find(html)] == ["Новости Крыма"]


def test_a_link_that_is_never_closed_is_found():
    assert [url for url, _, _ in find('<a href="/rss">x')] == ["https://outlet.example/rss"]


def test_no_more_than_the_cap_are_given():
    assert len(find("".join(f'<a href="/rss/{n}">x</a>' for n in range(MAX_FOUND + 20)))) == MAX_FOUND


FRAGMENTS = st.sampled_from(
    ["<link rel=feed href=", "<a href=", "/rss", "<base href=", ">", "</a>", "<![x", "<!--", "http://[", '"', "&#x110000;"]
)


@given(st.lists(FRAGMENTS | st.text(max_size=8), max_size=20).map("".join) | st.binary(max_size=100))
def test_any_page_gives_web_addresses_once(html):
    urls = [url for url, _, _ in find(html.encode("utf-8", "replace") if isinstance(html, str) else html)]
    assert all(is_web_url(url) for url in urls)
    assert len(urls) == len(set(urls))


def test_guesses_are_of_the_site_and_its_section():
    assert guess_addresses("https://outlet.example")[:3] == (
        "https://outlet.example/rss",
        "https://outlet.example/feed",
        "https://outlet.example/rss.xml",
    )
    section = guess_addresses("http://user:word@outlet.example:8080/crimea/?page=2")
    assert section[:2] == ("http://outlet.example:8080/crimea/rss", "http://outlet.example:8080/crimea/feed")
    assert "http://outlet.example:8080/export/rss2/index.xml" in section
    assert "http://outlet.example:8080/atom.xml" in section
    assert len(set(section)) == len(section)


@pytest.mark.parametrize("url", ["", "/rss", "ftp://outlet.example/", "http://[::1"])
def test_nothing_is_guessed_of_what_is_no_address(url):
    assert guess_addresses(url) == ()
