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

MAX_ROBOTS_CHARS = 512_000
KEPT_FOR = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Robots:
    """What a site's robots.txt says. ``rules`` is None where there is none; then ``allows_all`` decides."""

    rules: Protego | None
    allows_all: bool

    def allows(self, url: str, user_agent: str) -> bool:
        """Whether this program may fetch ``url``."""
        return self.allows_all if self.rules is None else bool(self.rules.can_fetch(url, user_agent))


def parse_robots(status: int, text: str) -> Robots:
    """The rules in an answer: without a file (4xx) everything is allowed, while the server fails (5xx) nothing is."""
    if status >= 500 or status == 429:
        return Robots(None, allows_all=False)
    if status >= 300:
        return Robots(None, allows_all=True)
    return Robots(Protego.parse(text[:MAX_ROBOTS_CHARS]), allows_all=True)


class RobotsCache:
    """Asks each site once, and remembers for a day."""

    def __init__(self, user_agent: str, read_clock: Callable[[], datetime]) -> None:
        self._user_agent = user_agent
        self._read_clock = read_clock
        self._known: dict[str, tuple[datetime, Robots]] = {}
        self._asking: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def check(self, url: str, fetch_text: Callable[[str], Awaitable[tuple[int, str]]]) -> None:
        """Raises `FetchError` where the page at ``url`` may not be fetched. ``fetch_text`` gives status and text of an address."""
        site = str(URL(url).origin())
        async with self._asking[site]:
            robots = await self._load(site, fetch_text)
        if not robots.allows(url, self._user_agent):
            reason = "cannot be read now" if robots.rules is None else "forbids it"
            raise FetchError(
                "robots" if robots.rules else "robots_unread", f"the page is left alone: robots.txt of {site} {reason}"
            )

    async def _load(self, site: str, fetch_text: Callable[[str], Awaitable[tuple[int, str]]]) -> Robots:
        kept = self._known.get(site)
        if kept is not None and self._read_clock() - kept[0] < KEPT_FOR:
            return kept[1]
        try:
            robots = parse_robots(*await fetch_text(f"{site}/robots.txt"))
        except FetchError as error:
            if error.kind == "blocked_address":
                raise
            robots = Robots(None, allows_all=False)
        self._known[site] = (self._read_clock(), robots)
        return robots
