"""`monitor store copy`: a whole store moves to another kind of database and works there; nothing is lost, nothing half is left."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from alembic import command
from alembic.config import Config as AlembicConfig
from sqlalchemy import create_engine, insert, make_url, text
from sqlalchemy.exc import DBAPIError

from monitor.decisions import Answer, Basis, Filters
from monitor.errors import RunLockedError, StoreError
from monitor.lock import hold_run_lock
from monitor.reports import SearchFilters
from monitor.storage import engine as engine_module
from monitor.storage.engine import SCHEMA_VERSION, open_engine
from monitor.storage.reviewschema import metadata
from monitor.storage.reviewstore import ReviewStore
from monitor.storage.schema import backfills, folded_until, pages
from monitor.storage.store import SqlStore
from monitor.storage.transfer import Difference, Side, StoreTransfer, find_differences
from monitor.wiring.articles import write_digest_again
from monitor.wiring.run import run_once
from monitor.wiring.search import search_store
from monitor.wiring.store import copy_store
from tests.filled_store import Plan, fill_store
from tests.functional.servers import make_rss, serve
from tests.functional.test_postgres import NOW, TITLES, make_clock, work

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from monitor.wiring.parts import Places
    from tests.databases import PostgresServer

PASSWORD = "geheim-4711"
KINDS = ("sqlite", "postgresql")


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Places:
    """A store in SQLite that runs, analysts and channels have used: no table of it is empty."""
    folder = tmp_path_factory.mktemp("original")
    places = work(folder / "work", f"sqlite:///{folder / 'monitor.db'}", folder / "feeds.yaml")
    review(places)
    with SqlStore(places.db_url) as store:
        article = store.load_current(after=0, limit=1)[0][1].id
        store.save_told("chat", kind="flagged", subject="Новое", article_ids=[article], told_at=NOW)
    execute(
        places.db_url,
        insert(pages).values(
            article_id=article, url="https://agency.example/0", for_revision=1, tries=1, tried_at=NOW, outcome="ok"
        ),
        insert(backfills).values(source="/old.jsonl 10 1", units=3, is_finished=True, counts={"rows": 3, "new": 3}),
        insert(folded_until).values(records="visits", until=NOW),
        # No repairs, and repairs that were written as none: they are not the same.
        text("UPDATE revisions SET repairs = NULL WHERE id = 1"),
        text("UPDATE revisions SET repairs = 'null' WHERE id = 2"),
        text('UPDATE revisions SET repairs = \'{"b": 1.0,  "a": ["é"]}\' WHERE id = 3'),
    )
    return places


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


@pytest.fixture
def make_url_of(postgres: PostgresServer, tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """Makes the URLs of new, empty stores."""
    made: list[str] = []

    def make(kind: str) -> str:
        made.append(postgres.make_database() if kind == "postgresql" else f"sqlite:///{tmp_path / f'copy-{len(made)}.db'}")
        return made[-1]

    yield make
    for url in made:
        if url.startswith("postgresql"):
            postgres.drop_database(url)


@pytest.fixture(autouse=True)
def _work_in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


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


def test_there_and_back_every_byte_is_the_same(original: Places, make_url_of: Callable[[str], str]) -> None:
    urls = [original.db_url, make_url_of("postgresql"), make_url_of("postgresql"), make_url_of("sqlite"), make_url_of("sqlite")]
    for source, target in pairwise(urls):
        copied = copy_store(source, target, make_clock())
        assert copied.rows == count_rows(target) == count_rows(original.db_url)
        assert compare(original.db_url, target) == []
    assert min(copied.rows.values()) > 0
    assert dump(urls[-1]) == dump(original.db_url)


def test_a_store_of_many_batches_is_copied_with_progress(make_url_of: Callable[[str], str], tmp_path: Path) -> None:
    source, there, back = f"sqlite:///{tmp_path / 'many.db'}", make_url_of("postgresql"), make_url_of("sqlite")
    fill_store(source, Plan(days=2, per_day=1_300, outlets=5))
    heard: list[tuple[str, int, int]] = []
    copied = copy_store(source, there, make_clock(), report_progress=lambda one: heard.append((one.stage, one.done, one.total)))
    copy_store(there, back, make_clock())
    assert dump(back) == dump(source)
    total = sum(copied.rows.values())
    assert copied.rows["articles"] > 2_000
    assert {stage for stage, _, _ in heard} == {"copy", "compare"}
    assert heard == sorted(heard, key=lambda one: (one[0] == "compare", one[1]))
    assert [one for one in heard if one[0] == "copy"][-1] == ("copy", total, total)
    assert {one[2] for one in heard} == {total}


@pytest.mark.parametrize("kind", KINDS)
def test_the_copy_is_searched_and_run_like_the_original(
    original: Places, make_url_of: Callable[[str], str], tmp_path: Path, kind: str
) -> None:
    places = replace(original, db_url=make_url_of(kind), digests=tmp_path / "digests", archive=tmp_path / "archive")
    via = make_url_of("postgresql" if kind == "sqlite" else "sqlite")
    copy_store(original.db_url, via, make_clock())
    copy_store(via, places.db_url, make_clock())
    before = replace(original, digests=tmp_path / "before")
    for query in ("съезд -фейк", "рыбаки", '"хор запел"', "погод*"):
        assert search(places, query) == search(before, query) != []
    assert read_digest(places) == read_digest(before)

    title = "Паром снова ходит через пролив по расписанию"
    items = [{"title": one, "link": f"https://agency.example/{n}", "description": one} for n, one in enumerate((*TITLES, title))]
    with serve() as server:
        server.documents = {"/a.xml": make_rss(items)}
        places = replace(places, feeds=server.write_feeds(tmp_path / "feeds.yaml"))
        report = run_once(places, make_clock(6), run_id="r3").report
    assert (report.feeds.fetched, report.entries.new, report.assessments.pending) == (1, 1, 0)
    assert [found for found, _ in search(places, "паром")] == [title]
    with ReviewStore(places.db_url) as store:
        assert store.add_account("bohdan", role="analyst", password_hash="h", created_at=NOW) is not None
    with pytest.raises(DBAPIError, match="decisions are never changed"):
        execute(places.db_url, text("DELETE FROM decisions"))


def search(places: Places, query: str) -> list[tuple[str, str]]:
    page = search_store(places, query, SearchFilters(), since=None, until=None, limit=10, after=None, by_rank=False).page
    return [(hit.title, hit.article_id) for hit in page.hits]


def read_digest(places: Places) -> dict[str, bytes]:
    folder = write_digest_again(places, make_clock(4), None)
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name.startswith("digest.")}


def test_the_command_tells_what_it_did_and_no_password(original: Places, make_url_of: Callable[[str], str], tmp_path: Path) -> None:
    target = make_url(make_url_of("postgresql")).set(password=PASSWORD).render_as_string(hide_password=False)
    done = call("store", "copy", original.db_url, target, "--json", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    assert told["rows"] == count_rows(target)
    assert told["from"] == original.db_url
    assert set(told["seconds"]) == {"copy", "index", "compare"}
    assert told["rows_per_s"] > 0
    back = call("store", "copy", target, make_url_of("sqlite"), folder=tmp_path)
    assert back.returncode == 0, back.stderr
    assert f"holds all {sum(told['rows'].values()):,} rows of postgresql+psycopg://postgres:***@" in back.stdout
    assert PASSWORD not in done.stdout + back.stdout + back.stderr


# What is refused


@pytest.mark.parametrize("kind", KINDS)
def test_a_target_with_any_row_is_refused(original: Places, make_url_of: Callable[[str], str], tmp_path: Path, kind: str) -> None:
    target = make_url_of(kind)
    open_engine(target).dispose()
    execute(target, text("INSERT INTO login_failures (subject, failed_at) VALUES ('name:x', '2026-11-20 12:00:00.000000')"))
    done = call("store", "copy", original.db_url, target, folder=tmp_path)
    assert (done.returncode, done.stdout) == (4, "")
    assert "holds rows already (in login_failures); a store is copied into an empty database or a new file" in done.stderr
    assert sum(count_rows(target).values()) == 1


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


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        pytest.param(make_nothing, "there is none; give the URL of a store", id="missing"),
        pytest.param(make_empty, "is an empty database", id="empty"),
        pytest.param(make_version("0005"), f"older version .schema 0005, now {SCHEMA_VERSION}.; `monitor doctor`", id="older"),
        pytest.param(make_version("9999"), "newer version .schema 9999.; update narrative-monitor", id="newer"),
        pytest.param(make_foreign, "holds a database of another program", id="another program's"),
    ],
)
def test_a_source_that_is_no_store_of_this_version_is_refused_and_left_alone(
    tmp_path: Path, make: Callable[[Path], None], reason: str
) -> None:
    source, target = tmp_path / "source.db", tmp_path / "target.db"
    make(source)
    before = source.read_bytes() if source.exists() else None
    with pytest.raises(StoreError, match=f"source.db: .*{reason}"):
        copy_store(f"sqlite:///{source}", f"sqlite:///{target}", make_clock())
    assert before == (source.read_bytes() if source.exists() else None)
    assert not target.exists()


def downgrade(db_url: str, version: str) -> None:
    """Take a store back to what an older version of this program made."""
    config = AlembicConfig()
    config.set_main_option("script_location", str(Path(engine_module.__file__).parent / "migrations"))
    engine = create_engine(db_url)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, version)
    engine.dispose()


def test_the_remedy_for_an_older_store_helps(original: Places, make_url_of: Callable[[str], str], tmp_path: Path) -> None:
    source = make_url_of("postgresql")
    copy_store(original.db_url, source, make_clock())
    downgrade(source, "0005")
    with pytest.raises(StoreError, match="older version"):
        copy_store(source, f"sqlite:///{tmp_path / 'target.db'}", make_clock())
    call("doctor", "--db", source, folder=tmp_path)
    assert copy_store(source, f"sqlite:///{tmp_path / 'target.db'}", make_clock()).rows["decisions"] == 0


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        pytest.param("{source}", "is both the source and the target", id="itself"),
        pytest.param("sqlite:///{folder}/./monitor.db", "is both the source and the target", id="itself by another name"),
        pytest.param("sqlite://", "would be gone when the command ends", id="in memory"),
        pytest.param("sqlite:///{folder}/none/monitor.db", "its folder does not exist", id="no folder"),
        pytest.param("mysql://x/y", "is not supported", id="another kind"),
    ],
)
def test_a_target_that_makes_no_sense_is_refused(original: Places, target: str, reason: str) -> None:
    folder = Path(make_url(original.db_url).database or "").parent
    with pytest.raises(StoreError, match=reason):
        copy_store(original.db_url, target.format(source=original.db_url, folder=folder), make_clock())


def test_another_program_s_target_is_refused_and_left_alone(original: Places, tmp_path: Path) -> None:
    make_foreign(tmp_path / "recipes.db")
    before = (tmp_path / "recipes.db").read_bytes()
    with pytest.raises(StoreError, match="holds a database of another program"):
        copy_store(original.db_url, f"sqlite:///{tmp_path / 'recipes.db'}", make_clock())
    assert (tmp_path / "recipes.db").read_bytes() == before


@pytest.mark.parametrize("side", ["source", "target"])
def test_no_copy_is_made_while_a_run_goes_on(original: Places, make_url_of: Callable[[str], str], side: str) -> None:
    target = make_url_of("sqlite")
    held = original.db_url if side == "source" else target
    path = Path(f"{make_url(held).database}.lock")
    with hold_run_lock(path, started_at=NOW), pytest.raises(RunLockedError, match="another run holds"):
        copy_store(original.db_url, target, make_clock())
    assert copy_store(original.db_url, target, make_clock()).rows["feeds"] == 1


@pytest.mark.parametrize("side", ["source", "target"])
def test_no_copy_is_made_while_a_run_of_another_machine_goes_on(
    original: Places, make_url_of: Callable[[str], str], side: str
) -> None:
    there = make_url_of("postgresql")
    if side == "source":
        copy_store(original.db_url, there, make_clock())
    source, target = (there, make_url_of("sqlite")) if side == "source" else (original.db_url, there)
    with SqlStore(there) as other:
        other.claim_feeds(["a"])
        with pytest.raises(RunLockedError, match="a run or another copy goes on"):
            copy_store(source, target, make_clock())
        other.release_feeds(["a"])
        with other.hold("assessments"), pytest.raises(RunLockedError, match="a run or another copy goes on"):
            copy_store(source, target, make_clock())
        assert copy_store(source, target, make_clock()).rows["feeds"] == 1


# What goes wrong on the way


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_that_is_not_as_it_was_is_found(original: Places, make_url_of: Callable[[str], str], kind: str) -> None:
    target = make_url_of(kind)
    copy_store(original.db_url, target, make_clock())
    key = "'name:y', '2026-11-20 12:00:00.000001'"
    execute(
        target,
        text("UPDATE revisions SET title = title || ' ', fetched_at = '2026-11-20 12:00:00.000001' WHERE id = 2"),
        text("UPDATE revisions SET repairs = NULL WHERE repairs IS NOT NULL AND id = 2"),
        text("DELETE FROM narrative_scores WHERE revision_id = 1"),
        text(f"INSERT INTO login_failures (id, subject, failed_at) VALUES (77, {key})"),
    )
    found = compare(original.db_url, target)
    changed = [str(one) for one in found if one.table != "narrative_scores"]
    assert changed == [
        "login_failures 77: is in the target only",
        "revisions 2: title, fetched_at, repairs not the same",
    ]
    missing = [one for one in found if one.table == "narrative_scores"]
    assert missing
    assert {(one.key[0], one.problem) for one in missing} == {(1, "is missing in the target")}


@pytest.mark.parametrize("kind", KINDS)
def test_a_copy_that_is_not_the_same_is_taken_back(
    original: Places, make_url_of: Callable[[str], str], tmp_path: Path, kind: str
) -> None:
    target = make_url_of(kind)
    open_engine(target).dispose()
    if kind == "sqlite":
        change = "BEGIN UPDATE revisions SET title = 'x' WHERE id = NEW.id AND id = 2; END"
        execute(target, text(f"CREATE TRIGGER meddle AFTER INSERT ON revisions {change}"))
    else:
        body = "BEGIN IF NEW.id = 2 THEN NEW.title = 'x'; END IF; RETURN NEW; END"
        execute(target, text(f"CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS $$ {body} $$"))
        execute(target, text("CREATE TRIGGER meddle BEFORE INSERT ON revisions FOR EACH ROW EXECUTE FUNCTION meddle()"))
    done = call("store", "copy", original.db_url, target, folder=tmp_path)
    assert (done.returncode, done.stdout) == (4, "")
    assert "after the copy: revisions 2: title not the same; nothing was kept" in done.stderr
    assert sum(count_rows(target).values()) == 0


def test_what_postgresql_cannot_hold_is_named(original: Places, make_url_of: Callable[[str], str], tmp_path: Path) -> None:
    source, target = f"sqlite:///{tmp_path / 'source.db'}", make_url_of("postgresql")
    copy_store(original.db_url, source, make_clock())
    execute(source, text("UPDATE visits SET message = 'a' || char(0) || 'b' WHERE id = 1"))
    with pytest.raises(StoreError, match=r"postgresql.*: visits from 1 to 2 cannot be written: .*NUL.*; nothing was kept"):
        copy_store(source, target, make_clock())
    assert sum(count_rows(target).values()) == 0


@pytest.mark.parametrize("stage", ["copy", "compare"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_copy_that_is_killed_leaves_nothing_half(
    make_url_of: Callable[[str], str], tmp_path: Path, kind: str, stage: str
) -> None:
    source, target = f"sqlite:///{tmp_path / 'many.db'}", make_url_of(kind)
    fill_store(source, Plan(days=2, per_day=1_300, outlets=5))
    code = f"""
import sys
from monitor.wiring.store import copy_store
from tests.functional.test_postgres import make_clock

def wait_to_be_killed(progress):
    if progress.stage == {stage!r} and progress.done >= 5_000:
        print("there", flush=True)
        sys.stdin.read()

copy_store({source!r}, {target!r}, make_clock(), report_progress=wait_to_be_killed)
"""
    victim = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert victim.stdout is not None
    assert victim.stdout.readline() == "there\n"
    with pytest.raises(RunLockedError):
        copy_store(source, target, make_clock())
    victim.kill()
    victim.communicate()
    assert sum(count_rows(target).values()) == 0
    copied = copy_store_when_free(source, target)
    assert copied == count_rows(source) == count_rows(target)


def copy_store_when_free(source: str, target: str) -> dict[str, int]:
    """The server may still have to notice that the victim is gone."""
    for _ in range(1_000):
        try:
            return copy_store(source, target, make_clock()).rows
        except RunLockedError:
            continue
    raise AssertionError("its claims never came back")


def test_what_comes_meanwhile_stays_out_of_the_copy(original: Places, make_url_of: Callable[[str], str], tmp_path: Path) -> None:
    source, target = f"sqlite:///{tmp_path / 'source.db'}", make_url_of("postgresql")
    copy_store(original.db_url, source, make_clock())
    written: list[str] = []

    def write(*_: object) -> None:
        if not written:
            written.append("login_failures")
            execute(source, text("INSERT INTO login_failures (subject, failed_at) VALUES ('late', '2026-11-20 12:00:00.000000')"))

    with StoreTransfer(source, target) as transfer:
        transfer.copy(make_clock().timer, write)
    assert count_rows(source)["login_failures"] == count_rows(target)["login_failures"] + 1


def test_a_run_that_begins_meanwhile_waits_for_the_copy(original: Places, make_url_of: Callable[[str], str]) -> None:
    source = make_url_of("postgresql")
    copy_store(original.db_url, source, make_clock())
    engine, begun = create_engine(source), []

    def begin(*_: object) -> None:
        if not begun:
            begun.append(threading.Thread(target=run.sync_feeds, args=[()]))
            begun[0].start()
            with engine.connect() as connection:
                while not connection.exec_driver_sql("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted").first():
                    assert begun[0].is_alive()

    with SqlStore(source) as run:
        with StoreTransfer(source, make_url_of("sqlite")) as transfer:
            transfer.copy(make_clock().timer, begin)
            assert begun[0].is_alive()
        begun[0].join(30)
        assert not begun[0].is_alive()
    engine.dispose()
