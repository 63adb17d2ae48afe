"""The pipeline with a real store and parts that misbehave."""

from __future__ import annotations

import hashlib
import time
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import pytest

from monitor.errors import FetchError, PageError
from monitor.pipeline.parts import Parts, Tally
from monitor.pipeline.run import make_report, run_pipeline
from monitor.records import (
    Assessment,
    Document,
    ExtractedPage,
    Feed,
    FeedState,
    FetchedFeed,
    FetchedPage,
    NotModified,
    PageRequest,
)
from monitor.stages.parse import parse_feed
from monitor.storage.store import SqlStore
from tests.functional.servers import make_rss

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence
    from pathlib import Path

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
FEED = Feed("port", "https://port.example/rss", "Порт", timezone="Europe/Moscow")


class OneDocument:
    """A fetcher that has one document for every feed."""

    def __init__(self, body: bytes) -> None:
        self.body = body

    async def fetch_feeds(
        self, feeds: Sequence[tuple[Feed, FeedState]], *, forced: frozenset[str] = frozenset()
    ) -> AsyncIterator[tuple[Feed, FetchedFeed | NotModified | FetchError]]:
        for feed, _ in feeds:
            sha256 = hashlib.sha256(self.body).hexdigest()
            yield feed, FetchedFeed(feed.id, feed.url, 200, None, self.body, sha256, '"1"', None, NOW)

    async def fetch_pages(self, requests: Sequence[PageRequest]) -> AsyncIterator[tuple[PageRequest, FetchedPage | FetchError]]:
        for request in requests:
            yield request, FetchError("http_404", "no pages here")


def extract_nothing(page: FetchedPage) -> ExtractedPage:
    raise PageError("thin_page", f"{page.url} holds nothing")


class Stumbling:
    """A classifier that one text breaks."""

    bundle_id = "cb1-000000000000"

    def assess(self, documents: Sequence[Document]) -> list[Assessment]:
        if any("ломает" in document.title for document in documents):
            raise ZeroDivisionError("this text")
        return [Assessment("ru", ()) for _ in documents]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    with SqlStore(f"sqlite:///{tmp_path / 'monitor.db'}") as opened:
        yield opened


def run(store: SqlStore, body: bytes, run_id: str) -> Tally:
    parts = Parts(
        fetcher=OneDocument(body),
        parse=parse_feed,
        extract=extract_nothing,
        bundle_id=Stumbling.bundle_id,
        classifier=Stumbling(),
        store=store,
        archive=None,
        full_text="never",
        read_clock=lambda: NOW,
        read_timer=time.monotonic,
        report_progress=lambda _: None,
    )
    return run_pipeline(parts, [FEED], run_id=run_id, started_at=NOW, day=date(2026, 11, 20))


def test_a_text_that_breaks_the_model_costs_only_itself_and_is_counted(store: SqlStore) -> None:
    titles = ("Паром вышел в море утром", "Эта новость ломает модель", "Порт закрыт до вечера")
    body = make_rss([{"title": title, "link": f"https://port.example/{n}"} for n, title in enumerate(titles)])
    tally = run(store, body, "first")
    counted = store.count_assessments(Stumbling.bundle_id)
    report = make_report(tally, counted, run_id="first", bundle=Stumbling.bundle_id, started_at=NOW, finished_at=NOW)
    assert (report.articles.stored, report.assessments.made, report.assessments.pending, report.assessments.failed) == (3, 2, 0, 1)
    assert [error.kind for error in report.errors] == ["assessment"]
    digest = store.load_digest(date(2026, 11, 20), timezone="Europe/Kyiv", bundle=Stumbling.bundle_id)
    assert (digest.counts.articles, digest.counts.unflagged, digest.counts.failed, digest.counts.pending) == (3, 2, 1, 0)
    again = run(store, body, "second")
    assert (again.made, again.entries["seen"], again.errors) == (0, 3, [])


def test_items_that_hold_nothing_are_rejected_and_counted(store: SqlStore) -> None:
    body = make_rss([{"title": "Паром вышел в море", "link": "https://port.example/1"}, {"link": "https://port.example/2"}])
    tally = run(store, body, "first")
    assert tally.entries == {"parsed": 2, "new": 1, "rejected": 1}
    assert [error.kind for error in tally.errors] == ["rejected_item"]


def test_a_document_that_is_no_feed_is_a_failure_of_its_feed(store: SqlStore) -> None:
    tally = run(store, b"<html><body>Just a moment</body></html>", "first")
    assert (tally.feeds["failed"], tally.feeds["fetched"]) == (1, 0)
    (health,) = store.load_health(datetime(2026, 11, 20, tzinfo=UTC), datetime(2026, 11, 21, tzinfo=UTC))
    assert (health.visits, health.failures, health.last_outcome) == (1, 1, "challenge")
