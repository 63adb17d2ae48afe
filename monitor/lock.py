"""One run at a time per store: a lock that the system gives back when its holder dies."""

from __future__ import annotations

import json
import os
import socket
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from monitor.errors import RunLockedError, StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime


@contextmanager
def hold_run_lock(path: Path, *, started_at: datetime) -> Iterator[None]:
    """Hold the lock at ``path`` while a run lasts.

    Raises `RunLockedError`, naming the holder, where another run holds it, and `StoreError` where no lock can be made.
    """
    lock = FileLock(path, blocking=False)
    try:
        lock.acquire()
    except Timeout as error:
        raise RunLockedError(f"another run holds {path}{_describe_owner(path)}; wait for it to end, nothing was done") from error
    except OSError as error:
        raise StoreError(f"lock {path}: cannot be made ({error.strerror}); make its folder writable for this user") from error
    try:
        owner = {
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "started_at": started_at.isoformat(timespec="seconds"),
        }
        # It only tells others who holds the lock: a full disk is for the store to name.
        with suppress(OSError):
            _owner_file(path).write_text(json.dumps(owner) + "\n", encoding="utf-8")
        yield
    finally:
        with suppress(OSError):
            _owner_file(path).unlink(missing_ok=True)
        lock.release()


def lock_path(db_url: str) -> Path:
    """Where the lock of a store lies: beside an SQLite file, else in the working folder."""
    _, found, path = db_url.partition("sqlite:///")
    if found and path and path != ":memory:":
        return Path(f"{path.partition('?')[0]}.lock")
    return Path("monitor.lock")


def _owner_file(path: Path) -> Path:
    return path.with_name(f"{path.name}.owner")


def _describe_owner(path: Path) -> str:
    try:
        owner = json.loads(_owner_file(path).read_text(encoding="utf-8"))
        return f" (process {owner['pid']} on {owner['host']}, since {owner['started_at']})"
    except (OSError, ValueError, KeyError, TypeError):
        return ""
