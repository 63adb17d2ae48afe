"""When a host or a feed may be visited. Decisions are pure and take the time; `HostGate` carries them out."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from monitor.records import FeedState

MAX_RETRY_AFTER_S = 24 * 3600.0


def is_due(state: FeedState, now: datetime) -> bool:
    """Whether a feed may be visited: unless its server asked to be left alone until later."""
    return state.not_before is None or now >= state.not_before


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
    """Lets through so many requests to one host at once, and so many seconds apart."""

    def __init__(self, *, per_host: int, min_delay_s: float) -> None:
        self._min_delay_s = min_delay_s
        self._slots: defaultdict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(per_host))
        self._next_at: dict[str, float] = {}

    @asynccontextmanager
    async def enter(self, host: str) -> AsyncIterator[None]:
        """Wait for a turn at a host, and hold it."""
        async with self._slots[host]:
            clock = asyncio.get_running_loop().time
            turn = max(clock(), self._next_at.get(host, 0.0))
            self._next_at[host] = turn + self._min_delay_s
            await asyncio.sleep(max(0.0, turn - clock()))
            yield
