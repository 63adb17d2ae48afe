"""Where a site's feeds may be: what its page states, what it links to, and where such feeds usually lie."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Final, Literal
from urllib.parse import urljoin, urlsplit

from monitor.stages.encoding import decode_document
from monitor.text import clean_line
from monitor.urls import canonicalize_url, is_web_url, resolve_link

FoundAs = Literal["stated", "linked", "guessed"]
MAX_PAGE_BYTES: Final = 2_000_000
MAX_FOUND: Final = 50
MAX_TITLE_CHARS: Final = 300

_FEED_TYPES = re.compile(r"^\s*(?:application/(?:rss|atom|rdf)\+xml|(?:application|text)/(?:xml|rss))\s*(?:;|$)", re.IGNORECASE)
_FEED_PATH = re.compile(
    r"(?:^|/)(?:rss|feeds?|atom|rdf)(?:[0-9]+|[-_][\w-]+)?(?:\.(?:xml|php|aspx?))?/?$"  # /rss, /feed/, /rss2.xml, /rss_all.php
    r"|(?:^|/)(?:rss|feeds?|atom)/[\w./-]*$"  # /rss/news/
    r"|\.(?:rss|atom|rdf)$"
    r"|(?:^|/)index\.xml$",
    re.IGNORECASE,
)
_FEED_QUERY = re.compile(r"(?:^|&)(?:feed|rss|format|type)=(?:rss|atom|feed)[\d.]*(?:&|$)", re.IGNORECASE)
_FEED_WORD = re.compile(r"(?<!\w)(?:rss|atom)(?!\w)", re.IGNORECASE)
_NOT_FEED = re.compile(r"\.(?:jpe?g|png|gif|svg|webp|css|js|pdf|mp3|mp4|zip|ico)$", re.IGNORECASE)
_COMMENTS = re.compile(r"/comments?(?:/|$|\.)", re.IGNORECASE)
# Where the systems that outlets of this region use put them, the likeliest first.
_USUAL_PATHS: Final = (
    "/rss",
    "/feed",
    "/rss.xml",
    "/feed/",
    "/rss/",
    "/export/rss2/index.xml",
    "/export/rss2/archive/index.xml",
    "/atom.xml",
    "/feed.xml",
    "/index.xml",
    "/rss/news",
    "/rss/all",
    "/rss/all.xml",
    "/rss/index.xml",
    "/news/rss",
    "/news.rss",
    "/rss2.xml",
    "/?feed=rss2",
)


@dataclass(frozen=True, slots=True)
class FoundFeed:
    """An address that may be a feed's; ``kind`` says whether the page states it, only links to it, or it is guessed."""

    url: str
    title: str
    kind: FoundAs


def find_feed_links(html: bytes, *, base_url: str, content_type: str | None) -> tuple[FoundFeed, ...]:
    """The feeds that a page names, those that it states first and feeds of comments last; each address once.

    ``base_url`` is where the page came from; of a page only the first `MAX_PAGE_BYTES` are read.
    """
    collector = _LinkCollector(base_url)
    collector.feed(decode_document(html[:MAX_PAGE_BYTES], content_type))
    collector.close()
    collector.end_anchor()
    ranked = sorted(collector.found, key=lambda feed: (bool(_COMMENTS.search(urlsplit(feed.url).path)), feed.kind != "stated"))
    once: dict[str, FoundFeed] = {}
    own = canonicalize_url(base_url) if is_web_url(base_url) else ""
    for feed in ranked:
        if (key := canonicalize_url(feed.url)) != own:
            once.setdefault(key, feed)
    return tuple(once.values())[:MAX_FOUND]


def guess_addresses(url: str) -> tuple[str, ...]:
    """Where the feed of the site or section at ``url`` may lie, the likeliest first; none where it is no web address."""
    if not is_web_url(url):
        return ()
    parts = urlsplit(url)
    site = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    section = parts.path.rstrip("/")
    # A section's own feed is nearer to what was asked for than the whole site's.
    own = [f"{site}{section}{end}" for end in ("/rss", "/feed", "/rss.xml", ".rss")] if section else []
    return tuple(dict.fromkeys([*own, *(site + path for path in _USUAL_PATHS)]))


class _LinkCollector(HTMLParser):
    """Collects the feeds that a page names."""

    def __init__(self, base_url: str) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[FoundFeed] = []
        self._page = base_url
        self._base = base_url
        self._anchor: dict[str, str] | None = None
        self._anchor_text: list[str] = []

    def parse_marked_section(self, i: int, report: bool = True) -> int:  # noqa: FBT001, FBT002 - the base class's signature
        """Pass over ``<![…]…>``, which the base class refuses with an AssertionError where it does not know the word."""
        end = self.rawdata.find(">", i)
        return end + 1 if end >= 0 else -1

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "base" and values.get("href"):
            self._base = resolve_link(values["href"], self._page) or self._base
        elif tag == "link":
            self._add_stated(values)
        elif tag == "a":
            self.end_anchor()
            self._anchor, self._anchor_text = values, []

    def handle_data(self, data: str) -> None:
        if self._anchor is not None and len(self._anchor_text) < 20:
            self._anchor_text.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self.end_anchor()

    def _add_stated(self, values: dict[str, str]) -> None:
        relations = values.get("rel", "").lower().split()
        if "feed" in relations or ("alternate" in relations and _FEED_TYPES.match(values.get("type", ""))):
            self._add(values.get("href", ""), values.get("title", ""), "stated")

    def end_anchor(self) -> None:
        """Judge the link that was open, if any."""
        values, self._anchor = self._anchor, None
        if values is None or not values.get("href"):
            return
        text = clean_line("".join(self._anchor_text))
        if _FEED_TYPES.match(values.get("type", "")) or _looks_like_feed(values["href"], f"{text} {values.get('title', '')}"):
            self._add(values["href"], text or values.get("title", ""), "linked")

    def _add(self, href: str, title: str, kind: FoundAs) -> None:
        address = re.sub(r"^\s*feed:(?://)?(?=https?:)", "", href, flags=re.IGNORECASE)
        url = resolve_link(re.sub(r"^\s*feed://", "http://", address, flags=re.IGNORECASE), self._base) if address.strip() else None
        if url is not None:
            self.found.append(FoundFeed(url.partition("#")[0], clean_line(title)[:MAX_TITLE_CHARS], kind))


def _looks_like_feed(href: str, text: str) -> bool:
    try:
        parts = urlsplit(urljoin("https://page.invalid/", href.strip()))
    except ValueError:
        return False
    if _NOT_FEED.search(parts.path):
        return False
    if _FEED_PATH.search(parts.path) or _FEED_QUERY.search(parts.query):
        return True
    # A link that is called "RSS" may lead anywhere, but not to a place in this page.
    return bool(_FEED_WORD.search(text)) and len(text) < 60 and not href.strip().startswith("#")
