"""Clusters of near copies: recall, precision, articles per CPU second with the store, memory, and what a day costs over a year.

python benchmarks/copies.py [--count 100000] [--days 365] [--seed 1] [--json]
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select

from monitor.records import (
    Feed,
)
from monitor.stages.copies import MIN_SIMILARITY
from monitor.storage.schema import articles, revisions
from monitor.storage.store import SqlStore

if TYPE_CHECKING:
    from collections.abc import Iterator

START = datetime(2026, 1, 1, tzinfo=UTC)
A_DAY = 300


class Writer:
    """Writes articles of a made-up language whose words are as unequally frequent as real ones, and variants of them."""

    def __init__(self, seed: int) -> None:
        self.drawn = random.Random(seed)  # noqa: S311 - a benchmark
        letters = "оеаинтсрвлкмдпу"
        self.words = ["".join(self.drawn.choices(letters, k=self.drawn.randint(2, 9))) for _ in range(40_000)]
        self.weights = list(accumulate(1 / (n + 3) for n in range(len(self.words))))

    def write(self) -> list[str]:
        """An article's words."""
        return self.drawn.choices(self.words, cum_weights=self.weights, k=self.drawn.randint(120, 350))

    def vary(self, words: list[str]) -> list[str]:
        """A variant: some words replaced, a line put before it, or its end cut off; near copies and others."""
        varied, share = list(words), self.drawn.choice((0.0, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1))
        for position in range(len(varied)):
            if self.drawn.random() < share:
                varied[position] = self.drawn.choice(self.words)
        kind = self.drawn.random()
        if kind < 0.3:
            varied = self.drawn.choices(self.words, k=8) + varied
        elif kind < 0.5:
            varied = varied[: int(len(varied) * self.drawn.uniform(0.7, 1.0))]
        return varied


def make_families(writer: Writer, count: int) -> list[tuple[int, list[str]]]:
    """Articles with the number of their family, in random order."""
    made: list[tuple[int, list[str]]] = []
    family = 0
    while len(made) < count:
        original = writer.write()
        made.append((family, original))
        made += [(family, writer.vary(original)) for _ in range(min(int(writer.drawn.expovariate(0.5)), 12))]
        family += 1
    writer.drawn.shuffle(made)
    return made[:count]


def find_truth(made: list[tuple[int, list[str]]]) -> list[int]:
    """The true cluster of each: what chains of near copies join within a family, by plain sets of words."""
    members: dict[int, list[int]] = {}
    for position, (family, _) in enumerate(made):
        members.setdefault(family, []).append(position)
    truth = list(range(len(made)))
    for positions in members.values():
        sets = {p: set(zip(made[p][1], made[p][1][1:], made[p][1][2:], strict=False)) for p in positions}
        for i, one in enumerate(positions):
            for other in positions[:i]:
                common = len(sets[one] & sets[other])
                if common >= MIN_SIMILARITY * (len(sets[one]) + len(sets[other]) - common):
                    low, high = sorted((truth[one], truth[other]))
                    for p in positions:
                        truth[p] = low if truth[p] == high else truth[p]
    return truth


def count_pairs(labels: Counter[Any]) -> int:
    """Pairs within groups of these sizes."""
    return sum(size * (size - 1) // 2 for size in labels.values())


def store_articles(store: SqlStore, texts: list[list[str]], *, first: int, at: datetime) -> None:
    """Put articles into the store as they are, without feeds' documents."""
    rows = [
        {"article_id": f"{first + n:016x}", "identity": f"https://a.example/{first + n}", "feed_id": "f", "first_seen_at": at,
         "current_revision": 1, "content_sha256": "", "body_chars": 1} for n in range(len(texts))
    ]  # fmt: skip
    texts_of = [
        {"article_id": row["article_id"], "number": 1, "feed_id": "f", "is_variant": False, "url": None, "title": "", "summary": "",
         "text": " ".join(words), "content_sha256": "", "published_at": at, "published_how": "stated", "fetched_at": at}
        for row, words in zip(rows, texts, strict=True)
    ]  # fmt: skip
    with store._engine.begin() as connection:
        connection.execute(insert(articles), rows)
        connection.execute(insert(revisions), texts_of)


def cluster_all(store: SqlStore) -> float:
    """Cluster what is pending; gives CPU seconds."""
    begun = time.process_time()
    while store.cluster_pending():
        pass
    return time.process_time() - begun


def measure_quality(folder: Path, count: int, seed: int) -> dict[str, float]:
    """Recall and precision over pairs, speed, memory."""
    writer = Writer(seed)
    made = make_families(writer, count)
    truth = find_truth(made)
    with SqlStore(f"sqlite:///{folder / 'quality.db'}") as store:
        store.sync_feeds([Feed("f", "https://a.example/rss", "F")])
        for start in range(0, count, 5_000):
            store_articles(store, [words for _, words in made[start : start + 5_000]], first=start, at=START)
        seconds = cluster_all(store)
        with store._engine.begin() as connection:
            found = list(connection.execute(select(articles.c.cluster).order_by(articles.c.id)).scalars())
    common = count_pairs(Counter(zip(truth, found, strict=True)))
    return {
        "articles": count,
        "true_pairs": count_pairs(Counter(truth)),
        "recall": common / count_pairs(Counter(truth)),
        "precision": common / count_pairs(Counter(found)),
        "articles_per_cpu_second": count / seconds,
        "peak_mb_with_the_texts": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_000,
    }


def iterate_days(folder: Path, days: int, seed: int) -> Iterator[float]:
    """CPU seconds of each day's articles."""
    writer = Writer(seed)
    with SqlStore(f"sqlite:///{folder / 'year.db'}") as store:
        store.sync_feeds([Feed("f", "https://a.example/rss", "F")])
        for day in range(days):
            texts = [words for _, words in make_families(writer, A_DAY)]
            at = START + timedelta(days=day)
            store_articles(store, texts, first=day * A_DAY, at=at)
            yield cluster_all(store)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures: dict[str, float] = measure_quality(Path(folder), given.count, given.seed)
        days = list(iterate_days(Path(folder), given.days, given.seed + 1))
    # The memory fills during the first 30 days; ten days each way smooth the noise of a shared machine.
    early, late = sorted(days[1:21])[10], sorted(days[-20:])[10]
    figures |= {"ms_a_day_first_days": early * 1_000, "ms_a_day_last_days": late * 1_000, "last_to_first": late / early}
    if given.json:
        print(json.dumps(figures, indent=1))
    else:
        for name, value in figures.items():
            print(f"{name:28} {value:,.4f}" if isinstance(value, float) else f"{name:28} {value:,}")


if __name__ == "__main__":
    main()
