"""Reads hostile documents: what is simple at once, the rest in processes that can be killed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from monitor.errors import FeedDocumentError, PageError, WorkerError
from monitor.stages.discover import find_feed_links
from monitor.stages.parse import parse_feed, parse_quickly

if TYPE_CHECKING:
    from monitor.records import (
        ExtractedPage,
        Feed,
        FetchedFeed,
        FetchedPage,
        ParsedFeed,
    )
    from monitor.stages.discover import FoundFeed
    from monitor.workers import WorkerPool


class Readers:
    """`monitor.stages.parse` and `monitor.stages.extract` with limits of time and memory."""

    def __init__(self, pool: WorkerPool) -> None:
        self._pool = pool

    def parse(self, feed: Feed, fetched: FetchedFeed) -> ParsedFeed:
        """The entries of a document. Raises `FeedDocumentError` where it is no feed, or takes more than a feed may."""
        if (parsed := parse_quickly(feed, fetched)) is not None:
            return parsed
        try:
            return self._pool.run(parse_feed, feed, replace(fetched, exchange=None))
        except WorkerError as error:
            raise FeedDocumentError(error.kind, f"the document was given up: {error}; look at it in a browser") from error

    def extract(self, page: FetchedPage) -> ExtractedPage:
        """The article of a page. Raises `PageError` where there is none, or reading it takes more than a page may."""
        try:
            return self._pool.run(extract_page, page.body, page.content_type, page.url)
        except WorkerError as error:
            raise PageError(error.kind, f"the page was given up: {error}") from error

    def find_links(self, page: FetchedPage | FetchedFeed) -> tuple[FoundFeed, ...]:
        """The feeds that a page names. Raises `PageError` where reading it takes more than a page may."""
        try:
            return self._pool.run(find_feed_links, page.body, base_url=page.url, content_type=page.content_type)
        except WorkerError as error:
            raise PageError(error.kind, f"the page was given up: {error}") from error


def extract_page(body: bytes, content_type: str | None, url: str) -> ExtractedPage:
    """`monitor.stages.extract.extract_page`; only the process that reads pages imports what that needs."""
    from monitor.stages import extract  # noqa: PLC0415

    return extract.extract_page(body, content_type, url)
