"""When a host or a feed may be visited. Decisions are pure and take the time; `HostGate` carries them out."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from monitor.errors import FetchError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

MAX_RETRY_AFTER_S = 24 * 3600.0


def read_retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds that a ``Retry-After`` header asks for (number or date), at most a day; None where it asks for nothing."""
    if value is None:
        return None
    try:
        wanted = float(value) if value.strip().isdigit() else (_aware(parsedate_to_datetime(value)) - now).total_seconds()
    except ValueError:
        return None
    return min(max(wanted, 0.0), MAX_RETRY_AFTER_S) or None


def _aware(at: datetime) -> datetime:
    return at if at.tzinfo else at.replace(tzinfo=UTC)


class HostGate:
    """Lets through so many requests to one host at once, so many seconds apart, and none while the host wants to be left alone."""

    def __init__(self, *, per_host: int, min_delay_s: float) -> None:
        self._min_delay_s = min_delay_s
        self._slots: defaultdict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(per_host))
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._next_at: dict[str, float] = {}
        self._paused_until: dict[str, float] = {}

    def pause(self, host: str, seconds: float) -> None:
        """Let nobody in for so long."""
        until = asyncio.get_running_loop().time() + seconds
        self._paused_until[host] = max(until, self._paused_until.get(host, 0.0))

    @asynccontextmanager
    async def enter(self, host: str) -> AsyncIterator[None]:
        """Wait for a turn at a host, and hold it. Raises `FetchError` while the host wants to be left alone."""
        clock = asyncio.get_running_loop().time
        async with self._slots[host]:
            # One at a time looks at the clock, so that two requests never start closer than they may.
            async with self._turns[host]:
                await asyncio.sleep(max(0.0, self._next_at.get(host, 0.0) - clock()))
                wait_s = self._paused_until.get(host, 0.0) - clock()
                if wait_s > 0:
                    raise FetchError("host_paused", f"{host} asked to be left alone for {wait_s:.0f} s more", retry_after_s=wait_s)
                self._next_at[host] = clock() + self._min_delay_s
            yield
