"""Article pages: fetched where the feed gave little to read, read in processes that can be killed, kept as revisions."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from monitor.errors import FetchError, PageError
from monitor.pipeline.parts import Parts, Progress, Tally, timed
from monitor.records import (
    FetchedPage,
    PageOutcome,
    PageRequest,
    PageText,
)
from monitor.reports import (
    RunError,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.records import (
        Feed,
    )

# A feed's own text below this is a headline with a lead at best. Full texts of the region's feeds begin at about 800.
THIN_CHARS = 600
PAGES_AT_ONCE = 20
# More pages than this a run leaves for the next: one that starts afresh would visit its outlets for hours.
MAX_PAGES = 2_000
RETRY_AFTER = timedelta(hours=2)
# These say that the page is not for us, and will not be soon; anything else may pass.
FINAL = frozenset(
    {"http_401", "http_402", "http_403", "http_404", "http_410", "http_451", "robots", "blocked_address", "not_html", "too_large"}
)
GONE = frozenset({"http_404", "http_410"})


def fetch_pages(parts: Parts, tally: Tally, feeds: Sequence[Feed]) -> None:
    """Fetch the pages of articles whose feeds ask for it. What a page does to us costs only its article."""
    requests = _list_wanted(parts, tally, feeds)
    tally.pages["due"] += len(requests)
    if requests:
        asyncio.run(_fetch_all(parts, tally, requests))


def _list_wanted(parts: Parts, tally: Tally, feeds: Sequence[Feed]) -> list[PageRequest]:
    by_id = {feed.id: feed for feed in feeds if feed.enabled}
    wanted: list[PageRequest] = []
    for setting, max_chars in (("always", None), ("auto", THIN_CHARS)):
        feed_ids = [feed.id for feed in by_id.values() if (feed.full_text or parts.full_text) == setting]
        if feed_ids:
            with timed(parts, tally, "store"):
                limit = MAX_PAGES - len(wanted)
                wanted += parts.store.load_thin(now=parts.read_clock(), feed_ids=feed_ids, max_chars=max_chars, limit=limit)
    return [replace(one, proxy=by_id[one.feed_id].proxy, headers=by_id[one.feed_id].headers) for one in wanted]


async def _fetch_all(parts: Parts, tally: Tally, requests: Sequence[PageRequest]) -> None:
    start, busy_before = parts.read_timer(), tally.seconds["extract"] + tally.seconds["store"]
    reading: list[asyncio.Task[PageOutcome]] = []
    done = 0
    async for request, outcome in parts.fetcher.fetch_pages(requests):
        reading.append(asyncio.create_task(asyncio.to_thread(_take_page, parts, tally, request, outcome)))
        done += 1
        if len(reading) >= PAGES_AT_ONCE:
            _keep(parts, tally, await asyncio.gather(*reading))
            reading = []
        parts.report_progress(Progress("pages", done, len(requests)))
    _keep(parts, tally, await asyncio.gather(*reading))
    busy = tally.seconds["extract"] + tally.seconds["store"] - busy_before
    tally.seconds["fetch"] += max(0.0, parts.read_timer() - start - busy)


def _keep(parts: Parts, tally: Tally, outcomes: Sequence[PageOutcome]) -> None:
    with timed(parts, tally, "store"):
        tally.pages["revised"] += parts.store.save_pages(outcomes)
    for outcome in outcomes:
        tally.pages["fetched" if outcome.page else "failed"] += 1
        if outcome.page is None:
            where, what = outcome.request, outcome.message or ""
            tally.errors.append(RunError(where.feed_id, where.url, f"page_{outcome.outcome}", what))


def _take_page(parts: Parts, tally: Tally, request: PageRequest, got: FetchedPage | FetchError) -> PageOutcome:
    now = parts.read_clock()
    if isinstance(got, FetchError):
        is_final = got.kind in FINAL
        wait = max(RETRY_AFTER, timedelta(seconds=got.retry_after_s or 0))
        return PageOutcome(request, now, got.kind, str(got), not_before=None if is_final else now + wait, is_gone=got.kind in GONE)
    archived = _archive(parts, request, got)
    try:
        with timed(parts, tally, "extract"):
            page = parts.extract(got)
    except PageError as error:
        return PageOutcome(request, now, error.kind, str(error))
    except Exception as error:  # noqa: BLE001 - whatever a hostile page does to an extractor, only its article is marked
        return PageOutcome(request, now, "extract", f"the page broke the extractor ({type(error).__name__}: {error})")
    return PageOutcome(request, now, "fetched", page=PageText(page.title, page.text, got.sha256, archived))


def _archive(parts: Parts, request: PageRequest, got: FetchedPage) -> int | None:
    if parts.archive is None or got.exchange is None:
        return None
    kept = parts.archive.append(
        got.url, got.fetched_at, got.exchange, document_sha256=got.sha256, kind="page", feed_id=request.feed_id
    )
    return kept.sequence
