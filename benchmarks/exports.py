"""Exports of a store of many flagged articles: rows per CPU second, the file's size, and the memory that each format takes.

python benchmarks/exports.py [--count 200000] [--kinds csv,xlsx,…] [--json]
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from monitor.records import Feed
from monitor.storage.schema import articles, assessments, entries, narrative_scores, revisions
from monitor.storage.store import SqlStore
from monitor.wiring.exports import KINDS, Request, export_rows
from monitor.wiring.parts import Clock, Places, read_answers

FIRST = datetime(2026, 1, 1, 9, tzinfo=UTC)
A_DAY = 20_000
SENTENCE = "Жители полуострова единогласно поддержали решение, сообщили власти города. "
FEEDS = [Feed(f"feed-{n}", f"https://feed-{n}.example/rss", outlet=f"Вести {n}", language="ru", kind="state") for n in range(40)]


class Sink:
    """Counts what it is given, and keeps nothing."""

    size = 0

    def write(self, piece: bytes) -> None:
        """Count a piece."""
        self.size += len(piece)


def fill_store(db_url: str, bundle: str, count: int) -> None:
    """Articles of 1,500 characters, each flagged for one narrative, ``A_DAY`` of them a day."""
    with SqlStore(db_url) as store:
        store.sync_feeds(FEEDS)
        for start in range(0, count, 5_000):
            numbers = range(start, min(count, start + 5_000))
            with store._begin() as connection:
                for table, make in ((articles, _article), (revisions, _revision), (entries, _entry)):
                    connection.execute(insert(table), [make(n) for n in numbers])
                heads = [
                    {"revision_id": n + 1, "bundle": bundle, "made_at": FIRST, "language": "ru", "flagged": True} for n in numbers
                ]
                connection.execute(insert(assessments), heads)
                connection.execute(insert(narrative_scores), [_score(n, bundle) for n in numbers])


def _common(n: int) -> dict[str, Any]:
    at = FIRST + timedelta(days=n // A_DAY)
    return {"article_id": f"{n:016x}", "feed_id": FEEDS[n % len(FEEDS)].id, "content_sha256": f"{n:064x}", "at": at}


def _article(n: int) -> dict[str, Any]:
    common = _common(n)
    at = common.pop("at")
    return common | {"identity": f"i{n}", "first_seen_at": at, "current_revision": 1, "body_chars": 1_500, "cluster": n + 1}


def _entry(n: int) -> dict[str, Any]:
    common = _common(n)
    return common | {"key": f"k{n}", "owns_article": True, "url": _url(n), "first_seen_at": common.pop("at")}


def _revision(n: int) -> dict[str, Any]:
    common = _common(n)
    at = common.pop("at")
    words = {"url": _url(n), "title": f"{SENTENCE}{n}", "summary": SENTENCE * 2, "text": SENTENCE * 20}
    return common | words | {"number": 1, "is_variant": False, "published_at": at, "published_how": "feed", "fetched_at": at}


def _url(n: int) -> str:
    return f"https://{FEEDS[n % len(FEEDS)].id}.example/{n}"


def _score(n: int, bundle: str) -> dict[str, Any]:
    evidence = [{"field": "title", "start": 0, "end": len(SENTENCE), "text": SENTENCE}]
    flags = {"stance": "promotes", "stance_score": 0.9, "is_carried": True, "flagged": True}
    told = {"narrative": "fake_loyalty", "score": 0.5 + (n % 500) / 1000, "evidence": evidence, "terms": []}
    return {"revision_id": n + 1, "bundle": bundle} | flags | told


def measure(places: Places, kind: str, last: date) -> dict[str, Any]:
    """One export, in a process of its own."""
    sink = Sink()
    begun = time.process_time()
    request = Request(kind, day=last, since=FIRST.date())
    exported = export_rows(places, Clock(lambda: FIRST, lambda: 0.0), request, sink)
    seconds = time.process_time() - begun
    rate = round(exported.rows / seconds)
    return {"kind": kind, "rows": exported.rows, "rows_per_s": rate, "mb": round(sink.size / 1e6), "peak_mb": read_peak_mb()}


def read_peak_mb() -> int:
    """The most memory that this process has had (Linux). ``getrusage`` would count that of the process which started it."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) // 1024


def main() -> None:
    """Fill a store, export it in every format, print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200_000)
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        db_url = f"sqlite:///{folder}/monitor.db"
        (Path(folder) / "feeds.yaml").write_text("feeds:\n  - {id: a, url: https://a.example/rss}\n", encoding="utf-8")
        places = Places(Path(folder) / "feeds.yaml", db_url, Path(folder) / "digests", None, Path.cwd())
        fill_store(db_url, read_answers(places)[0], chosen.count)
        last = (FIRST + timedelta(days=(chosen.count - 1) // A_DAY)).date()
        for kind in chosen.kinds.split(","):
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                found = pool.apply(measure, (places, kind, last))
            if chosen.json:
                print(json.dumps(found))
            else:
                print("{kind:13} {rows:>8} rows  {rows_per_s:>6} rows/s of CPU  {mb:>5} MB  peak {peak_mb:>4} MB".format(**found))


if __name__ == "__main__":
    main()
