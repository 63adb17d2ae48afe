"""Values for tests: each function gives a valid record; what a test is about, it names."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import numpy as np

from monitor.records import (
    Copy,
    DayCounts,
    Digest,
    DigestRow,
    Document,
    Entry,
    Evidence,
    Feed,
    FeedHealth,
    FetchedFeed,
    NarrativeScore,
    RunReport,
)
from monitor.stages.classify import Model, TermWeights
from monitor.stages.cues import CUES
from monitor.stages.features import Vocabulary
from monitor.text import hash_texts

NOON = datetime(2026, 5, 14, 12, 0, tzinfo=UTC)
BUNDLE = "cb1-0123456789ab"


def make_feed(feed_id: str = "crimea-agency", **changes: Any) -> Feed:
    feed = Feed(feed_id, f"https://{feed_id}.example/rss", outlet=f"Outlet {feed_id}", language="ru", kind="occupation")
    return replace(feed, **changes)


def make_fetched(feed_id: str = "crimea-agency", body: bytes = b"<rss/>", **changes: Any) -> FetchedFeed:
    fetched = FetchedFeed(
        feed_id=feed_id,
        url=f"https://{feed_id}.example/rss",
        status=200,
        content_type="application/rss+xml",
        body=body,
        sha256=hashlib.sha256(body).hexdigest(),
        etag=None,
        last_modified=None,
        fetched_at=NOON,
    )
    return replace(fetched, **changes)


def make_entry(key: str = "e1", *, feed_id: str = "crimea-agency", title: str = "В Керчи открыли мост", **changes: Any) -> Entry:
    """An entry whose hash follows from its texts unless one is given."""
    url = changes.pop("url", f"https://{feed_id}.example/{key}")
    entry = Entry(
        feed_id=feed_id,
        key=key,
        identity=url or f"{feed_id} {key}",
        url=url,
        title=title,
        summary="",
        text="",
        published_at=NOON,
        published_how="feed",
        content_sha256="",
    )
    entry = replace(entry, **changes)
    return replace(entry, content_sha256=changes.get("content_sha256") or hash_texts(entry.title, entry.summary, entry.text))


def make_document(identifier: str = "d1", **fields: Any) -> Document:
    return Document(identifier, **fields)


def make_score(narrative: str = "fake_loyalty", score: float = 0.9, **changes: Any) -> NarrativeScore:
    """A flagged score."""
    return replace(NarrativeScore(narrative, score, "promotes", 0.8, is_carried=True, flagged=True), **changes)


def make_row(article_id: str = "a1", *, title: str = "Жители единогласно поддержали", **changes: Any) -> DigestRow:
    """A flagged article whose evidence is its whole title."""
    row = DigestRow(
        article_id=article_id,
        revision=1,
        url=f"https://crimea-agency.example/{article_id}",
        title=title,
        summary="",
        text="",
        outlet="Вести полуострова",
        feed_id="crimea-agency",
        kind="occupation",
        language="ru",
        published_at=NOON,
        published_how="feed",
        fetched_at=NOON,
        sha256="0" * 64,
        copies=(Copy("crimea-agency", "Вести полуострова", f"https://crimea-agency.example/{article_id}", NOON),),
        narratives=(make_score(evidence=(Evidence("title", 0, len(title), title),)),),
    )
    return replace(row, **changes)


def make_health(feed_id: str = "crimea-agency", *, visits: int = 1, failures: int = 0, **changes: Any) -> FeedHealth:
    health = FeedHealth(
        feed_id=feed_id,
        outlet=f"Outlet {feed_id}",
        url=f"https://{feed_id}.example/rss",
        language="ru",
        enabled=True,
        visits=visits,
        failures=failures,
        last_outcome="fetched" if visits else None,
        last_message=None,
        entries=3,
    )
    return replace(health, **changes)


def make_report(run_id: str = "r1", **changes: Any) -> RunReport:
    return replace(RunReport(run_id, NOON, NOON, BUNDLE), **changes)


def make_digest(*rows: DigestRow, **changes: Any) -> Digest:
    digest = Digest(
        day=date(2026, 5, 14),
        timezone="Europe/Kyiv",
        bundle=BUNDLE,
        counts=DayCounts(len(rows), len(rows), 0, 0, 0, 0),
        stances=(),
        rows=rows,
        health=(make_health(),),
        runs=1,
        last_run=make_report(),
    )
    return replace(digest, **changes)


def make_model(
    narratives: dict[str, tuple[str, ...]] | None = None,
    *,
    refuting: tuple[str, ...] = ("фейк",),
    threshold: float = 0.5,
    bundle_id: str = BUNDLE,
) -> Model:
    """A model that knows a few five-letter prefixes: each adds 6 to its narrative's margin of -3.

    Texts with a ``refuting`` prefix refute, all others promote.
    """
    chosen = narratives or {"fake_loyalty": ("едино",), "crimea_always_russian": ("исток", "гаван")}
    prefixes = tuple(sorted({prefix for known in chosen.values() for prefix in known}))
    coef = np.array([[6.0 if prefix in known else 0.0 for prefix in prefixes] for known in chosen.values()], dtype=np.float32)
    return Model(
        bundle_id=bundle_id,
        narratives=tuple(chosen),
        claims=TermWeights(_make_vocabulary(prefixes), coef, np.full(len(chosen), -3, dtype=np.float32)),
        slopes=np.ones(len(chosen), dtype=np.float32),
        offsets=np.zeros(len(chosen), dtype=np.float32),
        thresholds=np.full(len(chosen), threshold, dtype=np.float32),
        stance=TermWeights(
            _make_vocabulary(refuting),
            np.array([[0.0] * len(refuting), [0.0] * len(refuting), [9.0] * len(refuting)], dtype=np.float32),
            np.array([2, 0, 0], dtype=np.float32),
        ),
        stance_cues=np.zeros((3, 2 * len(CUES)), dtype=np.float32),
        min_promotes=0.5,
        min_promotes_contested=0.5,
    )


def _make_vocabulary(prefixes: tuple[str, ...]) -> Vocabulary:
    return Vocabulary(prefixes, (), np.ones(len(prefixes), dtype=np.float32))
