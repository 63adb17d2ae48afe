"""Years of daily runs in an hour, with everything going wrong that can: ``python -m benchmarks.soak [--days 500] [--feeds 40]``.

Simulates the days one by one: feeds on loopback (`benchmarks.soak_world`) publish, one or two runs a day visit them by a simulated
clock, in this process, so that leaks would show. At seeded moments a run is killed, the store locked, the disk full, the network
gone, the clock wrong, a digest folder blocked, another bundle in use. After every run its counts are held against the store and the
digest; at the end every item that the feeds served must be there once, the archive intact, memory and open files not grown, and the
digests of sample days the same when they are written again. Ends with 1 where something of this does not hold.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import json
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from benchmarks.soak_faults import FAULTS
from benchmarks.soak_runs import ZONE, Soak, ask, query, run_well
from benchmarks.soak_world import BORN
from monitor.wiring.articles import verify_evidence, write_digest_again
from monitor.wiring.parts import Clock, Places

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY = Path(__file__).resolve().parents[1]
START = BORN + timedelta(days=10)
FAULT_SHARE = 0.25
WARM_UP_DAYS = 10
MAX_GROWTH = 1.10
SAMPLE_DAYS = 20


def run_soak(folder: Path, *, days: int, feeds: int, seed: int, fault_share: float = FAULT_SHARE) -> dict[str, Any]:
    """The whole soak in an empty folder; gives the result as plain values."""
    begun, cpu = time.monotonic(), time.process_time()
    with _serve_world(feeds, seed) as url:
        soak = _set_up(folder, url, feeds, seed)
        for day in range(days):
            _live_day(soak, day, fault_share)
            if day % 10 == 9:
                _sample_memory(soak, day)
                print(_describe(soak, day, time.monotonic() - begun), flush=True)
        last = START + timedelta(days=days, hours=12)
        _switch_back(soak, last + timedelta(days=10))
        for hours in (0, 30, 60):  # what waits for a feed's next visit, or for its turn to be assessed, gets it
            run_well(soak, last + timedelta(hours=hours))
        _check_end(soak, json.loads(ask(f"{url}/served")))
    seconds = {"wall_s": round(time.monotonic() - begun, 1), "cpu_s": round(time.process_time() - cpu, 1)}
    return {"days": days, "feeds": feeds, "seed": seed, **seconds, **soak.counts, "problems": soak.problems, **_rate_growth(soak)}


def _describe(soak: Soak, day: int, seconds: float) -> str:
    _, rss, files = soak.memory[-1]
    return f"day {day + 1}: {seconds:.0f} s, {rss / 1e6:.0f} MB, {files} files, {dict(soak.counts)}"


@contextmanager
def _serve_world(feeds: int, seed: int) -> Iterator[str]:
    command = [sys.executable, "-m", "benchmarks.soak_world", "--feeds", str(feeds), "--seed", str(seed)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=REPOSITORY, text=True) as process:
        assert process.stdin is not None  # noqa: S101 - both are pipes
        assert process.stdout is not None  # noqa: S101
        try:
            yield process.stdout.readline().strip()
        finally:
            process.stdin.close()
            process.wait(timeout=10)


def _set_up(folder: Path, url: str, feeds: int, seed: int) -> Soak:
    listed = "".join(f"  - {{id: f{n}, url: '{url}/{n}.xml', timezone: Europe/Moscow}}\n" for n in range(feeds))
    fetch = "{min_delay_s: 0, per_host: 8, timeout_s: 10, allow_private_networks: true, full_text: never}"
    (folder / "feeds.yaml").write_text(
        f"settings:\n  contact: mailto:soak@example.org\n  timezone: {ZONE}\n  fetch: {fetch}\n"
        f"  assess: {{rescore_s: 20}}\nfeeds:\n{listed}",
        encoding="utf-8",
    )
    models = REPOSITORY / "models"
    first = models / (models / "CURRENT").read_text("utf-8").strip()
    second = _make_variant(first, folder)
    db = f"sqlite:///{folder / 'monitor.db'}?timeout=0.5"
    places = Places(
        folder / "feeds.yaml", db, folder / "digests", str(first), REPOSITORY, use_encoder=False, archive=folder / "archive"
    )
    return Soak(folder, places, (first, second), random.Random(seed), url)  # noqa: S311 - reproducible, not secret


def _make_variant(bundle: Path, folder: Path) -> Path:
    """Another bundle: the same with slightly lower thresholds."""
    aside = folder / "variant"
    shutil.copytree(bundle, aside)
    settings = json.loads((aside / "bundle.json").read_text("utf-8"))
    settings["thresholds"] = {name: round(0.98 * value, 4) for name, value in settings["thresholds"].items()}
    (aside / "bundle.json").write_text(json.dumps(settings), "utf-8")
    lines = (aside / "SHA256SUMS").read_text("ascii").splitlines()
    names = [line.split("  ")[1] for line in lines]
    sums = "".join(f"{hashlib.sha256((aside / name).read_bytes()).hexdigest()}  {name}\n" for name in names).encode()
    (aside / "SHA256SUMS").write_bytes(sums)
    final = folder / f"{bundle.name.split('-')[0]}-{hashlib.sha256(sums).hexdigest()[:12]}"
    aside.rename(final)
    return final


def _live_day(soak: Soak, day: int, fault_share: float) -> None:
    """The runs of one day, with what goes wrong."""
    soak.counts["days"] += 1
    hours = sorted(soak.dice.sample(range(6, 24), 2 if soak.dice.random() < 0.3 else 1))
    for hour in hours:
        now = START + timedelta(days=day, hours=hour, minutes=soak.dice.randrange(60))
        _switch_back(soak, now)
        fault = _choose_fault(soak) if day and soak.dice.random() < fault_share else None
        if fault is None:
            run_well(soak, now)
        else:
            soak.counts[f"fault: {fault}"] += 1
            FAULTS[fault](soak, now)


def _choose_fault(soak: Soak) -> str:
    """The next fault: all have their turn, in an order of chance."""
    soak.turns = soak.turns or soak.dice.sample(list(FAULTS), len(FAULTS))
    return soak.turns.pop()


def _switch_back(soak: Soak, now: datetime) -> None:
    if soak.bundle_until is not None and now >= soak.bundle_until:
        soak.bundle_until = None
        soak.places = replace(soak.places, bundle=str(soak.bundles[0]))


def _sample_memory(soak: Soak, day: int) -> None:
    gc.collect()
    process = psutil.Process()
    soak.memory.append((day, process.memory_info().rss, process.num_fds()))


def _rate_growth(soak: Soak) -> dict[str, Any]:
    """Medians of memory and open files in the first and the second half, behind some days in which caches fill."""
    settled = [sample for sample in soak.memory if sample[0] >= WARM_UP_DAYS]
    if len(settled) < 4:
        return {}
    half = len(settled) // 2
    found: dict[str, Any] = {}
    for at, name in ((1, "rss_mb"), (2, "open_files")):
        halves = [statistics.median(sample[at] for sample in part) for part in (settled[:half], settled[half:])]
        found[name] = [round(value / (1e6 if at == 1 else 1), 1) for value in halves]
        if halves[1] > halves[0] * MAX_GROWTH:
            soak.note(f"{name} grew from {halves[0]} to {halves[1]}")
    return found


def _check_end(soak: Soak, served: dict[str, list[str]]) -> None:
    stored = Counter((feed, key) for feed, key in query(soak, "SELECT feed_id, key FROM entries"))
    expected = {(f"f{feed}", key) for feed, keys in served.items() for key in keys}
    soak.counts |= Counter({"served": len(expected), "entries": len(stored), **_count_articles(soak)})
    if lost := expected - set(stored):
        soak.note(f"{len(lost)} items were lost, as {sorted(lost)[:5]}")
    if doubled := [entry for entry, times in stored.items() if times > 1]:
        soak.note(f"{len(doubled)} items are there twice, as {doubled[:5]}")
    for name, sql in _NEVER.items():
        if (found := query(soak, sql)[0][0]) not in {0, "ok"}:
            soak.note(f"{name}: {found}")
    verification = verify_evidence(soak.places, lambda _: None)
    soak.counts["archived"] = verification.records
    if not verification.is_intact:
        soak.note(f"the archive is damaged: {verification.problems[:3]}")
    _check_digests_again(soak)


def _count_articles(soak: Soak) -> dict[str, int]:
    return {name: query(soak, f"SELECT count(*) FROM {name}")[0][0] for name in ("articles", "revisions", "assessments", "visits")}  # noqa: S608


_NEVER = {
    "articles with the same address": "SELECT count(*) - count(DISTINCT identity) FROM articles",
    "entries without an article": "SELECT count(*) FROM entries WHERE article_id NOT IN (SELECT article_id FROM articles)",
    "articles without a revision": "SELECT count(*) FROM articles WHERE article_id NOT IN (SELECT article_id FROM revisions)",
    "revisions without an assessment": "SELECT count(*) FROM revisions WHERE NOT is_variant AND id NOT IN "
    "(SELECT revision_id FROM assessments)",
    "the store's integrity": "PRAGMA integrity_check",
}


def _check_digests_again(soak: Soak) -> None:
    """Digests of sample days, written again elsewhere by the bundle that wrote them, have the same bytes."""
    days = sorted(soak.written)
    for day in soak.dice.sample(days, min(SAMPLE_DAYS, len(days))):
        before = _read_digest(soak.places.digests / day.isoformat())
        again = replace(soak.places, digests=soak.folder / "again", bundle=soak.written[day])
        write_digest_again(again, Clock(lambda: START, time.monotonic), day)
        after = _read_digest(again.digests / day.isoformat())
        soak.counts["digests written again"] += 1
        if day in soak.unsettled:  # its trends had less to go by
            before, after = ({name: files.get(name, b"") for name in _ROWS} for files in (before, after))
        if differing := [name for name in sorted(before | after) if before.get(name) != after.get(name)]:
            soak.note(f"the digest of {day} is another when it is written again: {', '.join(differing)}")


_ROWS = ("digest.csv", "digest.jsonl")


def _read_digest(folder: Path) -> dict[str, bytes]:
    found = folder.iterdir() if folder.is_dir() else ()
    return {path.name: path.read_bytes() for path in found if path.name != "run.json" and not path.name.startswith(".")}


def main() -> int:
    """Run a soak and say what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=500)
    parser.add_argument("--feeds", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="Where to write the result, too.")
    parser.add_argument("--keep", type=Path, help="An empty folder to work in, and to leave; else a temporary one.")
    given = parser.parse_args()
    with nullcontext(given.keep) if given.keep else tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        result = run_soak(folder.resolve(), days=given.days, feeds=given.feeds, seed=given.seed)
    text = json.dumps(result, indent=1, ensure_ascii=False)
    if given.json:
        given.json.write_text(text + "\n", encoding="utf-8")
    print(text)
    return 1 if result["problems"] else 0


if __name__ == "__main__":
    sys.exit(main())
