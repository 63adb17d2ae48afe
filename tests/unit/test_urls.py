from __future__ import annotations

import pytest

from monitor.urls import canonicalize_url, is_web_url, resolve_link

BASE = "https://bereg.example/rss/all.xml"


@pytest.mark.parametrize(
    "url",
    [
        "http://bereg.example",
        "https://bereg.example:8443/a?b=1#c",
        "HTTPS://Bereg.Example/",
        "https://берег.example/новость",
        "http://[2001:db8::1]/rss",
    ],
)
def test_http_addresses_with_a_host_are_web_urls(url: str) -> None:
    assert is_web_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/news/1",
        "bereg.example/rss",
        "//bereg.example/rss",
        "https://",
        "https:///rss",
        "https://:443/rss",
        "ftp://bereg.example/rss",
        "file:///etc/hostname",
        "javascript:alert(1)",
        "data:text/html,x",
        "http://[bereg.example/",
        "https://bereg.example:99999/rss",
        "https://bereg.example:port/rss",
        "https://bereg example/rss",
    ],
)
def test_everything_else_is_no_web_url(url: str) -> None:
    assert not is_web_url(url)


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        pytest.param("https://more.example/1", "https://more.example/1", id="absolute"),
        pytest.param("\n   https://more.example/1\t\n", "https://more.example/1", id="white space around"),
        pytest.param("https://more.example/\n    long/1", "https://more.example/long/1", id="white space inside"),
        pytest.param("/news/1", "https://bereg.example/news/1", id="from the root"),
        pytest.param("../news/1", "https://bereg.example/news/1", id="relative"),
        pytest.param("//cdn.example/1", "https://cdn.example/1", id="without scheme"),
        pytest.param("?id=1", "https://bereg.example/rss/all.xml?id=1", id="query only"),
        pytest.param("javascript:alert(1)", None, id="script"),
        pytest.param("mailto:desk@bereg.example", None, id="mail"),
        pytest.param("file:///etc/hostname", None, id="file"),
        pytest.param("http://[broken", None, id="unreadable"),
        pytest.param("https://bereg.example:99999/1", None, id="impossible port"),
    ],
)
def test_resolve_link_gives_an_absolute_web_url_or_none(link: str, expected: str | None) -> None:
    assert resolve_link(link, BASE) == expected


@pytest.mark.parametrize(
    ("url", "same_as"),
    [
        pytest.param("http://bereg.example/1", "https://bereg.example/1", id="scheme"),
        pytest.param("https://Bereg.EXAMPLE/1", "https://bereg.example/1", id="case of the host"),
        pytest.param("http://bereg.example:80/1", "https://bereg.example:443/1", id="default ports"),
        pytest.param("https://bereg.example", "https://bereg.example/", id="empty path"),
        pytest.param("https://bereg.example/1#comments", "https://bereg.example/1", id="fragment"),
        pytest.param("https://bereg.example/1?b=2&a=1", "https://bereg.example/1?a=1&b=2", id="order of the query"),
        pytest.param("https://bereg.example/1?utm_source=rss&utm_x=y&id=5", "https://bereg.example/1?id=5", id="utm"),
        pytest.param("https://bereg.example/1?UTM_Source=rss", "https://bereg.example/1", id="utm in capitals"),
        pytest.param("https://bereg.example/1?fbclid=a&yclid=b&ysclid=c", "https://bereg.example/1", id="click ids"),
        pytest.param("https://bereg.example/1?from=main&ref=tg&rss=yes", "https://bereg.example/1", id="referrers"),
        pytest.param("https://берег.рф/1", "https://xn--90aefa8c.xn--p1ai/1", id="IDNA"),
        pytest.param("https://bereg.example/порт", "https://bereg.example/%D0%BF%D0%BE%D1%80%D1%82", id="escapes"),
    ],
)
def test_addresses_of_one_page_have_one_canonical_form(url: str, same_as: str) -> None:
    assert canonicalize_url(url) == canonicalize_url(same_as)


@pytest.mark.parametrize(
    ("url", "other"),
    [
        pytest.param("https://bereg.example/1", "https://bereg.example/2", id="path"),
        pytest.param("https://bereg.example/News", "https://bereg.example/news", id="case of the path"),
        pytest.param("https://bereg.example/1", "https://more.example/1", id="host"),
        pytest.param("https://bereg.example/1", "https://bereg.example:8080/1", id="port"),
        pytest.param("https://bereg.example/?id=1", "https://bereg.example/?id=2", id="query value"),
        pytest.param("https://bereg.example/?id=1", "https://bereg.example/?page=1", id="query name"),
        pytest.param("https://bereg.example/?from=20240311", "https://bereg.example/?from=20240312", id="from a date"),
        pytest.param("https://bereg.example/?feed=7", "https://bereg.example/?feed=8", id="feed number"),
        pytest.param("https://bereg.example/?10451", "https://bereg.example/?10452", id="bare number as query"),
        pytest.param("https://bereg.example/?q=%CF%F0", "https://bereg.example/?q=%D1%E2", id="cp1251 escapes in query"),
        pytest.param("https://bereg.example/%CF%F0", "https://bereg.example/%D1%E2", id="cp1251 escapes in path"),
        pytest.param("https://bereg.example/1?lang=uk", "https://bereg.example/1?lang=ru", id="language"),
    ],
)
def test_addresses_of_two_pages_stay_apart(url: str, other: str) -> None:
    assert canonicalize_url(url) != canonicalize_url(other)


def test_canonical_form_of_an_ipv6_address_is_an_address() -> None:
    assert canonicalize_url("http://[2001:db8::1]:8080/1") == "https://[2001:db8::1]:8080/1"
    assert is_web_url(canonicalize_url("http://[2001:db8::1]/1"))


def test_canonical_form_tells_no_password() -> None:
    assert "secret" not in canonicalize_url("https://reader:secret@bereg.example/1")
