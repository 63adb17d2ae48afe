"""A Dask cluster of real processes on loopback."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from distributed import Client

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY = Path(__file__).resolve().parents[2]
WORKER = ("worker", "--nthreads", "1", "--no-nanny", "--no-dashboard", "--host", "127.0.0.1")
SCHEDULER = ("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--no-show")


@contextmanager
def serve_cluster(folder: Path, workers: int) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """A scheduler and workers of one thread each; gives the scheduler's address and the workers' processes."""
    described = folder / "scheduler.json"
    with ExitStack() as stack:
        _start(stack, folder, *SCHEDULER, "--scheduler-file", str(described))
        address = _wait_for_address(described)
        started = [_start(stack, folder, *WORKER, address, "--local-directory", str(folder / f"worker{n}")) for n in range(workers)]
        with Client(address, timeout=60) as client:
            client.wait_for_workers(workers, timeout=60)
        yield address, started


def _start(stack: ExitStack, folder: Path, *words: str) -> subprocess.Popen[bytes]:
    log = stack.enter_context((folder / f"dask-{words[0]}.log").open("ab"))
    command = [sys.executable, "-m", "dask", *words]
    process = stack.enter_context(subprocess.Popen(command, cwd=REPOSITORY, stdout=log, stderr=log))
    stack.callback(process.kill)
    return process


def _wait_for_address(described: Path) -> str:
    for _ in range(600):
        try:
            return str(json.loads(described.read_text("utf-8"))["address"])
        except (OSError, ValueError):
            time.sleep(0.1)
    raise TimeoutError(f"the scheduler did not write {described} within a minute")
