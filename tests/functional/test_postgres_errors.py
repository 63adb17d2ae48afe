"""What is wrong with a PostgreSQL store is said in one line, with what to do, and never with the password."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import make_url

if TYPE_CHECKING:
    from pathlib import Path

    from tests.databases import PostgresServer

PASSWORD = "geheim-4711"


@pytest.fixture(scope="module")
def locked(postgres: PostgresServer) -> str:
    """The URL of a store on which a role with a password has no rights."""
    postgres.add_role("locked", PASSWORD)
    return show(postgres.make_database(), username="locked")


def show(db_url: str, **changes: str | int) -> str:
    return make_url(db_url).set(**changes).render_as_string(hide_password=False)  # type: ignore[arg-type]


def refuse(folder: Path, db_url: str, *, first: str = "") -> str:
    """What a command that needs the store says of it. ``first`` is done before the program begins."""
    code = (
        f"import sys; {first}\nsys.argv = ['monitor', 'search', 'слово', '--db', {db_url!r}]\nfrom monitor.cli import main\nmain()"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (4, ""), done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert PASSWORD not in done.stderr
    assert done.stderr.startswith("monitor: store postgresql")
    return done.stderr


def test_a_wrong_password(locked: str, tmp_path: Path) -> None:
    said = refuse(tmp_path, show(locked, password=f"{PASSWORD}-falsch"))
    assert 'password authentication failed for user "locked"; check user and password' in said
    assert "locked:***@" in said


def test_no_password(locked: str, tmp_path: Path) -> None:
    assert "no password supplied; give one: in the URL as USER:PASSWORD@, or in ~/.pgpass" in refuse(tmp_path, locked)


def test_a_role_without_rights(locked: str, tmp_path: Path) -> None:
    assert "permission denied" in refuse(tmp_path, show(locked, password=PASSWORD))
    empty = show(locked, password=PASSWORD, database="postgres")
    assert "permission denied for schema public" in (said := refuse(tmp_path, empty))
    assert "GRANT CREATE, USAGE ON SCHEMA public" in said


def test_a_database_that_there_is_not(locked: str, tmp_path: Path) -> None:
    said = refuse(tmp_path, show(locked, password=PASSWORD, database="nowhere"))
    assert 'database "nowhere" does not exist; make it with: createdb nowhere' in said


def test_a_role_that_there_is_not(locked: str, tmp_path: Path) -> None:
    said = refuse(tmp_path, show(locked, username="nobody", password=PASSWORD))
    assert 'role "nobody" does not exist; make it with: createuser nobody' in said


@pytest.mark.parametrize(
    ("address", "reason", "remedy"),
    [
        pytest.param(
            "127.0.0.1:1", "Connection refused", "check host and port, and that PostgreSQL runs there", id="nothing listens"
        ),
        pytest.param(
            "nowhere.invalid", "failed to resolve host 'nowhere.invalid'", "check the spelling of the host", id="no such host"
        ),
    ],
)
def test_a_host_that_cannot_be_reached(tmp_path: Path, address: str, reason: str, remedy: str) -> None:
    said = refuse(tmp_path, f"postgresql+psycopg://anna:{PASSWORD}@{address}/monitor")
    assert reason in said
    assert remedy in said


def test_a_folder_of_sockets_without_a_server(tmp_path: Path) -> None:
    said = refuse(tmp_path, f"postgresql+psycopg://anna:{PASSWORD}@/monitor?host={tmp_path}")
    assert "check host and port, and that PostgreSQL runs there" in said


@pytest.mark.parametrize("scheme", ["postgresql+psycopg", "postgresql"])
def test_a_missing_driver(tmp_path: Path, scheme: str) -> None:
    without = "sys.modules['psycopg'] = sys.modules['psycopg2'] = None"
    said = refuse(tmp_path, f"{scheme}://anna:{PASSWORD}@db.example/monitor", first=without)
    assert "its driver is not installed" in said
    assert "install narrative-monitor with its extra `postgres`, and begin the URL with postgresql+psycopg://" in said


def test_a_password_among_the_options_is_not_shown(tmp_path: Path) -> None:
    assert "anna" in refuse(tmp_path, f"postgresql+psycopg://anna@127.0.0.1:1/monitor?password={PASSWORD}")
