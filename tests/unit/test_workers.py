from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import Pipe
from pathlib import Path

import psutil
import pytest

from monitor.errors import FeedDocumentError, WorkerDiedError, WorkerError, WorkerMemoryError, WorkerTimeoutError
from monitor.stages.parse import parse_feed
from monitor.workers import WorkerPool, answer_tasks
from tests.factories import make_feed, make_fetched

MB = 1_000_000
RSS = b"<rss version='2.0'><channel><item><title>A bridge opened</title><link>https://a.example/1</link></item></channel></rss>"


@pytest.fixture
def pool():
    with WorkerPool(1, timeout_s=20, max_memory_bytes=200 * MB) as opened:
        yield opened


# --- tasks ---


class TwoPartError(Exception):
    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class UnpicklableError(Exception):
    def __init__(self) -> None:
        super().__init__(lambda: 1)


def give_pid():
    return os.getpid()


def double(number):
    return 2 * number


def append_mark(body):
    return body + b"!"


def loop_for_ever():
    while True:
        pass


def sleep_then_double(seconds, number):
    time.sleep(seconds)
    return 2 * number


def take_memory(size):
    return len(b"x" * size)


KEPT = []


def keep_memory(size):
    KEPT.append(b"x" * size)
    return os.getpid()


def end_process(code):
    os._exit(code)


def end_by_signal(number):
    os.kill(os.getpid(), number)


def leave():
    sys.exit(7)


def raise_error(kind, args):
    raise kind(*args)


def raise_two_part():
    try:
        int("ten")
    except ValueError as cause:
        raise TwoPartError("odd", "ten is no number") from cause


def raise_unpicklable():
    raise UnpicklableError


def give_unpicklable():
    return lambda: 1


def write_pid_and_loop(path):
    Path(path).write_text(str(os.getpid()))
    loop_for_ever()


# --- results and errors ---


def test_the_result_comes_back_from_another_process(pool):
    assert pool.run(double, 21) == 42
    assert pool.run(double, number=4) == 8
    assert pool.run(give_pid) != os.getpid()


def test_a_child_is_used_again(pool):
    assert pool.run(give_pid) == pool.run(give_pid)


def test_no_child_is_started_before_there_is_work():
    before = len(psutil.Process().children())
    with WorkerPool(4, timeout_s=20, max_memory_bytes=MB):
        assert len(psutil.Process().children()) == before


def test_many_small_tasks_from_eight_threads_are_answered_right():
    with WorkerPool(2, timeout_s=20, max_memory_bytes=200 * MB) as pool, ThreadPoolExecutor(8) as threads:
        assert list(threads.map(lambda n: pool.run(double, n), range(200))) == [2 * n for n in range(200)]


def test_a_large_document_goes_there_and_back(pool):
    body = os.urandom(5 * MB)
    assert pool.run(append_mark, body) == body + b"!"


def test_an_error_comes_through_with_its_kind_and_cause(pool):
    with pytest.raises(TwoPartError, match="ten is no number") as caught:
        pool.run(raise_two_part)
    assert caught.value.kind == "odd"
    assert isinstance(caught.value.__cause__, ValueError)


@pytest.mark.parametrize(
    ("kind", "args"),
    [
        (ValueError, ("bad",)),
        (KeyError, ("k",)),
        (FileNotFoundError, (2, "no such file", "x")),
        (UnicodeDecodeError, ("utf-8", b"\xff", 0, 1, "bad")),
    ],
)
def test_errors_come_through_unchanged(pool, kind, args):
    # Made in the child: tblib, which distributed brings, pickles exceptions without their text, once a test has imported it.
    with pytest.raises(kind) as caught:
        pool.run(raise_error, kind, args)
    assert str(caught.value) == str(kind(*args))


def test_an_error_that_cannot_be_pickled_is_told_in_words(pool):
    with pytest.raises(WorkerError, match="UnpicklableError"):
        pool.run(raise_unpicklable)


def test_a_result_that_cannot_be_pickled_is_an_error(pool):
    with pytest.raises(Exception, match="pickle"):
        pool.run(give_unpicklable)
    assert pool.run(double, 1) == 2


def test_a_function_that_cannot_be_pickled_costs_no_child(pool):
    with pytest.raises(Exception, match="pickle"):
        pool.run(lambda: 1)
    assert pool.run(double, 1) == 2


# --- hostile tasks ---


def test_an_endless_loop_is_killed_and_its_child_replaced():
    with WorkerPool(1, timeout_s=3, max_memory_bytes=200 * MB) as pool:
        pid = pool.run(give_pid)
        with pytest.raises(WorkerTimeoutError, match=r"loop_for_ever took longer than 3 s; the document is left out"):
            pool.run(loop_for_ever)
        assert not psutil.pid_exists(pid)
        assert pool.run(double, 3) == 6
        assert pool.run(give_pid) != pid


def test_other_tasks_go_on_while_one_hangs():
    with WorkerPool(2, timeout_s=2, max_memory_bytes=200 * MB) as pool, ThreadPoolExecutor(3) as threads:
        hanging = threads.submit(pool.run, loop_for_ever)
        assert list(threads.map(lambda n: pool.run(double, n), range(20))) == [2 * n for n in range(20)]
        with pytest.raises(WorkerTimeoutError):
            hanging.result()


def test_too_much_memory_is_named(pool):
    with pytest.raises(WorkerMemoryError, match=r"take_memory needed more than 200,000,000 bytes; the document is left out"):
        pool.run(take_memory, 400 * MB)
    assert pool.run(take_memory, 50 * MB) == 50 * MB


def test_what_earlier_tasks_left_in_a_child_does_not_cost_a_later_one(pool):
    pids = [pool.run(keep_memory, 60 * MB) for _ in range(5)]
    assert len(set(pids)) == 2


@pytest.mark.parametrize(
    ("function", "args", "how"),
    [(end_process, (3,), "exit code 3"), (leave, (), "exit code 7"), (end_by_signal, (signal.SIGSEGV,), "signal 11")],
    ids=["_exit", "sys.exit", "crash"],
)
def test_a_death_is_named(pool, function, args, how):
    with pytest.raises(WorkerDiedError, match=rf"{function.__name__} ended its process \({how}\); the document is left out"):
        pool.run(function, *args)
    assert pool.run(double, 2) == 4


def test_a_child_that_was_killed_while_idle_is_replaced(pool):
    pid = pool.run(give_pid)
    os.kill(pid, signal.SIGKILL)
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.01)
    assert pool.run(give_pid) != pid
    assert not psutil.pid_exists(pid)


def test_an_interpreter_that_cannot_start_is_named(pool, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(WorkerDiedError, match="no worker process can be started"):
        pool.run(double, 1)


def test_a_child_that_fails_to_start_is_named(pool, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(WorkerDiedError, match=r"ended while it started \(exit code 1\); check the installation"):
        pool.run(double, 1)


# --- the end ---


def test_closing_leaves_no_child():
    before = {child.pid for child in psutil.Process().children()}
    with WorkerPool(2, timeout_s=20, max_memory_bytes=200 * MB) as pool, ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda n: pool.run(sleep_then_double, 0.05, n), range(4)))
    assert {child.pid for child in psutil.Process().children()} == before


def test_nothing_runs_in_a_closed_pool(pool):
    pool.close()
    with pytest.raises(WorkerError, match="the worker pool is closed"):
        pool.run(double, 1)


def test_closing_ends_busy_children(pool, tmp_path):
    pid_file = tmp_path / "pid"
    with ThreadPoolExecutor(1) as threads:
        busy = threads.submit(pool.run, write_pid_and_loop, str(pid_file))
        pid = await_pid(pid_file)
        pool.close()
        with pytest.raises(WorkerDiedError, match="signal 9"):
            busy.result()
    assert not psutil.pid_exists(pid)


PARENT = """
import signal
import sys

# A shell starts what runs in the background with Ctrl-C ignored, and that is inherited.
signal.signal(signal.SIGINT, signal.default_int_handler)
from monitor.workers import WorkerPool
from tests.unit.test_workers import write_pid_and_loop
WorkerPool(1, timeout_s=300, max_memory_bytes=10**9).run(write_pid_and_loop, sys.argv[1])
"""


def await_pid(path):
    for _ in range(3_000):
        if path.exists() and (text := path.read_text()):
            return int(text)
        time.sleep(0.01)
    raise AssertionError("the task did not start")


def await_end(pid):
    for _ in range(1_000):
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.01)
    return False


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT], ids=["kill -9", "Ctrl-C"])
def test_a_busy_child_dies_with_its_parent(tmp_path, how):
    pid_file = tmp_path / "pid"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-c", PARENT, str(pid_file)]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as parent:
        child = await_pid(pid_file)
        parent.send_signal(how)
        assert await_end(child)
        messages = parent.communicate(timeout=20)[1]
    assert messages.count("Traceback") == (1 if how == signal.SIGINT else 0)


# --- the child's side, here ---


def test_the_child_says_that_it_is_ready_and_leaves_when_nobody_asks():
    ours, theirs = Pipe()
    child = threading.Thread(target=answer_tasks, args=(theirs, 10**12))
    child.start()
    assert ours.recv_bytes() == b"ready"
    ours.close()
    child.join(timeout=20)
    assert not child.is_alive()
    theirs.close()


# --- the stages in a child ---


def test_feeds_can_be_parsed_in_a_child(pool):
    feed, fetched = make_feed(), make_fetched(body=RSS)
    assert pool.run(parse_feed, feed, fetched) == parse_feed(feed, fetched)


def test_a_document_that_is_no_feed_is_named_through_the_pool(pool):
    with pytest.raises(FeedDocumentError, match="the answer was empty") as caught:
        pool.run(parse_feed, make_feed(), make_fetched(body=b""))
    assert caught.value.kind == "empty_body"
