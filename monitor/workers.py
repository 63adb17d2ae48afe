"""Child processes for work on hostile documents: a task that hangs, grows or crashes costs itself and nothing else.

`concurrent.futures` and joblib cannot end a single task. `pebble` can, but knows no limit of memory, keeps three threads
that look at the clock, and a busy child of its outlives a parent that was killed. One pair of sockets for each child needs
no thread: whoever calls `WorkerPool.run` waits for the answer himself.

On Linux a child dies with its parent whatever it is doing: the kernel sends it SIGIO, which ends a process, when the
parent's end of a second, silent socket closes. All this is about time and memory; a child may do what its parent may.
"""

from __future__ import annotations

import fcntl
import logging
import os
import pickle
import resource
import socket
import subprocess
import sys
import threading
from itertools import pairwise
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from monitor.errors import WorkerDiedError, WorkerError, WorkerMemoryError, WorkerTimeoutError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

P = ParamSpec("P")
T = TypeVar("T")

# A child that takes longer to come up is not coming up, or to go is not going.
START_TIMEOUT_S = 60.0
_END_TIMEOUT_S = 5.0
_MAX_CAUSES = 5
_OUT_OF_MEMORY = b""
_STATM = Path("/proc/self/statm")
# The parent's search path is handed over, so that a function's name means the same there as here.
_BOOT = "import sys; sys.path[:] = sys.argv[4:]; from monitor.workers import serve; serve(*map(int, sys.argv[1:4]))"


class WorkerPool:
    """Up to ``count`` child processes, started when first needed and used again. Safe to use from several threads.

    ``timeout_s`` is the wall time that a task may take, ``max_memory_bytes`` what it may add to its child's address space.
    """

    def __init__(self, count: int, *, timeout_s: float, max_memory_bytes: int) -> None:
        self._timeout_s = timeout_s
        self._max_memory_bytes = max_memory_bytes
        self._free = threading.BoundedSemaphore(count)
        self._lock = threading.Lock()
        self._idle: list[_Worker] = []
        self._busy: set[_Worker] = set()
        self._is_closed = False

    def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The function's result; waits for a free child.

        ``function`` stands at the top of its module; its arguments and result can be pickled. What it raises is raised
        here, with its causes. `WorkerTimeoutError`, `WorkerMemoryError` and `WorkerDiedError` say why there is no answer.
        """
        name = f"{function.__module__}.{function.__qualname__}"
        task = pickle.dumps((function, args, kwargs), protocol=pickle.HIGHEST_PROTOCOL)
        with self._free:
            answer, was_used = self._ask(task, name)
            if answer == _OUT_OF_MEMORY and was_used:
                # What earlier tasks left behind in their child must not cost this one: it may try again in a new one.
                answer, _ = self._ask(task, name)
        if answer == _OUT_OF_MEMORY:
            raise WorkerMemoryError(f"{name} needed more than {self._max_memory_bytes:,} bytes; the document is left out")
        result: T = _open_answer(answer)
        return result

    def close(self) -> None:
        """End all children, busy ones too: their callers get a `WorkerDiedError`. Nothing can be run any more."""
        with self._lock:
            self._is_closed = True
            idle, self._idle = self._idle, []
            for worker in self._busy:
                worker.kill()
        for worker in idle:
            worker.dismiss()
        for worker in idle:
            worker.end()

    def __enter__(self) -> WorkerPool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ask(self, task: bytes, name: str) -> tuple[bytes, bool]:
        """The answer to a task, and whether its child had worked before."""
        worker = self._take_worker()
        was_used = worker.is_used
        answer = _OUT_OF_MEMORY
        try:
            answer = worker.ask(task, name, timeout_s=self._timeout_s)
        finally:
            # Without an answer, be it for Ctrl-C in the caller, nobody knows what state the child is in.
            self._put_back(worker, is_fit=answer != _OUT_OF_MEMORY)
        return answer, was_used

    def _take_worker(self) -> _Worker:
        with self._lock:
            if self._is_closed:
                raise WorkerError("the worker pool is closed; open another one")
            worker = self._idle.pop() if self._idle else None
            if worker is None or not worker.is_alive():
                dead, worker = worker, _Worker(self._max_memory_bytes)
                if dead is not None:
                    dead.end()
            self._busy.add(worker)
            return worker

    def _put_back(self, worker: _Worker, *, is_fit: bool) -> None:
        with self._lock:
            self._busy.discard(worker)
            if is_fit and not self._is_closed:
                self._idle.append(worker)
                return
        worker.end()


class _Worker:
    """One child process, seen from its parent. One thread uses it at a time; any may `kill` it."""

    def __init__(self, max_memory_bytes: int) -> None:
        ours, theirs = socket.socketpair()
        self._life, their_life = socket.socketpair()
        self._connection = Connection(ours.detach())
        self._is_ready = False
        self.is_used = False
        with theirs, their_life:
            numbers = (theirs.fileno(), their_life.fileno(), max_memory_bytes)
            try:
                self._process = subprocess.Popen(  # noqa: S603 - this program's own interpreter and code
                    [sys.executable, "-c", _BOOT, *map(str, numbers), *sys.path],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    pass_fds=numbers[:2],
                    # A group of its own: the terminal's Ctrl-C is the parent's business.
                    process_group=0,
                    # Threads of a linear algebra library take address space, and there is nothing for them to do.
                    env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
                )
            except OSError as error:
                self._close()
                raise WorkerDiedError(f"no worker process can be started ({error}); check the limits on processes") from error

    def is_alive(self) -> bool:
        """Whether the process is there."""
        return self._process.poll() is None

    def ask(self, task: bytes, name: str, *, timeout_s: float) -> bytes:
        """The child's answer, as `serve` gives it."""
        self._await_start()
        try:
            self._connection.send_bytes(task)
            if not self._connection.poll(timeout_s):
                raise WorkerTimeoutError(f"{name} took longer than {timeout_s:g} s; the document is left out")
            answer = self._connection.recv_bytes()
        except (EOFError, OSError) as error:
            raise WorkerDiedError(f"{name} ended its process ({self._describe_end()}); the document is left out") from error
        self.is_used = True
        return answer

    def kill(self) -> None:
        """End the process at once; who waits for its answer learns of it."""
        self._process.kill()

    def dismiss(self) -> None:
        """Let an idle child go; `end` waits until it is gone."""
        self._connection.close()

    def end(self) -> None:
        """Take the child away, leaving nothing of it behind. One that was dismissed has time to go by itself."""
        try:
            if self._connection.closed:
                self._process.wait(timeout=_END_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            pass
        finally:
            self._process.kill()
            self._process.wait()
            self._close()

    def _close(self) -> None:
        self._connection.close()
        self._life.close()

    def _await_start(self) -> None:
        if self._is_ready:
            return
        if not self._connection.poll(START_TIMEOUT_S):
            raise WorkerTimeoutError(f"a worker process did not start within {START_TIMEOUT_S:g} s; the machine is overloaded")
        try:
            self._connection.recv_bytes()
        except (EOFError, OSError) as error:
            how = self._describe_end()
            raise WorkerDiedError(f"a worker process ended while it started ({how}); check the installation") from error
        self._is_ready = True

    def _describe_end(self) -> str:
        try:
            code = self._process.wait(timeout=_END_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            return "it no longer answers"
        return f"signal {-code}" if code < 0 else f"exit code {code}"


def serve(task_fd: int, life_fd: int, max_memory_bytes: int) -> None:
    """The child's side: answer the tasks that come over socket ``task_fd`` until its other end closes.

    An answer is a pickle of ``(True, result)`` or ``(False, errors)``, or nothing at all where memory did not suffice.
    """
    _die_with_parent(life_fd)
    # What libraries have to say of hostile documents is of no use to anybody.
    logging.disable()
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    with Connection(task_fd) as connection:
        answer_tasks(connection, max_memory_bytes)


def answer_tasks(connection: Connection, max_memory_bytes: int) -> None:
    """Say that the child is ready, then answer until there is nobody to ask, or memory was short."""
    limits: dict[object, int] = {}
    try:
        connection.send_bytes(b"ready")
        while True:
            answer = _answer(connection.recv_bytes(), limits, max_memory_bytes)
            connection.send_bytes(answer)
            if answer == _OUT_OF_MEMORY:
                return
    except (EOFError, OSError):
        return


def _answer(task: bytes, limits: dict[object, int], max_memory_bytes: int) -> bytes:
    try:
        function, args, kwargs = pickle.loads(task)  # noqa: S301 - from the parent
        # Counted from after the function's module was imported, which is none of the document's doing.
        if function not in limits:
            limits[function] = _measure_size() + max_memory_bytes
        _limit_memory(limits[function])
        return pickle.dumps((True, function(*args, **kwargs)), protocol=pickle.HIGHEST_PROTOCOL)
    except MemoryError:
        return _OUT_OF_MEMORY
    except Exception as error:  # noqa: BLE001 - raised again in the parent
        _limit_memory(None)
        return pickle.dumps((False, [_pack_error(link) for link in _follow_causes(error)]))
    finally:
        _limit_memory(None)


def _die_with_parent(life_fd: int) -> None:
    fcntl.fcntl(life_fd, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(life_fd, fcntl.F_SETFL, fcntl.fcntl(life_fd, fcntl.F_GETFL) | os.O_ASYNC)


def _measure_size() -> int:
    """Bytes of address space in use; 0 where the system does not tell, and then no limit is set."""
    return int(_STATM.read_text().split()[0]) * resource.getpagesize() if _STATM.exists() else 0


def _limit_memory(max_bytes: int | None) -> None:
    if not _STATM.exists():
        return
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    wished = resource.RLIM_INFINITY if max_bytes is None else max_bytes
    is_allowed = hard == resource.RLIM_INFINITY or (max_bytes is not None and max_bytes <= hard)
    resource.setrlimit(resource.RLIMIT_AS, (wished if is_allowed else hard, hard))


def _follow_causes(error: BaseException | None) -> Iterable[BaseException]:
    for _ in range(_MAX_CAUSES):
        if error is None:
            return
        yield error
        error = error.__cause__


def _pack_error(error: BaseException) -> bytes:
    """The error as it can be unpickled: itself, or what it is made of where its constructor takes other arguments."""
    why = "it comes out as another"
    for form in (error, (type(error), error.args, error.__dict__)):
        try:
            packed = pickle.dumps(form)
            again = _unpack_error(packed)
        except Exception as failure:  # noqa: BLE001 - whatever an error of foreign make does here, the next form may do
            why = f"{type(failure).__name__}: {failure}"
            continue
        if str(again) == str(error) and again.args == error.args:
            return packed
    return pickle.dumps(WorkerError(f"{type(error).__name__}: {error} (the error itself cannot be handed over: {why})"))


def _unpack_error(packed: bytes) -> BaseException:
    form = pickle.loads(packed)  # noqa: S301 - made by _pack_error
    if isinstance(form, BaseException):
        return form
    kind, args, state = form
    error: BaseException = kind.__new__(kind, *args)
    error.__dict__.update(state)
    return error


def _open_answer(answer: bytes) -> Any:
    is_result, value = pickle.loads(answer)  # noqa: S301 - from our own child
    if is_result:
        return value
    errors = [_unpack_error(packed) for packed in value]
    for error, cause in pairwise(errors):
        error.__cause__ = cause
    raise errors[0]
