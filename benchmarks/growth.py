"""What things cost as the store grows: ``python -m benchmarks.growth [--sizes 1000 … 1000000] [--folder DIR] [--out FILE]``.

For each size a store is made (two thousand articles a day of 40 outlets, 150 words each of a vocabulary of 30,000 in which
few words are frequent; kept in DIR) and measured, each in a process of its own: `monitor run` over 40 feeds of 20 new items
and again with 304 answers, against the same on an empty store; the day's digest; searches; putting a day's articles into
clusters; pages of the review queue. Seconds are CPU seconds where not said otherwise.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import delete, select, text, update

from benchmarks.digest import CODE
from benchmarks.feed_farm import run_farm
from monitor.codebook import load_codebook
from monitor.config import load_config
from monitor.decisions import ORDERS, Filters
from monitor.storage.engine import open_engine
from monitor.storage.queue import Sweep
from monitor.storage.reviewstore import ReviewStore
from monitor.storage.schema import articles, copy_bands, copy_texts
from monitor.storage.store import SqlStore
from monitor.wiring.parts import Places, read_answers
from tests.filled_store import Plan, fill_store

REPOSITORY = Path(__file__).resolve().parents[1]
MODELS = REPOSITORY / "models"
LAST_DAY = date(2026, 5, 29)  # a Friday: at weekends there is less
FEEDS = 40
SIZES = (1_000, 10_000, 100_000, 1_000_000)
SYLLABLES = [
    "ба",
    "ве",
    "ги",
    "до",
    "жу",
    "за",
    "ки",
    "ло",
    "му",
    "не",
    "по",
    "ра",
    "со",
    "ту",
    "фи",
    "хо",
    "це",
    "ша",
    "ще",
    "яр",
    "лен",
    "мор",
    "сти",
    "кра",
    "вод",
    "гор",
    "дал",
    "зим",
    "лет",
    "рек",
]


def make_vocabulary(words: int = 30_000) -> tuple[str, ...]:
    """Words of two to four syllables, no two alike, in a fixed order."""
    dice = random.Random(7)  # noqa: S311 - reproducible, not secret
    found: dict[str, None] = {}
    while len(found) < words:
        found["".join(dice.choices(SYLLABLES, k=dice.randint(2, 4)))] = None
    return tuple(found)


def make_store(folder: Path, size: int, per_day: int = 2_000) -> str:
    """The URL of a store of about ``size`` articles as runs leave them, with a review queue; made if it is not there."""
    path = folder / f"growth-{size}.db"
    url = f"sqlite:///{path}"
    if path.is_file():
        return url
    aside = folder / "growth-unfinished.db"
    for leftover in folder.glob(f"{aside.name}*"):
        leftover.unlink()
    days = max(1, round(size / (per_day * (5 + 2 * 0.65) / 7)))
    words = make_vocabulary()
    bundle, facts = read_answers(Places(None, url, folder, None, REPOSITORY))
    plan = Plan(
        first_day=LAST_DAY - timedelta(days=days - 1),
        days=days,
        per_day=min(per_day, size),
        bundle=bundle,
        body_words=150,
        narratives=tuple(one.id for one in load_codebook(MODELS / "codebook.yaml").narratives),
        words=words,
        weights=tuple(1 / (rank + 2.7) for rank in range(len(words))),
    )
    aside_url = f"sqlite:///{aside}"
    fill_store(aside_url, plan)
    finish_store(aside_url, bundle, facts.thresholds)
    aside.rename(path)
    return url


def finish_store(url: str, bundle: str, thresholds: Any) -> None:
    """Do what runs and the review page would have done by now."""
    recent = datetime.combine(LAST_DAY - timedelta(days=30), datetime.min.time(), UTC)
    engine = open_engine(url)
    with engine.begin() as connection:
        connection.execute(update(articles).where(articles.c.first_seen_at >= recent).values(cluster=None))
    with SqlStore(url) as store:
        store.index_text()
        while store.cluster_pending():
            pass
        store.settle_assessments(bundle)
    with ReviewStore(url) as review:
        sweep = Sweep()
        while review.fill_queue(bundle, thresholds=thresholds, seed="narrative-monitor", limit=2_000, sweep=sweep):
            pass
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))
        connection.execute(text("PRAGMA journal_mode = DELETE"))
    engine.dispose()


def write_feeds(path: Path, addresses: list[str]) -> None:
    """Forty feeds, by the names that they have in the store."""
    line = "  - {{id: feed-{n:02}, url: '{url}', outlet: 'Outlet {n:02}', language: ru}}\n"
    listed = "".join(line.format(n=n, url=url) for n, url in enumerate(addresses))
    settings = "settings: {fetch: {min_delay_s: 0, allow_private_networks: true, full_text: never}}\n"
    path.write_text(f"{settings}feeds:\n{listed}", encoding="utf-8")
    load_config(path)


def call(*words: str) -> dict[str, Any]:
    """What a command of `monitor` used, in a process of its own."""
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    begun = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", CODE, *words], cwd=REPOSITORY, env=environment, capture_output=True, check=True)
    used: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return used | {"wall_s": time.perf_counter() - begun}


def measure_run(db_url: str, folder: Path, day: int) -> dict[str, Any]:
    """A run over new items, and one an hour later in which nothing is new."""
    now = datetime.combine(LAST_DAY + timedelta(days=day), datetime.min.time(), UTC) + timedelta(hours=9)
    places = ["--db", db_url, "--digests", str(folder / "digests"), "--archive", str(folder / "archive")]
    with run_farm(FEEDS, seed=int(time.time())) as addresses:
        write_feeds(folder / "feeds.yaml", addresses)
        words = ["run", "--feeds", str(folder / "feeds.yaml"), *places, "--now"]
        cold = call(*words, now.isoformat())
        report = json.loads((folder / "digests" / now.date().isoformat() / "run.json").read_text(encoding="utf-8"))
        again = call(*words, (now + timedelta(hours=12)).isoformat())
    new = report["entries"]["new"]
    if new < FEEDS * 15 or report["assessments"]["pending"] or report["errors"]:
        raise SystemExit(f"not what was to be measured: {report}")
    rest = sum(seconds for stage, seconds in report["seconds"].items() if stage in {"store", "digest"})
    return {"cold": cold, "again": again, "new": new, "store_and_digest_s": rest}


def compare_runs(db_url: str, folder: Path, rounds: int) -> dict[str, Any]:
    """Runs on this store and on an empty one, in turn; the medians, and how many times as much this one costs."""
    found: dict[str, list[dict[str, Any]]] = {"empty": [], "this": []}
    for number in range(1, rounds + 2):
        for which, results in found.items():
            place = folder / f"{which}-{number}"
            place.mkdir()
            url = db_url if which == "this" else f"sqlite:///{place / 'monitor.db'}"
            result = measure_run(url, place, number)
            if number > 1:  # the first one compiles, and counts the days of the window
                results.append(result)
    figures: dict[str, Any] = {}
    for kind in ("cold", "again"):
        for what in ("cpu_s", "wall_s", "peak_mb"):
            values = {which: statistics.median(one[kind][what] for one in results) for which, results in found.items()}
            figures[f"run_{kind}_{what}"] = values["this"]
            figures[f"run_{kind}_{what}_ratio"] = values["this"] / values["empty"]
    stored = {which: statistics.median(one["store_and_digest_s"] for one in results) for which, results in found.items()}
    return figures | {"run_store_and_digest_s": stored["this"], "run_store_and_digest_s_ratio": stored["this"] / stored["empty"]}


def measure_search(db_url: str) -> dict[str, float]:
    """Milliseconds of searches in an open store: frequent, middling and rare words, two words, phrases, beginnings."""
    from monitor.reports import SearchFilters  # noqa: PLC0415
    from monitor.stages.searchquery import parse_query  # noqa: PLC0415

    words = make_vocabulary()
    queries = [
        *(words[rank] for rank in (0, 1, 5, 20, 100, 500, 1_000, 5_000, 20_000, 29_000)),
        *(f"{words[a]} {words[b]}" for a, b in ((0, 1), (3, 50), (100, 200), (10, 5_000))),
        *(f'"{words[a]} {words[b]}"' for a, b in ((0, 1), (2, 9), (5, 100))),
        *(f"{words[rank][:5]}*" for rank in (10, 400, 9_000)),
    ]
    bundle = read_answers(Places(None, db_url, Path(), None, REPOSITORY))[0]
    took: dict[str, list[float]] = {"newest": [], "rank": []}
    with SqlStore(db_url, must_exist=True) as store:
        for order, times in took.items():
            for query in queries:
                begun = time.perf_counter()
                store.search(parse_query(query), SearchFilters(), bundle=bundle, limit=20, by_rank=order == "rank")
                times.append(1000 * (time.perf_counter() - begun))
    return {
        "search_median_ms": statistics.median(took["newest"]),
        "search_worst_ms": max(took["newest"]),
        "search_by_rank_median_ms": statistics.median(took["rank"]),
        "search_by_rank_worst_ms": max(took["rank"]),
    }


def measure_queue(db_url: str) -> dict[str, float]:
    """Milliseconds of pages of the review queue in an open store, in each of its orders."""
    with ReviewStore(db_url) as review:
        took = []
        for order in ORDERS[:3]:
            for _ in range(5):
                begun = time.perf_counter()
                review.load_page(order, Filters(), account_id=1, after=None, limit=50)
                took.append(1000 * (time.perf_counter() - begun))
        begun = time.perf_counter()
        open_items = sum(review.count_open().values())
        counted = 1000 * (time.perf_counter() - begun)
    return {"queue_items": open_items, "queue_page_median_ms": statistics.median(took), "queue_count_ms": counted}


def measure_clusters(db_url: str, folder: Path) -> dict[str, float]:
    """Seconds of putting the last day's articles into clusters again, in a copy of the store."""
    copy = folder / "copy.db"
    shutil.copyfile(db_url.removeprefix("sqlite:///"), copy)
    url = f"sqlite:///{copy}"
    engine = open_engine(url)
    start = datetime.combine(LAST_DAY, datetime.min.time(), UTC)
    with engine.begin() as connection:
        rows = connection.execute(select(articles.c.id).where(articles.c.first_seen_at >= start)).scalars().all()
        connection.execute(update(articles).where(articles.c.id >= min(rows)).values(cluster=None))
        for table in (copy_texts, copy_bands):
            connection.execute(delete(table).where(table.c.article >= min(rows)))
    engine.dispose()
    begun = time.process_time()
    with SqlStore(url) as store:
        while store.cluster_pending():
            pass
    used = time.process_time() - begun
    copy.unlink()
    return {"cluster_articles": len(rows), "cluster_s": used}


def measure_digest(db_url: str, folder: Path) -> dict[str, float]:
    """The last day's digest, written again."""
    words = ["digest", "--db", db_url, "--digests", str(folder / "digests-again"), "--day", LAST_DAY.isoformat()]
    call(*words)
    used = call(*words)
    return {"digest_cpu_s": used["cpu_s"], "digest_peak_mb": used["peak_mb"]}


def measure_size(folder: Path, size: int, rounds: int) -> dict[str, Any]:
    """All figures of one size."""
    begun = time.perf_counter()
    db_url = make_store(folder, size)
    figures: dict[str, Any] = {"articles": size, "made_in_s": round(time.perf_counter() - begun)}
    figures["store_mb"] = Path(db_url.removeprefix("sqlite:///")).stat().st_size / 1e6
    with tempfile.TemporaryDirectory(dir=folder) as name:
        place = Path(name)
        figures |= measure_search(db_url) | measure_queue(db_url) | measure_digest(db_url, place)
        figures |= measure_clusters(db_url, place) | compare_runs(db_url, place, rounds)
    return {name: round(value, 3) if isinstance(value, float) else value for name, value in figures.items()}


def draw(found: list[dict[str, Any]], path: Path) -> None:
    """The curves, against the number of articles."""
    import matplotlib as mpl  # noqa: PLC0415

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    curves = {
        "run, 800 new articles (CPU s)": "run_cold_cpu_s",
        "run, nothing new (CPU s)": "run_again_cpu_s",
        "digest (CPU s)": "digest_cpu_s",
        "clusters of a day (CPU s)": "cluster_s",
        "search, median (s)": "search_median_ms",
        "queue page, median (s)": "queue_page_median_ms",
    }
    figure, axes = plt.subplots(figsize=(8, 5), layout="constrained")
    sizes = [one["articles"] for one in found]
    for label, name in curves.items():
        scale = 0.001 if name.endswith("_ms") else 1
        axes.plot(sizes, [one[name] * scale for one in found], marker="o", label=label)
    axes.set(
        xscale="log", yscale="log", xlabel="articles in the store", ylabel="seconds", title="What things cost as the store grows"
    )
    axes.grid(visible=True, alpha=0.3)
    axes.legend(fontsize="small", loc="center left", bbox_to_anchor=(1, 0.5))
    figure.savefig(path)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="Where stores are made and kept.")
    parser.add_argument("--out", type=Path, help="A .json file for the figures; a picture is drawn beside it.")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        found = []
        for size in options.sizes:
            found.append(measure_size(folder.resolve(), size, options.rounds))
            print(json.dumps(found[-1], indent=1), flush=True)
            if options.out:
                options.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
                draw(found, options.out.with_suffix(".svg"))


if __name__ == "__main__":
    main()
