"""Opens a store: connects, checks what it is, and brings it to the schema of this version."""

from __future__ import annotations

import re
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError

from monitor.errors import StoreError
from monitor.storage.claims import hold_for_transaction

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import URL
    from sqlalchemy.engine.interfaces import DBAPIConnection

# The newest of the migrations.
SCHEMA_VERSION = "0009"
LOCK_WAIT_S = 30.0
CONNECT_WAIT_S = 10
SUPPORTED = ("sqlite", "postgresql")
_SECRETS = ("password", "sslpassword")
_POSTGRES_EXTRA = "install narrative-monitor with its extra `postgres`"


def open_engine(db_url: str, *, must_exist: bool = False) -> Engine:
    """An engine on the store at ``db_url``, migrated to this version's schema.

    Raises `StoreError` where the URL is wrong, the store cannot be opened, is no store of ours or is newer than we are.
    With ``must_exist`` a missing SQLite file is an error instead of a new store.
    """
    engine = connect_engine(db_url, must_exist=must_exist)
    try:
        migrate_store(engine, db_url)
    except StoreError:
        engine.dispose()
        raise
    return engine


def connect_engine(db_url: str, *, must_exist: bool = False) -> Engine:
    """An engine on what is at ``db_url``, whatever it is: nothing was read or changed yet.

    Raises `StoreError` where the URL is wrong, its driver is missing, or there can be no such file.
    """
    url = _parse_url(db_url)
    is_sqlite = url.get_backend_name() == "sqlite"
    if is_sqlite:
        _check_sqlite_path(url, must_exist=must_exist)
    # A host that does not answer would be waited for as long as the system likes, which is minutes.
    patience = {} if is_sqlite or "connect_timeout" in url.query else {"connect_timeout": CONNECT_WAIT_S}
    try:
        # A server may have been restarted since a connection was last used, and must not cost a request then.
        engine = create_engine(url, connect_args=patience, pool_pre_ping=not is_sqlite)
    except (ImportError, NoSuchModuleError) as error:
        remedy = (
            "install it or use sqlite:///FILE" if is_sqlite else f"{_POSTGRES_EXTRA}, and begin the URL with postgresql+psycopg://"
        )
        raise StoreError(f"store {display_url(db_url)}: its driver is not installed ({error}); {remedy}") from error
    if is_sqlite:
        event.listen(engine, "connect", partial(_set_sqlite_pragmas, lock_wait_s=_read_lock_wait(url)))
    return engine


def migrate_store(engine: Engine, db_url: str) -> None:
    """Bring a store to this version's schema; a new one gets its tables. Raises `StoreError` as `open_engine` does."""
    with naming_failed_opening(db_url):
        with engine.begin() as connection:
            _migrate(connection, db_url)
        if engine.dialect.name == "sqlite":
            # Only now that it is known to be ours: this changes the file.
            with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.exec_driver_sql("PRAGMA journal_mode = WAL")


def check_version(connection: Connection, db_url: str) -> None:
    """Raise `StoreError` where this is no store, or not one of this version's schema; nothing is changed."""
    found = read_version(connection, db_url)
    if found is None:
        raise StoreError(f"store {display_url(db_url)}: is an empty database; give one that `monitor run` has filled")
    if found < SCHEMA_VERSION:
        remedy = "`monitor doctor` with this --db brings it up to date"
        raise StoreError(
            f"store {display_url(db_url)}: was made by an older version (schema {found}, now {SCHEMA_VERSION}); {remedy}"
        )
    if found > SCHEMA_VERSION:
        raise _refuse_newer(db_url, found)


@contextmanager
def naming_failed_opening(db_url: str) -> Iterator[None]:
    """Turn what the driver says within into a `StoreError` of one line, with what to do."""
    try:
        yield
    except DBAPIError as error:
        reason = " ".join(str(error.orig).split())
        raise StoreError(f"store {display_url(db_url)}: cannot be opened: {reason}; {find_remedy(reason)}") from error


def display_url(db_url: str) -> str:
    """The URL without its password."""
    try:
        return make_url(db_url).difference_update_query(_SECRETS).render_as_string(hide_password=True)
    except (ArgumentError, ValueError):
        return re.sub(r"(//[^:/]*):.*@", r"\1:***@", db_url.partition("?")[0])


def _parse_url(db_url: str) -> URL:
    try:
        url = make_url(db_url)
    except (ArgumentError, ValueError) as error:
        raise StoreError(
            f"{display_url(db_url)!r} is not a database URL; write sqlite:///FILE or postgresql+psycopg://USER@HOST/NAME"
        ) from error
    if url.get_backend_name() not in SUPPORTED:
        raise StoreError(f"store {display_url(db_url)}: {url.get_backend_name()} is not supported; use sqlite or postgresql")
    return url


def are_same_store(one: str, other: str) -> bool:
    """Whether two URLs lead to the same file, or to the same database of the same server."""
    return _locate(_parse_url(one)) == _locate(_parse_url(other))


def _locate(url: URL) -> tuple[object, ...]:
    if url.get_backend_name() == "sqlite":
        return ("sqlite", Path(url.database or "").resolve())
    host = url.host or url.query.get("host") or "localhost"
    return ("postgresql", "localhost" if host in {"127.0.0.1", "::1"} else host, url.port or 5432, url.database or url.username)


def store_exists(db_url: str) -> bool:
    """Whether there is a file at this URL; a server is taken to have the store, and says so itself where it has not."""
    url = _parse_url(db_url)
    return url.get_backend_name() != "sqlite" or bool(url.database and Path(url.database).is_file())


def measure_bytes(connection: Connection) -> int:
    """How much room the database takes on its disk."""
    if connection.dialect.name == "postgresql":
        return int(connection.execute(text("SELECT pg_database_size(current_database())")).scalar_one())
    pages, size = (int(connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()) for name in ("page_count", "page_size"))
    return pages * size


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
    if read_version(connection, db_url) == SCHEMA_VERSION:
        return
    hold_for_transaction(connection, "schema")
    if read_version(connection, db_url) == SCHEMA_VERSION:
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
    found = read_version(connection, db_url)  # again: another run may just have done it
    if found == SCHEMA_VERSION:
        return
    if found is not None and found not in {script.revision for script in scripts.walk_revisions()}:
        raise _refuse_newer(db_url, found)
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def read_version(connection: Connection, db_url: str) -> str | None:
    """The schema's version; None where the database is empty."""
    tables = set(inspect(connection).get_table_names())
    if tables and "alembic_version" not in tables:
        raise StoreError(f"store {display_url(db_url)}: holds a database of another program; give another with --db")
    found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar() if tables else None
    return found


def _refuse_newer(db_url: str, found: str) -> StoreError:
    return StoreError(f"store {display_url(db_url)}: was made by a newer version (schema {found}); update narrative-monitor")


def read_reason(error: SQLAlchemyError) -> str:
    """What the database says is wrong, in one line: PostgreSQL adds several of advice."""
    reason = str(getattr(error, "orig", None) or error).strip()
    return reason.splitlines()[0].rstrip(" .:") if reason else type(error).__name__


def find_remedy(reason: str, otherwise: str = "check the address and that the database is running") -> str:
    """What to do about a database's failure."""
    if missing := re.search(r'(database|role) "([^"]+)" does not exist', reason):
        return _MISSING[missing[1]].format(missing[2])
    low = re.sub(r'"[^"]*"', "", reason).lower()  # without names, which may hold any word
    return next((remedy for sign, remedy in _REMEDIES.items() if sign in low), otherwise)


_LOST = "look whether the database server is running and can be reached"
# What a driver says, in small letters, and what helps; the first sign that is found counts.
_REMEDIES = {
    "not a database": "it is not an SQLite file, or damaged: restore it from a copy or give another with --db",
    "malformed": "it is damaged: restore it from a copy or give another with --db",
    "readonly": "make the file and its folder writable for this user",
    "read-only": "make the file and its folder writable for this user",
    "unable to open": "check that the file and its folder are readable and writable for this user",
    "locked": "another program holds it; try again when that has finished",
    "full": "free some disk space",
    "password authentication failed": "check user and password: in the URL as USER:PASSWORD@, or in ~/.pgpass",
    "no password supplied": "give one: in the URL as USER:PASSWORD@, or in ~/.pgpass",
    "no pg_hba.conf entry": "let this user in from this machine, in pg_hba.conf on the server",
    "permission denied for schema": "let this user make tables: GRANT CREATE, USAGE ON SCHEMA public TO USER, in this database",
    "permission denied": "give this user the rights of the database's owner",
    "too many clients": "end other programs' connections, or raise max_connections on the server",
    "resolve host": "check the spelling of the host and that this machine's DNS answers",
    "translate host name": "check the spelling of the host and that this machine's DNS answers",
    "refused": "check host and port, and that PostgreSQL runs there and listens to this machine",
    "no such file or directory": "check host and port, and that PostgreSQL runs there",
    "no space left": "free some disk space",
    "file too large": "free some disk space",
    "disk i/o error": "look whether the disk is full or failing",
    "timeout": "check host and port, and that no firewall stands between",
    "timed out": "check host and port, and that no firewall stands between",
    "server closed": _LOST,
    "terminating connection": _LOST,
    "consuming input failed": _LOST,
    "connection is lost": _LOST,
    "connection is closed": _LOST,
    "starting up": _LOST,
    "shutting down": _LOST,
    "could not connect": _LOST,
    "connection to server": _LOST,
    "connection failed": _LOST,
}
# With the name of what is missing, which the reason has in quotation marks.
_MISSING = {"database": "make it with: createdb {}, or correct the URL", "role": "make it with: createuser {}, or correct the URL"}
