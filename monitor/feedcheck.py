"""`monitor feeds check`: each feed tried once, with a word on what came and what to do about it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor.errors import FeedDocumentError, FetchError
from monitor.pipeline.parts import Progress
from monitor.records import (
    Feed,
    FeedState,
    FetchedFeed,
    NotModified,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from monitor.ports import Fetcher
    from monitor.records import (
        ParsedFeed,
    )


@dataclass(frozen=True, slots=True)
class FeedCheck:
    """How one feed answered. ``newest_at`` is the latest stated date."""

    feed_id: str
    url: str
    is_ok: bool
    outcome: str
    entries: int
    newest_at: datetime | None
    message: str


def check_feeds(
    fetcher: Fetcher,
    parse: Callable[[Feed, FetchedFeed], ParsedFeed],
    feeds: Sequence[Feed],
    report_progress: Callable[[Progress], None],
) -> list[FeedCheck]:
    """Try every feed, unconditionally; in the order given."""

    async def visit() -> dict[str, FeedCheck]:
        checks: dict[str, FeedCheck] = {}
        async for feed, outcome in fetcher.fetch_feeds([(feed, FeedState()) for feed in feeds]):
            checks[feed.id] = _judge(feed, outcome, parse)
            report_progress(Progress("check", len(checks), len(feeds)))
        return checks

    found = asyncio.run(visit())
    return [found[feed.id] for feed in feeds]


def _judge(
    feed: Feed, outcome: FetchedFeed | NotModified | FetchError, parse: Callable[[Feed, FetchedFeed], ParsedFeed]
) -> FeedCheck:
    if isinstance(outcome, FetchError):
        return FeedCheck(feed.id, feed.url, is_ok=False, outcome=outcome.kind, entries=0, newest_at=None, message=str(outcome))
    if isinstance(outcome, NotModified):
        message = "answered 304 although nothing was known of it; the server lies about changes"
        return FeedCheck(feed.id, feed.url, is_ok=False, outcome="not_modified", entries=0, newest_at=None, message=message)
    try:
        parsed = parse(feed, outcome)
    except FeedDocumentError as error:
        return FeedCheck(feed.id, feed.url, is_ok=False, outcome=error.kind, entries=0, newest_at=None, message=str(error))
    stated = [entry.published_at for entry in parsed.entries if not entry.published_how.startswith("time of fetching")]
    bodies = sum(1 for entry in parsed.entries if entry.summary or entry.text)
    parts = [f"{bodies} of {len(parsed.entries)} items have a text beyond the headline"]
    if len(stated) < len(parsed.entries):
        parts.append(f"{len(parsed.entries) - len(stated)} have no usable date")
    if parsed.rejected:
        parts.append(f"{len(parsed.rejected)} hold nothing")
    if parsed.degraded:
        parts.append(parsed.degraded)
    newest = max(stated, default=None)
    return FeedCheck(
        feed.id,
        feed.url,
        is_ok=True,
        outcome="ok",
        entries=len(parsed.entries),
        newest_at=newest,
        message="; ".join(parts),
    )
