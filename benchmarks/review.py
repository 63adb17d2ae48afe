"""The analysts' page with a long queue: ``python benchmarks/review.py [--items 100000] [--analysts 20] [--requests 2000]``.

Makes a store with that many open items, serves it with ``monitor review`` on one core, and lets all analysts ask at once without a
pause: first for pages of the queue, then for their whole work (decide, and get the next item). Prints latencies and CPU time.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import psutil
from sqlalchemy import insert

from monitor.review.passwords import hash_password
from monitor.storage.reviewstore import ReviewStore
from monitor.storage.schema import articles, assessments, feeds, narrative_scores, revisions
from monitor.storage.store import SqlStore
from monitor.wiring.parts import Places, read_answers

REPOSITORY = Path(__file__).resolve().parents[1]
PASSWORD = "a phrase for benchmarks"  # noqa: S105
NOW = datetime.now(UTC)
CHUNK = 5_000


def make_rows(first: int, count: int, bundle: str, narratives: list[str]) -> dict[Any, list[dict[str, Any]]]:
    """Articles with text, assessment and three scores each; one in five is flagged."""
    rows: dict[Any, list[dict[str, Any]]] = {table: [] for table in (articles, revisions, assessments, narrative_scores)}
    for number in range(first, first + count):
        dice = random.Random(number)  # noqa: S311
        seen = NOW - timedelta(minutes=dice.uniform(0, 60 * 24 * 30))
        article_id, flagged = f"{number:016x}", dice.random() < 0.2
        text = f"Жители посёлка {number} поддержали решение. " + "Утром был дождь, автобус опоздал на час. " * 30
        rows[articles].append({"id": number, "article_id": article_id, "identity": f"https://a.example/{number}", "feed_id": f"f{number % 30}", "first_seen_at": seen, "current_revision": 1, "content_sha256": article_id * 4, "body_chars": len(text), "cluster": number})  # fmt: skip  # noqa: E501
        rows[revisions].append({"id": number, "article_id": article_id, "number": 1, "feed_id": f"f{number % 30}", "is_variant": False, "url": f"https://a.example/{number}", "title": f"Собрание номер {number} приняло обращение", "summary": "", "text": text, "content_sha256": article_id * 4, "published_at": seen, "published_how": "feed", "fetched_at": seen})  # fmt: skip  # noqa: E501
        rows[assessments].append({"revision_id": number, "bundle": bundle, "made_at": seen, "language": "ru", "flagged": flagged})
        for k, narrative in enumerate(dice.sample(narratives, 3)):
            score = dice.uniform(0.9, 1) if flagged and k == 0 else dice.uniform(0.01, 0.6)
            evidence = [{"field": "text", "start": 0, "end": 40, "text": text[:40]}]
            rows[narrative_scores].append({"revision_id": number, "bundle": bundle, "narrative": narrative, "score": score, "stance": "promotes", "stance_score": 0.9, "is_carried": flagged and k == 0, "flagged": flagged and k == 0, "evidence": evidence, "terms": ["поддержали"]})  # fmt: skip  # noqa: E501
    return rows


def make_store(folder: Path, items: int, analysts: int) -> None:
    """A store with open items and accounts."""
    url = f"sqlite:///{folder / 'monitor.db'}"
    places = Places(None, url, folder / "digests", None, REPOSITORY, use_encoder=False)
    bundle, answers = read_answers(places)
    thresholds = answers.thresholds
    with SqlStore(url) as store, ReviewStore(url) as review:
        names = [
            {"feed_id": f"f{n}", "url": f"https://f{n}.example/rss", "outlet": f"Outlet {n}", "enabled": True} for n in range(30)
        ]
        with store._engine.begin() as connection:
            connection.execute(insert(feeds), names)
        for first in range(1, items + 1, CHUNK):
            rows = make_rows(first, min(CHUNK, items + 1 - first), bundle, list(thresholds))
            with store._engine.begin() as connection:
                for table, found in rows.items():
                    connection.execute(insert(table), found)
        begun = time.process_time()
        while review.fill_queue(bundle, thresholds=thresholds, seed="narrative-monitor", limit=2_000):
            pass
        print(f"queue of {sum(review.count_open().values()):,} items made in {time.process_time() - begun:.1f} CPU s")
        hashed = hash_password(PASSWORD)
        for number in range(analysts):
            review.add_account(f"analyst{number}", role="analyst", password_hash=hashed, created_at=NOW)


class Analyst:
    """One browser."""

    def __init__(self, base: str, number: int) -> None:
        self.base, self.name, self.view = base, f"analyst{number}", number
        self.http = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))
        self.csrf = ""
        self.took: list[float] = []

    async def ask(self, method: str, path: str, **form: str) -> tuple[str, str]:
        """Path and text of the page at which a request ends; its time is kept."""
        begun = time.perf_counter()
        data = {"csrf": self.csrf, **form} if method == "POST" else None
        async with self.http.request(method, f"{self.base}{path}", data=data) as answer:
            text = await answer.text()
        self.took.append(time.perf_counter() - begun)
        if answer.status != 200:
            raise RuntimeError(f"{method} {path}: {answer.status} {text[:300]}")
        self.csrf = re.search(r'name="csrf" value="(\w+)"', text).group(1)  # type: ignore[union-attr]
        return answer.url.path, text

    async def log_in(self) -> None:
        """As a browser does."""
        await self.ask("GET", "/login?lang=uk")
        await self.ask("POST", "/login?lang=uk", name=self.name, password=PASSWORD)

    async def read_queue(self, count: int) -> None:
        """Pages of the queue, each analyst with another order or filter, and on to the following page."""
        views = ("", "order=uncertain", "order=sample", "flagged=1", "language=ru", "order=uncertain&flagged=1")
        path = ""
        for number in range(count):
            if not path or number % 5 == 0:
                path = f"/queue?{views[(self.view + number) % len(views)]}"
            _, text = await self.ask("GET", path)
            found = re.search(r'rel="next" href="([^"]+)"', text)
            path = found.group(1).replace("&amp;", "&") if found else ""

    async def decide(self, count: int) -> None:
        """Decide, and get the next item."""
        path, text = await self.ask("GET", "/next")
        for number in range(count):
            fields = {name: re.search(rf'name="{name}" value="(\d+)"', text).group(1) for name in ("revision", "version")}  # type: ignore[union-attr]
            narrative = re.search(r'<option value="(\w+)" selected', text)
            answer = {"verdict": "confirm" if narrative and number % 3 else "reject", "stance": "promotes"}
            answer["narrative"] = narrative.group(1) if narrative else ""
            path, text = await self.ask("POST", f"{path}/decide", **fields, **answer)


async def drive(base: str, analysts: int, requests: int, server: psutil.Process) -> None:
    """All analysts at once."""
    crowd = [Analyst(base, number) for number in range(analysts)]
    await asyncio.gather(*(one.log_in() for one in crowd))
    each = max(1, requests // analysts)
    for what, work in (("queue pages", Analyst.read_queue), ("decisions with the next item", Analyst.decide)):
        for one in crowd:
            one.took.clear()
        cpu, begun = sum(server.cpu_times()[:2]), time.perf_counter()
        await asyncio.gather(*(work(one, each) for one in crowd))
        wall, used = time.perf_counter() - begun, sum(server.cpu_times()[:2]) - cpu
        took = sorted(1000 * second for one in crowd for second in one.took)
        p95 = took[int(0.95 * len(took))]
        print(
            f"{what}: {len(took):,} requests, median {statistics.median(took):.0f} ms, p95 {p95:.0f} ms, worst {took[-1]:.0f} ms; ",
            end="",
        )
        print(
            f"{len(took) / wall:.0f} a second, {1000 * used / len(took):.1f} CPU ms each, {server.memory_info().rss / 1e6:.0f} MB"
        )
    alone = crowd[0]
    alone.took.clear()
    await alone.read_queue(100)
    print(f"one analyst alone: queue page median {1000 * statistics.median(alone.took):.1f} ms")
    for one in crowd:
        await one.http.close()


def main() -> None:
    """Make, serve, drive."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--analysts", type=int, default=20)
    parser.add_argument("--requests", type=int, default=2_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_store(folder, options.items, options.analysts)
        cores = sorted(os.sched_getaffinity(0))
        command = [
            sys.executable,
            "-m",
            "monitor",
            "review",
            "--port",
            "0",
            "--no-encoder",
            "--db",
            f"sqlite:///{folder / 'monitor.db'}",
        ]
        with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as process:
            os.sched_setaffinity(process.pid, {cores[0]})
            os.sched_setaffinity(0, set(cores[1:]) or set(cores))
            try:
                base = process.stdout.readline().strip().rstrip("/")  # type: ignore[union-attr]
                asyncio.run(drive(base, options.analysts, options.requests, psutil.Process(process.pid)))
            finally:
                process.terminate()


if __name__ == "__main__":
    main()
