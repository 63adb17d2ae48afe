"""Small feeds for tests of the parser, and what is read of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.stages.parse import parse_feed
from tests.factories import make_feed, make_fetched

if TYPE_CHECKING:
    from monitor.records import (
        Entry,
        FetchedFeed,
        ParsedFeed,
    )

TITLE = "Паром «Берег» вышел на линию"


ITEM = f"<item><title>{TITLE}</title><link>https://bereg.example/news/1</link></item>"


NAMESPACES = (
    'xmlns:yandex="http://news.yandex.ru" xmlns:content="http://purl.org/rss/1.0/modules/content/" '
    'xmlns:dc="http://purl.org/dc/elements/1.1/"'
)


def rss(items: str, *, encoding: str = "utf-8", declared: str | None = None) -> bytes:
    declaration = f'<?xml version="1.0" encoding="{declared or encoding}"?>'
    body = f'{declaration}<rss version="2.0" {NAMESPACES}><channel><title>Берег</title>{items}</channel></rss>'
    return body.encode(encoding)


def read(body: bytes, **changes: str | None) -> ParsedFeed:
    return parse_feed(make_feed(url="https://bereg.example/rss/all.xml"), make_bereg(body, **changes))


def make_bereg(body: bytes, **changes: str | None) -> FetchedFeed:
    return make_fetched(body=body, **{"url": "https://bereg.example/rss/all.xml", **changes})


def read_one(items: str, **changes: str | None) -> Entry:
    (entry,) = read(rss(items), **changes).entries
    return entry
