"""A Dask cluster against the processes of one machine: ``python -m benchmarks.cluster [--articles 200000] [--folder DIR]``.

Makes two equal stores of articles of 50 words that wait for the bundle. One is assessed by two processes of this machine, the
other one by a scheduler and two worker processes of one thread, of which one is killed when half is done. Compares both stores
row for row, and what was assessed in a second of a worker's time. The first stage alone answers (``--no-encoder``).
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from benchmarks.feed_farm import RUSSIAN, SMALL
from tests.functional.dask_cluster import serve_cluster

REPOSITORY = Path(__file__).resolve().parents[1]
WORKERS = 2
FEEDS = "feeds:\n  - {id: agency, url: 'https://agency.example/rss'}\n"
TABLES = {"assessments": "bundle, revision_id", "narrative_scores": "bundle, revision_id, narrative", "assessed_ranges": "bundle"}
# When an assessment was made is the only thing that may differ.
COLUMNS = {"assessments": "revision_id, bundle, language, flagged, failure"}


def write_articles(path: Path, count: int) -> None:
    """JSON Lines of word salad."""
    words = f"{RUSSIAN} {SMALL}".split()
    with path.open("w", encoding="utf-8") as file:
        for number in range(count):
            dice = random.Random(number)  # noqa: S311 - reproducible, not secret
            row = {
                "url": f"https://old.example/{number}",
                "title": f"{' '.join(dice.choices(words, k=8))} {number}",
                "text": " ".join(dice.choices(words, k=42)),
                "date": f"2025-{1 + number % 12:02}-{1 + number % 28:02}",
            }
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


def start(folder: Path, store: str, *words: str) -> subprocess.Popen[str]:
    """A command on one of the stores."""
    common = ["--db", f"sqlite:///{folder / store}", "--feeds", str(folder / "feeds.yaml"), "--no-encoder", "--json"]
    return subprocess.Popen([sys.executable, "-m", "monitor", *words, *common], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen[str]) -> dict[str, Any]:
    """What it printed."""
    said, _ = process.communicate()
    if process.returncode:
        raise SystemExit(f"exit code {process.returncode}")
    report: dict[str, Any] = json.loads(said)
    return report


def count_assessed(folder: Path, store: str) -> int:
    """How many are done so far."""
    with closing(sqlite3.connect(folder / store, timeout=30)) as connection:
        return int(connection.execute("SELECT count(*) FROM assessments").fetchone()[0])


def assess_on_cluster(folder: Path, articles: int) -> dict[str, Any]:
    """With two workers until half is done, then with one."""
    with serve_cluster(folder, WORKERS) as (address, workers):
        begun = time.perf_counter()
        process = start(folder, "cluster.db", "rescore", "--engine", "dask", "--scheduler", address)
        while process.poll() is None and count_assessed(folder, "cluster.db") < articles // 2:
            time.sleep(1)
        workers[0].kill()
        killed = time.perf_counter() - begun
        report = finish(process)
        took = time.perf_counter() - begun
    return report | {"killed_after_s": round(killed, 1), "worker_s": round(WORKERS * killed + (WORKERS - 1) * (took - killed), 1)}


def find_differences(folder: Path) -> dict[str, int]:
    """Rows of each table that are not in the other store as they are in this one."""
    with closing(sqlite3.connect(folder / "local.db")) as connection:
        connection.execute("ATTACH ? AS other", (str(folder / "cluster.db"),))
        found = {}
        for table in TABLES:
            columns = COLUMNS.get(table, "*")
            one, other = f"SELECT {columns} FROM main.{table}", f"SELECT {columns} FROM other.{table}"  # noqa: S608
            query = f"SELECT count(*) FROM ({one} EXCEPT {other}) UNION ALL SELECT count(*) FROM ({other} EXCEPT {one})"  # noqa: S608
            found[table] = sum(row[0] for row in connection.execute(query))
        return found


def main() -> None:
    """Measure, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--articles", type=int, default=200_000)
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        (folder / "feeds.yaml").write_text(FEEDS, encoding="utf-8")
        write_articles(folder / "old.jsonl", options.articles)
        read = finish(start(folder, "local.db", "backfill", str(folder / "old.jsonl"), "--no-assess"))
        shutil.copyfile(folder / "local.db", folder / "cluster.db")
        begun = time.perf_counter()
        local = finish(start(folder, "local.db", "rescore", "--jobs", str(WORKERS)))
        local["worker_s"] = round(WORKERS * (time.perf_counter() - begun), 1)
        print(json.dumps({"read": read, "local": local}, indent=1), flush=True)
        cluster = assess_on_cluster(folder, options.articles)
        ratio = (cluster["assessed"] / cluster["worker_s"]) / (local["assessed"] / local["worker_s"])
        found = {"cluster": cluster, "throughput_per_worker_ratio": round(ratio, 3), "different_rows": find_differences(folder)}
    print(json.dumps(found, indent=1))
    if any(found["different_rows"].values()) or cluster["pending"]:
        raise SystemExit("the cluster's answers are not those of this machine")


if __name__ == "__main__":
    main()
