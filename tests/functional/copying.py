"""Stores to copy, and what tells whether two are alike."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alembic import command
from alembic.config import Config as AlembicConfig
from sqlalchemy import create_engine, make_url, text

from monitor.decisions import Answer, Basis, Filters
from monitor.errors import RunLockedError
from monitor.reports import SearchFilters
from monitor.storage import engine as engine_module
from monitor.storage.engine import open_engine
from monitor.storage.reviewschema import metadata
from monitor.storage.reviewstore import ReviewStore
from monitor.storage.transfer import Difference, Side, find_differences
from monitor.wiring.articles import write_digest_again
from monitor.wiring.search import search_store
from monitor.wiring.store import copy_store
from tests.functional.test_postgres import NOW, make_clock

if TYPE_CHECKING:
    from collections.abc import Callable

    from monitor.wiring.parts import Places


def review(places: Places) -> None:
    """Accounts, log-ins that worked and did not, a queue, a decision that was taken back and another."""
    bundle = json.loads((places.digests / "2026-11-20/run.json").read_text("utf-8"))["bundle"]
    with ReviewStore(places.db_url) as store:
        account = store.add_account("anna", role="lead", password_hash="h", created_at=NOW)
        assert account is not None
        store.open_session("a" * 64, account_id=account.id, language="uk", now=NOW, expires_at=NOW.replace(hour=23))
        store.add_failure(["name:x"], failed_at=NOW, forget_before=NOW.replace(hour=0))
        while store.fill_queue(bundle, thresholds={}, seed="s", limit=100):
            pass
        for again in (True, False):
            number = store.claim_next(("certain", "sample", "second"), Filters(), account_id=account.id, now=NOW, but=None)
            item = store.load_item(number) if number else None
            assert item is not None
            basis = Basis(item.revision, item.version)
            answer = Answer("confirm", item.narrative, "promotes", note="Нотатка\nз двох рядків\t\\.")
            kept = store.save_decision(item.id, answer, account_id=account.id, basis=basis, made_at=NOW)
            if again:
                store.undo_decision(kept.decision_id, account_id=account.id, is_lead=True, made_at=NOW)  # type: ignore[union-attr]


def execute(db_url: str, *statements: Any) -> None:
    engine = create_engine(db_url)
    try:
        with engine.begin() as connection:
            for statement in statements:
                connection.execute(statement)
    finally:
        engine.dispose()


def count_rows(db_url: str) -> dict[str, int]:
    engine = create_engine(db_url)
    with engine.connect() as connection:
        found = {name: int(connection.exec_driver_sql(f"SELECT count(*) FROM {name}").scalar_one()) for name in metadata.tables}
    engine.dispose()
    return found


def dump(db_url: str) -> dict[str, list[Any]]:
    """Everything that an SQLite store holds, as SQLite stored it."""
    with closing(sqlite3.connect(make_url(db_url).database or "")) as connection:
        found = {}
        for table in metadata.sorted_tables:
            columns = ", ".join(f'typeof("{column.name}"), "{column.name}"' for column in table.columns)
            found[table.name] = sorted(connection.execute(f"SELECT {columns} FROM {table.name}").fetchall(), key=repr)
        return found


def compare(one: str, other: str) -> list[Difference]:
    engines = [open_engine(url) for url in (one, other)]
    with engines[0].connect() as ours, engines[1].connect() as theirs:
        found = list(find_differences(Side(ours, "one"), Side(theirs, "other")))
    for engine in engines:
        engine.dispose()
    return found


def call(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "monitor", *words], cwd=folder, capture_output=True, text=True, check=False)


def search(places: Places, query: str) -> list[tuple[str, str]]:
    page = search_store(places, query, SearchFilters(), since=None, until=None, limit=10, after=None, by_rank=False).page
    return [(hit.title, hit.article_id) for hit in page.hits]


def read_digest(places: Places) -> dict[str, bytes]:
    folder = write_digest_again(places, make_clock(4), None)
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name.startswith("digest.")}


def make_nothing(_: Path) -> None:
    """There is no such store."""


def make_empty(path: Path) -> None:
    path.touch()


def make_version(number: str) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        open_engine(f"sqlite:///{path}").dispose()
        execute(f"sqlite:///{path}", text(f"UPDATE alembic_version SET version_num = '{number}'"))

    return make


def make_foreign(path: Path) -> None:
    execute(f"sqlite:///{path}", text("CREATE TABLE recipes (name TEXT)"))


def downgrade(db_url: str, version: str) -> None:
    """Take a store back to what an older version of this program made."""
    config = AlembicConfig()
    config.set_main_option("script_location", str(Path(engine_module.__file__).parent / "migrations"))
    engine = create_engine(db_url)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, version)
    engine.dispose()


def copy_store_when_free(source: str, target: str) -> dict[str, int]:
    """The server may still have to notice that the victim is gone."""
    for _ in range(1_000):
        try:
            return copy_store(source, target, make_clock()).rows
        except RunLockedError:
            continue
    raise AssertionError("its claims never came back")
