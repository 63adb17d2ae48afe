"""What reading feeds costs: this project's run beside `reader`, the nearest feed library, on the same feeds.

    python benchmarks/ingestion.py [--feeds 500] [--rounds 3] [--json]
    python benchmarks/ingestion.py --feeds 5000 --rounds 1 --sides reader,monitor     # memory
    python benchmarks/ingestion.py --profile cold                                     # where the time of ours goes

Sides: ``reader`` (``update_feeds`` into SQLite on disk), ``monitor`` (a run that assesses nothing) and ``assess`` (a whole run).
Each is first cold (an empty store), then warm (every server answers 304); every visit is a process of its own, the sides take
turns, and what is measured is CPU time with children's, so that other work on the machine matters little. ``start`` is
what comes before the first feed: imports and, where it assesses, the bundle. ``digest`` is the day's files, which only ours has.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import importlib
import importlib.metadata
import importlib.util
import json
import os
import pstats
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from feed_farm import ITEMS, run_farm

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from monitor.pipeline.parts import Parts
    from monitor.reports import (
        AssessmentCounts,
    )
    from monitor.wiring.parts import Places

READER = "3.26"
SIDES = ("reader", "monitor", "assess")
PHASES = ("cold", "warm")


class Meter:
    """CPU seconds, with children's, from mark to mark."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = 0.0  # from the beginning of the process, so that the interpreter's start counts

    def mark(self, name: str) -> None:
        """Give the time since the last mark a name."""
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        now = time.process_time() + children.ru_utime + children.ru_stime
        self.seconds[name] = round(self.seconds.get(name, 0.0) + now - self._last, 4)
        self._last = now


def read_peak_mb() -> float:
    """The most memory that this process has had so far, in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1_000_000 if sys.platform == "darwin" else 1_000), 1)


def visit_with_reader(folder: Path, urls: Sequence[str], meter: Meter) -> int:
    """One ``update_feeds``, as its documentation has it; gives the number of entries in its store."""
    lend_sgmllib()
    from reader import make_reader  # noqa: PLC0415 - each side imports only its own
    from reader._vendor import feedparser as _  # noqa: F401, PLC0415 - what it imports later belongs to the start

    meter.mark("start")
    with make_reader(str(folder / "reader.db")) as reader:
        for url in urls:
            reader.add_feed(url, exist_ok=True)
        meter.mark("add")  # ours has the same in `config` and `work`
        began = datetime.now(UTC)
        reader.update_feeds(scheduled=False)  # else those of the last hour are left out
        meter.mark("work")
        missed = [f for f in reader.get_feeds() if f.last_exception or f.last_retrieved is None or f.last_retrieved < began]
        if missed:
            raise SystemExit(f"`reader` left out or failed {len(missed)} feeds; the figures would not be comparable")
        return reader.get_entry_counts().total or 0


def lend_sgmllib() -> None:
    """`reader` holds a copy of feedparser that imports ``sgmllib``; newer feedparsers install it under another name."""
    if importlib.util.find_spec("sgmllib") is None:
        sys.modules["sgmllib"] = importlib.import_module("feedparser_sgmllib")


def visit_with_monitor(folder: Path, urls: Sequence[str], meter: Meter, *, assesses: bool) -> int:
    """One run; gives the number of entries that it read."""
    from monitor import readers as _readers  # noqa: F401, PLC0415 - imports belong to the start
    from monitor.archive import writer as _writer  # noqa: F401, PLC0415
    from monitor.fetch import client as _client  # noqa: F401, PLC0415
    from monitor.pipeline import run as _run  # noqa: F401, PLC0415
    from monitor.pipeline.parts import Parts  # noqa: PLC0415
    from monitor.storage import store as _store  # noqa: F401, PLC0415
    from monitor.wiring import parts as opened  # noqa: PLC0415

    feeds_file = folder / "feeds.yaml"
    # The second visit is made a day later: an hour later, feeds that are slow by their rhythm would be left alone.
    later = timedelta(days=1) if feeds_file.exists() else timedelta(0)
    if not feeds_file.exists():
        write_feeds_file(feeds_file, urls)
    store_url = f"sqlite:///{folder / 'monitor.db'}"
    places = opened.Places(feeds_file, store_url, folder / "digests", None, Path.cwd(), archive=folder / "archive")
    clock = opened.Clock(lambda: datetime.now(UTC) + later, time.perf_counter)
    classifier = opened.open_classifier(places) if assesses else None
    meter.mark("start")
    config = opened.open_config(places)
    meter.mark("config")
    with opened.open_store(places) as store, opened.open_archive(places, config) as archive, opened.open_readers() as readers:
        parts = Parts(
            fetcher=opened.open_fetcher(config, clock),
            parse=readers.parse,
            extract=readers.extract,
            bundle_id=classifier.bundle_id if classifier else "none",
            classifier=classifier,
            store=store,
            archive=archive,
            full_text="never",
            read_clock=clock.read,
            read_timer=clock.timer,
            report_progress=lambda _: None,
        )
        return run_ours(parts, places, config, meter)


def write_feeds_file(path: Path, urls: Sequence[str]) -> None:
    """A ``feeds.yaml`` for these feeds. No pause between the requests to one host, since all are this machine."""
    listed = "".join(f"  - {{id: f{number}, url: '{url}'}}\n" for number, url in enumerate(urls))
    path.write_text(f"settings: {{fetch: {{min_delay_s: 0, allow_private_networks: true}}}}\nfeeds:\n{listed}", encoding="utf-8")


def run_ours(parts: Parts, places: Places, config: Any, meter: Meter) -> int:
    """What `monitor.wiring.run.run_once` does from the open parts on, with marks in between."""
    from monitor.pipeline.run import make_report, run_pipeline  # noqa: PLC0415
    from monitor.wiring.parts import open_codebook  # noqa: PLC0415
    from monitor.wiring.run import _write_day  # noqa: PLC0415

    started_at = parts.read_clock()
    tally = run_pipeline(parts, config.feeds, run_id=f"r{started_at:%H%M%S%f}", started_at=started_at, day=started_at.date())
    meter.mark("work")
    counted: AssessmentCounts = parts.store.count_assessments(parts.bundle_id)
    report = make_report(
        tally, counted, run_id=f"r{started_at:%H%M%S%f}", bundle=parts.bundle_id, started_at=started_at,
        finished_at=parts.read_clock(),
    )  # fmt: skip
    parts.store.finish_run(report)
    store: Any = parts.store
    _write_day(store, places, config, open_codebook(places), started_at.date(), bundle=report.bundle)
    meter.mark("digest")
    if report.errors or report.feeds.failed:
        raise SystemExit(f"{len(report.errors)} errors, the first: {report.errors[0]}")
    if report.feeds.fetched + report.feeds.not_modified != len(config.feeds):
        raise SystemExit(f"not all feeds were visited: {report.feeds}; the figures would not be comparable")
    return report.entries.parsed


def visit(side: str, phase: str, folder: Path, urls: Sequence[str]) -> dict[str, Any]:
    """One side's visit in this process, and what it took."""
    meter = Meter()
    if side == "reader":
        entries = visit_with_reader(folder, urls, meter)
    else:
        entries = visit_with_monitor(folder, urls, meter, assesses=side == "assess")
    # `reader` counts its store, ours the visit: nothing is read where all answers are 304.
    expected = 0 if phase == "warm" and side != "reader" else len(urls) * ITEMS
    if entries != expected:
        raise SystemExit(f"{side}, {phase}: {entries} entries instead of {expected}; the figures would not be comparable")
    return {"side": side, "phase": phase, "cpu_s": meter.seconds, "peak_mb": read_peak_mb()}


def start_visit(side: str, phase: str, folder: Path) -> dict[str, Any]:
    """`visit` in a fresh process; the addresses lie in ``urls.json`` beside the folder."""
    command = [sys.executable, __file__, "--visit", side, "--phase", phase, "--folder", str(folder)]
    # Compiled modules are kept beside the stores, so that no visit but the unmeasured first compiles any.
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment = kept | {"PYTHONPYCACHEPREFIX": str(folder.parent.parent / "compiled")}
    done = subprocess.run(command, capture_output=True, check=False, env=environment)
    if done.returncode:
        raise SystemExit(f"{side}, {phase}: exit {done.returncode}\n{done.stderr.decode()[-2000:]}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def measure(sides: Sequence[str], *, feeds: int, rounds: int) -> list[dict[str, Any]]:
    """All visits: in every round each side once, cold and then warm."""
    visits = []
    with tempfile.TemporaryDirectory() as name, run_farm(feeds) as urls:
        for side in sides:
            start_visit(side, "cold", make_folder(Path(name) / "first" / side, urls[:1]))
        for number in range(rounds):
            for side in sides:
                folder = make_folder(Path(name) / f"round-{number}" / side, urls)
                for phase in PHASES:
                    visits.append(start_visit(side, phase, folder) | {"round": number})
                    print(f"round {number + 1} of {rounds}: {side}, {phase}", file=sys.stderr)
    return visits


def make_folder(folder: Path, urls: Sequence[str]) -> Path:
    """An empty folder for one side's store, with the addresses beside it."""
    folder.mkdir(parents=True)
    (folder.parent / "urls.json").write_text(json.dumps(urls), encoding="utf-8")
    return folder


def sum_up(visits: Sequence[dict[str, Any]], *, feeds: int) -> list[dict[str, Any]]:
    """Per side and phase the median over the rounds: CPU ms a feed (all but the start), seconds of each part, peak memory."""
    rows = []
    for side, phase in dict.fromkeys((v["side"], v["phase"]) for v in visits):
        chosen = [v for v in visits if (v["side"], v["phase"]) == (side, phase)]
        parts = {part: statistics.median(v["cpu_s"][part] for v in chosen) for part in chosen[0]["cpu_s"]}
        per_feed = [1000 * (v["cpu_s"]["work"] + v["cpu_s"].get("config", 0.0)) / feeds for v in chosen]
        rows.append(
            {
                "side": side,
                "phase": phase,
                "cpu_ms_a_feed": round(statistics.median(per_feed), 2),
                "lowest": round(min(per_feed), 2),
                "highest": round(max(per_feed), 2),
                "parts_s": {part: round(seconds, 2) for part, seconds in parts.items()},
                "peak_mb": max(v["peak_mb"] for v in chosen),
            }
        )
    return rows


def print_table(rows: Sequence[dict[str, Any]]) -> None:
    """The rows for people."""
    print(f"{'side':8} {'phase':5} {'CPU ms a feed':>14} {'lowest–highest':>16} {'peak MB':>8}  CPU seconds of each part")
    for row in rows:
        parts = ", ".join(f"{part} {seconds}" for part, seconds in row["parts_s"].items())
        spread = f"{row['lowest']}–{row['highest']}"
        print(f"{row['side']:8} {row['phase']:5} {row['cpu_ms_a_feed']:14} {spread:>16} {row['peak_mb']:8}  {parts}")


def profile(phase: str, side: str, *, feeds: int) -> None:
    """Print where our CPU time goes, by function. What runs in threads is run in place, so that it is seen."""

    async def call_here(function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        return function(*arguments, **named)

    with tempfile.TemporaryDirectory() as name, run_farm(feeds) as urls:
        folder = make_folder(Path(name) / "profiled" / side, urls)
        if phase == "warm":
            start_visit(side, "cold", folder)
        asyncio.to_thread = call_here
        profiler = cProfile.Profile()
        profiler.runcall(visit, side, phase, folder, urls)
        pstats.Stats(profiler).sort_stats("tottime").print_stats(25)
        pstats.Stats(profiler).sort_stats("cumulative").print_stats("monitor/|feedparser/[a-z]+.py", 40)


def check_reader(sides: Sequence[str]) -> None:
    """Say how to install the other side where it is missing."""
    if "reader" not in sides:
        return
    try:
        found = importlib.metadata.version("reader")
    except importlib.metadata.PackageNotFoundError:
        raise SystemExit(
            f"`reader` is not installed: pip install reader=={READER}, or leave it out with --sides monitor,assess"
        ) from None
    if not found.startswith(READER):
        print(f"`reader` is {found}; the figures in README.md are of {READER}", file=sys.stderr)


def read_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--feeds", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sides", type=lambda text: text.split(","), default=list(SIDES), help="which, in this order")
    parser.add_argument("--json", action="store_true", help="print everything as JSON instead of the table")
    parser.add_argument("--profile", choices=PHASES, help="profile ours (the last of --sides) instead of measuring")
    parser.add_argument("--visit", choices=SIDES, help=argparse.SUPPRESS)
    parser.add_argument("--phase", choices=PHASES, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if unknown := set(given.sides) - set(SIDES):
        parser.error(f"--sides: no side {', '.join(sorted(unknown))}; there are {', '.join(SIDES)}")
    return given


def main() -> None:
    """Measure and print."""
    given = read_arguments()
    if given.visit:
        urls = json.loads((given.folder.parent / "urls.json").read_text(encoding="utf-8"))
        print(json.dumps(visit(given.visit, given.phase, given.folder, urls)))
        return
    if given.profile:
        ours = [side for side in given.sides if side != "reader"]
        profile(given.profile, "monitor" if given.sides == list(SIDES) or not ours else ours[-1], feeds=given.feeds)
        return
    check_reader(given.sides)
    visits = measure(given.sides, feeds=given.feeds, rounds=given.rounds)
    rows = sum_up(visits, feeds=given.feeds)
    if given.json:
        print(json.dumps({"feeds": given.feeds, "items": ITEMS, "rows": rows, "visits": visits}, indent=1))
    else:
        print_table(rows)


if __name__ == "__main__":
    main()
