"""Copies of an SQLite store, made while others use it, and whether a copy is whole."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy.engine import make_url

from monitor.errors import StoreError
from monitor.storage.engine import SCHEMA_VERSION, display_url

if TYPE_CHECKING:
    from collections.abc import Callable

# So many pages at a time (of 4 KiB); in between others may write.
PAGES_AT_ONCE = 2_000
COUNTED = {
    "articles": "SELECT count(*) FROM articles",
    "revisions": "SELECT count(*) FROM revisions",
    "assessments": "SELECT count(*) FROM assessments",
    "decisions": "SELECT count(*) FROM decisions",
}


def find_file(db_url: str) -> Path:
    """The file of an SQLite store. Raises `StoreError` for a store that is no file."""
    url = make_url(db_url)
    if url.get_backend_name() != "sqlite" or not url.database or url.database == ":memory:":
        remedy = "back a PostgreSQL store up with pg_dump, restore it with psql"
        raise StoreError(f"store {display_url(db_url)}: is no SQLite file; {remedy}")
    return Path(url.database)


def copy_store(source: Path, target: Path, report_progress: Callable[[int, int], None] = lambda *_: None) -> dict[str, int]:
    """Copy a store as it is at one moment; gives its counts. ``report_progress`` hears how many of how many pages are done.

    Raises `StoreError` where there is none, or the copy is not whole.
    """
    if not source.is_file():
        raise StoreError(f"store {source}: there is none; give it with --db")
    try:
        with closing(sqlite3.connect(source, timeout=30)) as original, closing(sqlite3.connect(target)) as copy:
            original.backup(
                copy, pages=PAGES_AT_ONCE, progress=lambda _, left, total: report_progress(total - left, total), sleep=0.01
            )
            # A copy needs no files beside it.
            copy.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.Error as error:
        raise StoreError(f"store {source}: cannot be copied ({error}); see `monitor doctor`") from error
    return check_copy(target)


def check_copy(path: Path) -> dict[str, int]:
    """The counts of a copy. Raises `StoreError` where it is damaged, or no store of this version or an older one."""
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            (said,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
            if said != "ok":
                raise StoreError(f"store {path}: is damaged: {said}")
            (version,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
            known = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            counts = {name: int(connection.execute(query).fetchone()[0]) for name, query in COUNTED.items() if name in known}
    except (sqlite3.Error, TypeError) as error:
        raise StoreError(f"store {path}: is no store of ours, or damaged ({error})") from error
    if version > SCHEMA_VERSION:
        raise StoreError(f"store {path}: was made by a newer version (schema {version}); update this program first")
    return counts
