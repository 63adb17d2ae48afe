"""What the pages need: the store, the gate, the bundle in use, names of narratives, templates, and the clock."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from monitor.storage.queue import Sweep

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from jinja2 import Environment

    from monitor.codebook import Codebook
    from monitor.review.gate import Gate
    from monitor.review.guard import Address
    from monitor.storage.reviewstore import ReviewStore

log = logging.getLogger("monitor")
_COUNTS_HOLD = timedelta(seconds=15)
# Older articles come into the queue late only after a change of bundle, or from files.
_SWEEP_EVERY = timedelta(hours=1)
_MAX_LOGGED_REPORTS = 50


@dataclass(frozen=True, slots=True)
class BundleFacts:
    """The bundle in use: its id, the thresholds that it answers with, and its card (Markdown)."""

    id: str
    thresholds: Mapping[str, float]
    card: str


@dataclass(slots=True)
class Tally:
    """What the server counts while it runs. Threads share it."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    reports: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)
    counted_at: datetime | None = None
    swept_at: datetime | None = None
    swept_bundle: str = ""

    def add_report(self, what: str) -> None:
        """Count a report of a browser that refused something, and log the first ones."""
        with self.lock:
            self.reports += 1
            number = self.reports
        if number <= _MAX_LOGGED_REPORTS:
            log.warning("a browser refused something on a page (report %d): %s", number, what)


@dataclass(frozen=True, slots=True)
class Parts:
    """See the module. ``seed`` draws the random share; ``read_bundle`` finds the bundle in use, which may change meanwhile."""

    store: ReviewStore
    gate: Gate
    codebook: Codebook
    templates: Environment
    address: Address
    seed: str
    timezone: str
    read_clock: Callable[[], datetime]
    read_bundle: Callable[[], BundleFacts]
    tally: Tally = field(default_factory=Tally)

    def name_of(self, narrative: str, language: str) -> str:
        """What a narrative is called; its id where it has no name."""
        return self.codebook.name_of(narrative, language)

    def count_open(self) -> Mapping[str, int]:
        """How many items wait, a few seconds old at most: counting a long queue takes longer than showing a page of it."""
        now = self.read_clock()
        if self.tally.counted_at is None or now - self.tally.counted_at > _COUNTS_HOLD or now < self.tally.counted_at:
            self.tally.counts, self.tally.counted_at = self.store.count_open(), now
        return self.tally.counts


def fill_queue(parts: Parts) -> int:
    """Bring the queue up to date with what was assessed since; gives how many articles."""
    facts, now, tally = parts.read_bundle(), parts.read_clock(), parts.tally
    is_due = tally.swept_at is None or tally.swept_bundle != facts.id or not timedelta(0) <= now - tally.swept_at < _SWEEP_EVERY
    sweep = Sweep(is_recent=not is_due)
    total = 0
    while done := parts.store.fill_queue(facts.id, thresholds=facts.thresholds, seed=parts.seed, limit=200, sweep=sweep):
        total += done
    if is_due:
        tally.swept_at, tally.swept_bundle = now, facts.id
    if total:
        parts.store.close_copies()
        parts.tally.counted_at = None
    return total


def make_environment() -> Any:
    """The templates. Everything is escaped; a name that does not exist is an error."""
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415

    return Environment(
        loader=PackageLoader("monitor", "review/templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
