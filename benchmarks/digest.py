"""What a day's digest costs in stores of different sizes: CPU seconds and peak memory of `monitor digest` in a process of its own.

python benchmarks/digest.py [--sizes 1000 10000 100000 1000000] [--per-day 2000] [--folder DIR] [--json]

Stores are made once and kept in DIR (default: a temporary folder). Each digest is of the last day, with pictures; the first
one counts the days of the window, the second one finds them counted.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from datetime import date, timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from sqlalchemy import delete

from monitor.codebook import load_codebook
from monitor.storage.engine import open_engine
from monitor.storage.schema import counted_days
from tests.filled_store import Plan, fill_store

LAST_DAY = date(2026, 5, 29)  # a Friday: at weekends there is less
MODELS = Path(__file__).resolve().parents[1] / "models"
# The command itself; what it used is told by the process when it ends.
CODE = """
import json, re, sys
from pathlib import Path
from time import process_time
from monitor.cli import cli

cli.main(sys.argv[1:], standalone_mode=False)
# Of this program alone: what getrusage tells begins before exec.
peak_kb = int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
print(json.dumps({"cpu_s": process_time(), "peak_mb": peak_kb / 1024}))
"""


def make_store(folder: Path, size: int, per_day: int) -> str:
    """The store of about ``size`` articles, made if it is not there."""
    path = folder / f"{size}-{per_day}.db"
    if not path.is_file():
        # Weekends have fewer articles, so that a week holds six tenths of a day less.
        days = max(1, round(size / (per_day * (5 + 2 * 0.65) / 7)))
        aside = folder / f".{path.name}"
        aside.unlink(missing_ok=True)
        plan = Plan(
            first_day=LAST_DAY - timedelta(days=days - 1),
            days=days,
            per_day=per_day,
            bundle=(MODELS / "CURRENT").read_text(encoding="utf-8").strip(),
            narratives=tuple(one.id for one in load_codebook(MODELS / "codebook.yaml").narratives),
        )
        fill_store(f"sqlite:///{aside}", plan)
        aside.rename(path)
    return f"sqlite:///{path}"


def forget_days(db_url: str) -> None:
    """Take out what was counted, so that the next digest counts it."""
    engine = open_engine(db_url)
    with engine.begin() as connection:
        connection.execute(delete(counted_days))
    engine.dispose()


def measure(db_url: str, digests: Path) -> dict[str, Any]:
    """The figures of one digest in a fresh process."""
    repository = Path(__file__).resolve().parents[1]
    command = [sys.executable, "-c", CODE, "digest", "--db", db_url, "--digests", str(digests), "--day", LAST_DAY.isoformat()]
    # Compiled modules are kept, as an installed program has them.
    kept = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(digests.parent / "compiled")}
    environment = os.environ | kept | {"PYTHONPATH": str(repository), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=repository, env=environment, capture_output=True, check=True)
    used: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    folder = digests / LAST_DAY.isoformat()
    flagged = len((folder / "digest.jsonl").read_text(encoding="utf-8").splitlines())
    return {"flagged": flagged, **used, "html_kb": (folder / "digest.html").stat().st_size // 1024}


def describe(figures: dict[str, Any]) -> str:
    """One line for people."""
    return "  ".join(f"{name} {round(value, 2) if isinstance(value, float) else value}" for name, value in figures.items())


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000, 1_000_000])
    parser.add_argument("--per-day", type=int, default=2_000)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        found = []
        for size in options.sizes:
            db_url = make_store(folder, size, options.per_day)
            digests = Path(temporary) / "digests"
            measure(db_url, digests)  # compiles what is not compiled yet
            for state in ("first", "again"):
                if state == "first":
                    forget_days(db_url)
                found.append({"articles": size, "digest": state, **measure(db_url, digests)})
                if not options.json:
                    print(describe(found[-1]), flush=True)
    if options.json:
        print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
