"""robots.txt (RFC 9309): what a site lets programs fetch. It is asked for before article pages; feeds are made for programs."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from protego import Protego
from yarl import URL

from monitor.errors import FetchError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

# What stands behind this is not read, as RFC 9309 allows (2.5); a whole site can be told in much less.
MAX_ROBOTS_BYTES = 500 * 1024
MAX_CRAWL_DELAY_S = 30.0
KEPT_FOR = timedelta(hours=24)
# A server that failed is asked again sooner than one that answered.
FAILURE_KEPT_FOR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Robots:
    """What a site's robots.txt says. Without ``rules``, ``is_open`` decides on every page."""

    rules: Protego | None
    is_open: bool = True

    def allows(self, url: str, user_agent: str) -> bool:
        """Whether the program that calls itself ``user_agent`` may fetch ``url``."""
        return self.is_open if self.rules is None else bool(self.rules.can_fetch(url, _product_of(user_agent)))

    def crawl_delay_s(self, user_agent: str) -> float:
        """Seconds that the site wants between two requests, at most `MAX_CRAWL_DELAY_S`; 0 where it says nothing."""
        stated = None if self.rules is None else self.rules.crawl_delay(_product_of(user_agent))
        return min(MAX_CRAWL_DELAY_S, max(0.0, stated or 0.0))


def parse_robots(text: str, status: int) -> Robots:
    """The rules in an answer.

    Where there is no file (4xx, or redirects without end) everything is allowed; while the server fails (5xx) or wants
    to be asked less (429), nothing is. Only the first `MAX_ROBOTS_BYTES` are read, up to the last whole line in them.
    """
    if status >= 500 or status == 429:
        return Robots(None, is_open=False)
    if status >= 300:
        return Robots(None)
    return Robots(Protego.parse(_cap(text.removeprefix("\ufeff"))))


def _cap(text: str) -> str:
    encoded = text.encode("utf-8", "replace")
    if len(encoded) <= MAX_ROBOTS_BYTES:
        return text
    # Half a line could forbid or allow what the whole one does not.
    return encoded[:MAX_ROBOTS_BYTES].rpartition(b"\n")[0].decode("utf-8", "replace")


def _product_of(user_agent: str) -> str:
    # Rules are for products. The rest of a User-Agent is a contact, in which a word may be another program's name.
    return user_agent.partition("/")[0].strip()


class RobotsCache:
    """Asks each site once, however many pages wait for the answer, and remembers it for a day (a failure for an hour)."""

    def __init__(self, user_agent: str, read_clock: Callable[[], datetime]) -> None:
        self._user_agent = user_agent
        self._read_clock = read_clock
        self._known: dict[str, tuple[datetime, Robots]] = {}
        self._asking: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def check(self, url: str, fetch_text: Callable[[str], Awaitable[tuple[int, str]]]) -> Robots:
        """The site's rules, which allow the page at ``url``.

        ``fetch_text`` gives status and text of an address, whatever the status, or raises `FetchError`. Raises `FetchError`
        of kind ``robots`` where the page is forbidden, ``robots_unread`` where the server does not say for now, and
        ``blocked_address`` where the site itself may not be contacted.
        """
        site = _site_of(url)
        async with self._asking[site]:
            robots = await self._load(site, fetch_text)
        if robots.allows(url, self._user_agent):
            return robots
        if robots.rules is None:
            raise FetchError(
                "robots_unread", f"the page is left alone for now: {site}/robots.txt cannot be read; it may work later"
            )
        raise FetchError(
            "robots", f"the page is left alone: {site}/robots.txt forbids it; ask the outlet, or read the page by hand"
        )

    async def _load(self, site: str, fetch_text: Callable[[str], Awaitable[tuple[int, str]]]) -> Robots:
        known = self._known.get(site)
        if known is not None and self._read_clock() < known[0]:
            return known[1]
        try:
            status, text = await fetch_text(f"{site}/robots.txt")
            robots = parse_robots(text, status)
        except FetchError as error:
            robots = _judge_failure(error)
        kept_for = KEPT_FOR if robots.is_open else FAILURE_KEPT_FOR
        self._known[site] = (self._read_clock() + kept_for, robots)
        return robots


def _judge_failure(error: FetchError) -> Robots:
    """What a failed request for the file means. Raises ``error`` itself where it means the site and not the file."""
    if error.kind == "blocked_address":
        raise error
    if error.kind.startswith("http_") and error.kind[5:].isdigit():
        return parse_robots("", int(error.kind[5:]))
    # Redirects that lead nowhere count as no file (RFC 9309, 2.3.1.2); anything else as a server that fails.
    return Robots(None, is_open=error.kind in {"redirect", "redirect_loop"})


def _site_of(url: str) -> str:
    try:
        return str(URL(url).origin())
    except ValueError as error:
        raise FetchError("bad_address", f"{url[:200]!r} is no web address; nothing can be fetched from it") from error
