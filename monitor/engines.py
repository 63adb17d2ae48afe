"""Where heavy work is done: in processes of this machine, or on a Dask cluster. Both through joblib, so that answers are equal."""

from __future__ import annotations

import logging
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from joblib import Parallel, cpu_count, delayed, parallel_config

from monitor import __version__
from monitor.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

EngineName = Literal["local", "dask"]
ENGINES: tuple[EngineName, ...] = ("local", "dask")
CONNECT_TIMEOUT_S = 15
Task = TypeVar("Task")
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Engine:
    """Does tasks on ``jobs`` workers; joblib's backend is set while it is open."""

    name: EngineName
    jobs: int

    def map(self, function: Callable[[Task], Answer], tasks: Iterable[Task]) -> Iterator[Answer]:
        """The answers in the order of the tasks, of which a few are read ahead. A worker that is lost costs only its task."""
        yield from Parallel(n_jobs=self.jobs, return_as="generator", batch_size=1, pre_dispatch="2*n_jobs")(
            delayed(function)(task) for task in tasks
        )


@contextmanager
def open_engine(
    name: EngineName, *, scheduler: str | None = None, jobs: int = -1, files: dict[str, bytes] | None = None
) -> Iterator[Engine]:
    """An engine; work within the block goes to it, training included.

    ``files`` are laid out on each worker of a cluster, once, in the folder that `find_shipped` gives there; also on workers that
    join later. Raises `UsageError` where the scheduler cannot be reached or its workers have another version.
    """
    if name == "local":
        if scheduler is not None:
            raise UsageError("--scheduler is for --engine dask; leave it out, or give both")
        chosen = cpu_count() if jobs < 1 else jobs
        with parallel_config(backend="loky", inner_max_num_threads=1):
            yield Engine("local", chosen)
        return
    with _connect(scheduler) as client, warnings.catch_warnings():
        # A chunk of texts is megabytes of arguments, which is what it is meant to be.
        warnings.filterwarnings("ignore", message="Sending large graph")
        if files:
            client.register_plugin(_make_plugin(files), name=f"files-{','.join(sorted(files))}"[:200])
        total = sum(client.nthreads().values())
        with parallel_config(backend="dask", wait_for_workers_timeout=CONNECT_TIMEOUT_S):
            yield Engine("dask", total if jobs < 1 else min(jobs, total))


@contextmanager
def _connect(scheduler: str | None) -> Iterator[Any]:
    if scheduler is None:
        raise UsageError("--engine dask needs --scheduler; give the address that `dask scheduler` prints, such as tcp://HOST:8786")
    try:
        from distributed import Client  # noqa: PLC0415
    except ImportError as error:
        raise UsageError(
            f"--engine dask: Dask is not installed ({error}); install narrative-monitor with the extra `dask`"
        ) from error
    logging.getLogger("distributed").setLevel(logging.ERROR)
    try:
        client = Client(scheduler, timeout=CONNECT_TIMEOUT_S)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise UsageError(f"--scheduler {scheduler}: cannot be reached ({error}); check the address, and that it runs") from error
    with client:
        _check_workers(client, scheduler)
        yield client


def _check_workers(client: Any, scheduler: str) -> None:
    try:
        client.wait_for_workers(1, timeout=CONNECT_TIMEOUT_S)
    except TimeoutError as error:
        raise UsageError(
            f"--scheduler {scheduler}: has no workers; start some with `dask worker {scheduler} --nthreads 1`"
        ) from error
    versions = client.run(find_version)
    if wrong := {address: version for address, version in versions.items() if version != __version__}:
        listed = ", ".join(f"{address} has {version}" for address, version in sorted(wrong.items()))
        raise UsageError(f"--scheduler {scheduler}: workers need narrative-monitor {__version__}, but {listed}")


def find_version() -> str:
    """The version of this program where it is called."""
    return __version__


def _make_plugin(files: dict[str, bytes]) -> Any:
    from distributed import WorkerPlugin  # noqa: PLC0415

    class ShipFiles(WorkerPlugin):
        """Lays files out on a worker when it starts."""

        def setup(self, worker: Any) -> None:
            for name, content in files.items():
                path = Path(worker.local_directory) / "shipped" / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)

    return ShipFiles()


def find_shipped() -> Path | None:
    """The folder of shipped files on a worker of a cluster; None elsewhere."""
    try:
        from distributed import get_worker  # noqa: PLC0415

        return Path(get_worker().local_directory) / "shipped"
    except (ImportError, ValueError):
        return None
