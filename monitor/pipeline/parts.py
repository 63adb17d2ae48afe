"""What a run works with, and what it counts."""

from __future__ import annotations

from collections import Counter, defaultdict
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from monitor.ports import Archive, Classifier, Fetcher, Store
    from monitor.records import (
        ExtractedPage,
        Feed,
        FetchedFeed,
        FetchedPage,
        FullText,
        ParsedFeed,
    )
    from monitor.reports import (
        RunError,
    )

STAGES = ("fetch", "parse", "extract", "classify", "store", "digest")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is: ``done`` of ``total`` in a stage."""

    stage: str
    done: int
    total: int


@dataclass(slots=True)
class Tally:
    """Counts of a run while it goes on; `monitor.pipeline.run.make_report` freezes them."""

    feeds: Counter[str] = field(default_factory=Counter)
    entries: Counter[str] = field(default_factory=Counter)
    articles: Counter[str] = field(default_factory=Counter)
    pages: Counter[str] = field(default_factory=Counter)
    made: int = 0
    rescored: int = 0
    flagged: int = 0
    errors: list[RunError] = field(default_factory=list)
    seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))


@dataclass(frozen=True, slots=True)
class Parts:
    """What a run works with.

    ``parse`` and ``extract`` may raise `monitor.errors.FeedDocumentError` and `monitor.errors.PageError`. Without a
    ``classifier`` nothing is assessed: it stays pending for the next run with ``bundle_id``. Without an ``archive`` the bytes
    are not kept. ``full_text`` is the setting for feeds that have none of their own. ``read_clock`` gives the time,
    ``read_timer`` seconds to measure with.
    """

    fetcher: Fetcher
    parse: Callable[[Feed, FetchedFeed], ParsedFeed]
    extract: Callable[[FetchedPage], ExtractedPage]
    bundle_id: str
    classifier: Classifier | None
    store: Store
    archive: Archive | None
    full_text: FullText
    read_clock: Callable[[], datetime]
    read_timer: Callable[[], float]
    report_progress: Callable[[Progress], None]


@contextmanager
def timed(parts: Parts, tally: Tally, stage: str) -> Iterator[None]:
    """Add the seconds that the block takes to a stage's."""
    start = parts.read_timer()
    try:
        yield
    finally:
        tally.seconds[stage] += parts.read_timer() - start
