"""Opens a store: connects, checks what it is, and brings it to the schema of this version."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError

from monitor.errors import StoreError
from monitor.storage.claims import hold_for_transaction

if TYPE_CHECKING:
    from sqlalchemy.engine import URL
    from sqlalchemy.engine.interfaces import DBAPIConnection

# The newest of the migrations.
SCHEMA_VERSION = "0007"
LOCK_WAIT_S = 30.0
SUPPORTED = ("sqlite", "postgresql")


def open_engine(db_url: str, *, must_exist: bool = False) -> Engine:
    """An engine on the store at ``db_url``, migrated to this version's schema.

    Raises `StoreError` where the URL is wrong, the store cannot be opened, is no store of ours or is newer than we are.
    With ``must_exist`` a missing SQLite file is an error instead of a new store.
    """
    url = _parse_url(db_url)
    if url.get_backend_name() == "sqlite":
        _check_sqlite_path(url, must_exist=must_exist)
    try:
        # A server may have been restarted since a connection was last used, and must not cost a request then.
        engine = create_engine(url, pool_pre_ping=url.get_backend_name() == "postgresql")
    except (ImportError, NoSuchModuleError) as error:
        raise StoreError(
            f"store {display_url(db_url)}: its driver is not installed ({error}); install it or use sqlite:///FILE"
        ) from error
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", partial(_set_sqlite_pragmas, lock_wait_s=_read_lock_wait(url)))
    try:
        with engine.begin() as connection:
            _migrate(connection, db_url)
        if engine.dialect.name == "sqlite":
            # Only now that it is known to be ours: this changes the file.
            with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.exec_driver_sql("PRAGMA journal_mode = WAL")
    except DBAPIError as error:
        engine.dispose()
        reason = read_reason(error)
        raise StoreError(f"store {display_url(db_url)}: cannot be opened: {reason}; {find_remedy(reason)}") from error
    except StoreError:
        engine.dispose()
        raise
    return engine


def display_url(db_url: str) -> str:
    """The URL without its password."""
    try:
        return make_url(db_url).render_as_string(hide_password=True)
    except (ArgumentError, ValueError):
        return re.sub(r":[^:/@]*@", ":***@", db_url)


def _parse_url(db_url: str) -> URL:
    try:
        url = make_url(db_url)
    except (ArgumentError, ValueError) as error:
        raise StoreError(
            f"--db {display_url(db_url)!r} is not a database URL; write sqlite:///FILE or postgresql+psycopg://USER@HOST/NAME"
        ) from error
    if url.get_backend_name() not in SUPPORTED:
        raise StoreError(f"--db {display_url(db_url)}: {url.get_backend_name()} is not supported; use sqlite or postgresql")
    return url


def store_exists(db_url: str) -> bool:
    """Whether there is a file at this URL; a server is taken to have the store, and says so itself where it has not."""
    url = _parse_url(db_url)
    return url.get_backend_name() != "sqlite" or bool(url.database and Path(url.database).is_file())


def _check_sqlite_path(url: URL, *, must_exist: bool) -> None:
    if not url.database or url.database == ":memory:":
        return
    path = Path(url.database)
    if path.is_dir():
        raise StoreError(f"store {path}: is a folder; give the file's name, as in sqlite:///{path / 'monitor.db'}")
    if not path.parent.is_dir():
        raise StoreError(f"store {path}: its folder does not exist; make it with: mkdir -p {path.parent}")
    if must_exist and not path.is_file():
        raise StoreError(f"store {path}: there is none; `monitor run` makes it, or give another with --db")


def _read_lock_wait(url: URL) -> float:
    """Seconds to wait for another program's lock: ``?timeout=`` of the URL, else `LOCK_WAIT_S`."""
    given = url.query.get("timeout")
    try:
        return float(given) if isinstance(given, str) else LOCK_WAIT_S
    except ValueError as error:
        raise StoreError(
            f"--db {url.render_as_string()}: timeout={given} is no number of seconds; give one, or leave it out"
        ) from error


def _set_sqlite_pragmas(dbapi_connection: DBAPIConnection, _record: object, *, lock_wait_s: float) -> None:
    cursor = dbapi_connection.cursor()
    for pragma in (
        f"busy_timeout = {lock_wait_s * 1000:.0f}",
        "synchronous = NORMAL",
        "foreign_keys = ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _migrate(connection: Connection, db_url: str) -> None:
    if _read_version(connection, db_url) == SCHEMA_VERSION:
        return
    hold_for_transaction(connection, "schema")
    if _read_version(connection, db_url) == SCHEMA_VERSION:
        return  # another run was quicker
    from alembic import command  # noqa: PLC0415 - slow to import, and most runs find the store as it should be
    from alembic.config import Config as AlembicConfig  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    config = AlembicConfig()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    scripts = ScriptDirectory.from_config(config)
    if connection.dialect.name == "sqlite":
        # All or nothing, also for a run that is killed here: SQLite begins no transaction of its own for tables.
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    found = _read_version(connection, db_url)  # again: another run may just have done it
    if found == SCHEMA_VERSION:
        return
    if found is not None and found not in {script.revision for script in scripts.walk_revisions()}:
        raise StoreError(f"store {display_url(db_url)}: was made by a newer version (schema {found}); update narrative-monitor")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _read_version(connection: Connection, db_url: str) -> str | None:
    """The schema's version; None where the database is empty."""
    tables = set(inspect(connection).get_table_names())
    if tables and "alembic_version" not in tables:
        raise StoreError(f"store {display_url(db_url)}: holds a database of another program; give another with --db")
    found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar() if tables else None
    return found


def read_reason(error: SQLAlchemyError) -> str:
    """What the database says is wrong, in one line: PostgreSQL adds several of advice."""
    reason = str(getattr(error, "orig", None) or error).strip()
    return reason.splitlines()[0].rstrip(" .:") if reason else type(error).__name__


def find_remedy(reason: str, otherwise: str = "check the address and that the database is running") -> str:
    """What to do about a database's failure."""
    low = reason.lower()
    return next((remedy for signs, remedy in _REMEDIES.items() if any(sign in low for sign in signs)), otherwise)


_REMEDIES = {
    ("not a database",): "it is not an SQLite file, or damaged: restore it from a copy or give another with --db",
    ("malformed",): "it is damaged: restore it from a copy or give another with --db",
    ("readonly", "read-only"): "make the file and its folder writable for this user",
    ("unable to open",): "check that the file and its folder are readable and writable for this user",
    ("locked",): "another program holds it; try again when that has finished",
    ("full", "no space left", "file too large"): "free some disk space",
    ("disk i/o error",): "look whether the disk is full or failing",
    (
        "server closed", "terminating connection", "connection to server", "connection failed", "consuming input failed",
        "connection is lost", "connection is closed", "starting up", "shutting down", "could not connect",
    ): "look whether the database server is running and can be reached",
}  # fmt: skip
