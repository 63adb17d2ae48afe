"""`monitor feeds discover`: the feeds of a site, each fetched and read before it is named."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from monitor.errors import FeedDocumentError, FetchError
from monitor.records import (
    Feed,
    FetchedFeed,
)
from monitor.stages.discover import FoundFeed, guess_addresses
from monitor.stages.language import detect_language
from monitor.urls import canonicalize_url

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable
    from datetime import datetime

    from monitor.records import (
        FetchedPage,
        ParsedFeed,
    )
    from monitor.stages.discover import FoundAs

    Fetch = Callable[[str], Awaitable[FetchedPage | FetchedFeed | FetchError]]

# Failures of a whole site: its other addresses need not be tried.
_OF_SITE = frozenset({"dns", "blocked_address", "connect", "tls"})
_TITLES_READ = 30


class Reader(Protocol):
    """Reads hostile documents within limits of time and memory."""

    def parse(self, feed: Feed, fetched: FetchedFeed) -> ParsedFeed:
        """The entries of a document. Raises `FeedDocumentError`."""
        ...

    def find_links(self, page: FetchedPage | FetchedFeed) -> tuple[FoundFeed, ...]:
        """The feeds that a page names. Raises `FeedDocumentError`."""
        ...


@dataclass(frozen=True, slots=True)
class DiscoveredFeed:
    """A feed that was read. ``newest_at`` is the latest stated date; ``language`` is the likeliest of its headlines'."""

    url: str
    title: str
    kind: FoundAs
    entries: int
    newest_at: datetime | None
    language: str | None


@dataclass(frozen=True, slots=True)
class Discovery:
    """A site's feeds, the likeliest first, and for each address that is none, the reason."""

    feeds: tuple[DiscoveredFeed, ...]
    failures: tuple[tuple[str, str], ...]


async def discover_feeds(fetch: Fetch, reader: Reader, url: str, *, max_tries: int = 24) -> Discovery:
    """The feeds of the page at ``url``, which may be a feed itself.

    What the page names is tried first; the usual places only where that gave nothing. At most ``max_tries`` addresses are
    asked for after the page, one after the other. ``fetch`` gives failures as values; none are raised.
    """
    search = _Search(fetch, reader, max_tries)
    page = await fetch(url)
    if isinstance(page, FetchError):
        search.failures.append((url, str(page)))
        if page.kind in _OF_SITE:
            return search.finish()
    elif search.take(FoundFeed(url, "", "stated"), page, is_silent=True):
        return search.finish()
    else:
        await search.try_all(search.find_links(page))
    if not search.feeds:
        start = url if isinstance(page, FetchError) else page.url
        await search.try_all(FoundFeed(address, "", "guessed") for address in guess_addresses(start))
    return search.finish()


class _Search:
    """What was found so far, and how much may still be asked."""

    def __init__(self, fetch: Fetch, reader: Reader, max_tries: int) -> None:
        self.feeds: list[DiscoveredFeed] = []
        self.failures: list[tuple[str, str]] = []
        self._fetch = fetch
        self._reader = reader
        self._tries_left = max_tries
        self._seen: set[str] = set()

    def finish(self) -> Discovery:
        return Discovery(tuple(self.feeds), tuple(self.failures))

    def find_links(self, page: FetchedPage | FetchedFeed) -> tuple[FoundFeed, ...]:
        """The feeds that a page names; none where it cannot be read."""
        try:
            return self._reader.find_links(page)
        except FeedDocumentError as error:
            self.failures.append((page.url, str(error)))
            return ()

    async def try_all(self, candidates: Iterable[FoundFeed]) -> None:
        for candidate in candidates:
            address = canonicalize_url(candidate.url)
            if address in self._seen or self._tries_left <= 0:
                continue
            self._seen.add(address)
            self._tries_left -= 1
            answer = await self._fetch(candidate.url)
            if not isinstance(answer, FetchError):
                self.take(candidate, answer)
                continue
            self.failures.append((candidate.url, str(answer)))
            if candidate.kind == "guessed" and answer.kind in _OF_SITE:
                return

    def take(self, candidate: FoundFeed, answer: FetchedPage | FetchedFeed, *, is_silent: bool = False) -> bool:
        """Keep what was answered where it is a feed that was not found before; whether it is a feed."""
        fetched = _as_feed(answer)
        try:
            parsed = self._reader.parse(Feed("found", candidate.url, outlet=candidate.title or "found"), fetched)
        except FeedDocumentError as error:
            if not is_silent:
                self.failures.append((candidate.url, str(error)))
            return False
        # Two addresses may lead to one document, by a redirect or by having the same one twice.
        marks = {f"at {canonicalize_url(fetched.url)}", f"is {_identify(parsed, fetched)}"}
        if not marks & self._seen:
            self.feeds.append(_describe(candidate, fetched, parsed))
        self._seen |= marks
        return True


def _as_feed(answer: FetchedPage | FetchedFeed) -> FetchedFeed:
    if isinstance(answer, FetchedFeed):
        return answer
    return FetchedFeed(
        feed_id="found",
        url=answer.url,
        status=answer.status,
        content_type=answer.content_type,
        body=answer.body,
        sha256=answer.sha256,
        etag=None,
        last_modified=None,
        fetched_at=answer.fetched_at,
    )


def _identify(parsed: ParsedFeed, fetched: FetchedFeed) -> str:
    # Documents differ in the time at which they were made; their entries do not.
    if not parsed.entries:
        return fetched.sha256
    return hashlib.sha256("\n".join(entry.identity + entry.title for entry in parsed.entries).encode()).hexdigest()


def _describe(candidate: FoundFeed, fetched: FetchedFeed, parsed: ParsedFeed) -> DiscoveredFeed:
    stated = [entry.published_at for entry in parsed.entries if not entry.published_how.startswith("time of fetching")]
    language = detect_language(" ".join(entry.title or entry.summary for entry in parsed.entries[:_TITLES_READ]))
    return DiscoveredFeed(
        url=fetched.url,
        title=candidate.title,
        kind=candidate.kind,
        entries=len(parsed.entries),
        newest_at=max(stated, default=None),
        language=None if language == "und" else language,
    )
