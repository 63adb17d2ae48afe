import os
import sqlite3
import tempfile
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from monitor.errors import StoreError
from monitor.storage import engine as engine_module
from monitor.storage.engine import SCHEMA_VERSION, display_url, open_engine
from monitor.storage.reviewschema import metadata

SEARCH_TABLES = ("revision_search", "search_progress")


def url(path: Path) -> str:
    return f"sqlite:///{path}"


def open_and_close(path: Path, **options: bool) -> None:
    open_engine(url(path), **options).dispose()


def execute(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def test_the_version_of_the_schema_is_that_of_the_newest_migration():
    config = Config()
    config.set_main_option("script_location", str(Path(engine_module.__file__).parent / "migrations"))
    assert ScriptDirectory.from_config(config).get_current_head() == SCHEMA_VERSION


def test_a_new_store_gets_the_schema_of_this_version(tmp_path):
    path = tmp_path / "monitor.db"
    open_and_close(path)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [(SCHEMA_VERSION,)]


def test_migrations_make_exactly_the_tables_that_the_code_uses(tmp_path):
    engine = open_engine(url(tmp_path / "monitor.db"))
    try:
        with engine.connect() as connection:

            def is_ours(thing, name, kind, _reflected, _other):
                return kind != "table" or not name.startswith(SEARCH_TABLES)

            context = MigrationContext.configure(connection, opts={"compare_type": True, "include_object": is_ours})
            assert compare_metadata(context, metadata) == []
    finally:
        engine.dispose()


def test_migrations_can_be_taken_back(tmp_path):
    engine = open_engine(url(tmp_path / "monitor.db"))
    try:
        with engine.begin() as connection:
            config = Config(attributes={"connection": connection})
            config.set_main_option("script_location", str(Path(engine_module.__file__).parent / "migrations"))
            command.downgrade(config, "base")
        with engine.connect() as connection:
            assert set(inspect(connection).get_table_names()) == {"alembic_version"}
    finally:
        engine.dispose()


def test_opening_again_keeps_what_is_there(tmp_path):
    path = tmp_path / "monitor.db"
    open_and_close(path)
    execute(path, "INSERT INTO feeds (feed_id, url, outlet, enabled) VALUES ('f', 'https://f.example', 'F', 1)")
    open_and_close(path, must_exist=True)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT feed_id FROM feeds").fetchall() == [("f",)]


def test_sqlite_checks_references_and_lets_readers_in_while_writing(tmp_path):
    engine = open_engine(url(tmp_path / "monitor.db"))
    try:
        with engine.connect() as connection:
            pragmas = {
                name: connection.execute(text(f"PRAGMA {name}")).scalar()
                for name in ("foreign_keys", "journal_mode", "busy_timeout")
            }
    finally:
        engine.dispose()
    assert pragmas == {"foreign_keys": 1, "journal_mode": "wal", "busy_timeout": 30_000}


def make_foreign(path: Path) -> None:
    execute(path, "CREATE TABLE recipes (name TEXT)")


def make_newer(path: Path) -> None:
    open_and_close(path)
    execute(path, "UPDATE alembic_version SET version_num = '9999'")


def make_text(path: Path) -> None:
    path.write_text("Это не база данных, а просто длинный текстовый файл. " * 100)


def make_cut(path: Path) -> None:
    open_and_close(path)
    content = path.read_bytes()
    path.write_bytes(content[:4096] + b"\xff" * 8192)


@pytest.mark.parametrize(
    ("make", "reason", "remedy"),
    [
        pytest.param(make_foreign, "holds a database of another program", "give another with --db", id="another program's"),
        pytest.param(make_newer, r"made by a newer version \(schema 9999\)", "update narrative-monitor", id="newer"),
        pytest.param(make_text, "file is not a database", "restore it from a copy", id="no database"),
        pytest.param(make_cut, "malformed", "restore it from a copy", id="damaged"),
        pytest.param(Path.mkdir, "is a folder", "sqlite:///", id="folder"),
    ],
)
def test_what_is_no_store_of_ours_is_refused_with_reason_and_remedy(tmp_path, make, reason, remedy):
    path = tmp_path / "monitor.db"
    make(path)
    before = None if path.is_dir() else path.read_bytes()
    with pytest.raises(StoreError, match=rf"{path}.*{reason}.*{remedy}"):
        open_and_close(path)
    assert before is None or path.read_bytes()[100:] == before[100:]


def test_another_programs_database_is_left_as_it_was(tmp_path):
    path = tmp_path / "recipes.db"
    make_foreign(path)
    with pytest.raises(StoreError, match="another program"):
        open_and_close(path)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("recipes",)]
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)


def test_a_missing_folder_is_named_with_the_command_that_makes_it(tmp_path):
    with pytest.raises(StoreError, match=f"its folder does not exist; make it with: mkdir -p {tmp_path}/none"):
        open_and_close(tmp_path / "none" / "monitor.db")
    assert not (tmp_path / "none").exists()


def test_a_missing_store_is_an_error_only_where_it_must_exist(tmp_path):
    path = tmp_path / "monitor.db"
    with pytest.raises(StoreError, match=r"there is none; `monitor run` makes it"):
        open_and_close(path, must_exist=True)
    assert not path.exists()
    open_and_close(path)
    assert path.exists()


@contextmanager
def without_root_rights():
    """Nothing is read-only for root, so root becomes nobody for a while."""
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="needs POSIX permissions")
@pytest.mark.parametrize(("folder_mode", "file_mode"), [(0o777, 0o444), (0o555, None)], ids=["file", "folder"])
def test_a_store_that_may_not_be_written_says_so(folder_mode, file_mode):
    with tempfile.TemporaryDirectory() as name:
        folder, path = Path(name), Path(name) / "monitor.db"
        if file_mode is not None:
            path.write_bytes(b"")
            path.chmod(file_mode)
        folder.chmod(folder_mode)
        try:
            with without_root_rights(), pytest.raises(StoreError, match=r"cannot be opened: .* writable for this user"):
                open_and_close(path)
        finally:
            folder.chmod(0o755)


@pytest.mark.parametrize(
    ("db_url", "reason"),
    [
        pytest.param("monitor.db", "is not a database URL; write sqlite:///FILE", id="a path"),
        pytest.param("", "is not a database URL", id="empty"),
        pytest.param("mysql://user:geheim@host/name", "mysql is not supported; use sqlite or postgresql", id="unsupported"),
        pytest.param("oracle+nothing://user:geheim@host/name", "oracle is not supported", id="unsupported driver"),
        pytest.param("sqlite+nothing:///x.db", "its driver is not installed", id="unknown driver"),
        pytest.param(
            "postgresql+psycopg://user:geheim@127.0.0.1:1/name", "driver is not installed|cannot be opened", id="no server"
        ),
        pytest.param("postgresql://user:geheim@host:port/name", "is not a database URL", id="port is no number"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused_without_its_password(db_url, reason):
    with pytest.raises(StoreError, match=reason) as caught:
        open_engine(db_url)
    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize(
    ("db_url", "expected"),
    [
        ("postgresql+psycopg://user:geheim@host/name", "postgresql+psycopg://user:***@host/name"),
        ("sqlite:///monitor.db", "sqlite:///monitor.db"),
        ("no url", "no url"),
    ],
)
def test_a_shown_url_has_no_password(db_url, expected):
    assert display_url(db_url) == expected
