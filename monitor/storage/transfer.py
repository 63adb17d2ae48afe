"""Copies a whole store into an empty one, from SQLite to PostgreSQL, back, or to one of the same kind.

The source is read as it was at one moment, table by table, each in the order of its keys and a batch at a time, so memory does not
grow with the store. The target is written in one transaction: before that ends, both are read again and compared row for row.
Whatever stops a copy, the target stays empty.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Self

from sqlalchemy import JSON, String, cast, collate, func, insert, inspect, literal, select, text
from sqlalchemy import Text as TextType
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from monitor.errors import RunLockedError, StoreError
from monitor.storage.articles import index_text
from monitor.storage.bulk import convert_values
from monitor.storage.claims import Claims
from monitor.storage.engine import (
    are_same_store,
    check_version,
    connect_engine,
    display_url,
    migrate_store,
    naming_failed_opening,
    read_version,
    store_exists,
)
from monitor.storage.reviewschema import metadata

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sqlalchemy import Column, ColumnElement, Connection, Engine, Table

    Report = Callable[[str, int, int], None]
    Row = tuple[Any, ...]

BATCH = 1_000
MAX_SHOWN = 5
# KiB of a SQLite target that are kept in memory: indexes are written all over the file.
CACHE_KIB = 64_000


@dataclass(frozen=True, slots=True)
class Copied:
    """What a copy did: its stores (without passwords), rows by table, and how long each step took."""

    source: str
    target: str
    rows: dict[str, int]
    seconds: dict[str, float]

    @property
    def rows_per_s(self) -> int:
        """Rows for each second of all steps."""
        return round(sum(self.rows.values()) / max(0.001, sum(self.seconds.values())))


@dataclass(frozen=True, slots=True)
class Difference:
    """A row that is not the same in two stores: its table, its key, and what is wrong with it."""

    table: str
    key: tuple[Any, ...]
    problem: str

    def __str__(self) -> str:
        return f"{self.table} {', '.join(map(str, self.key))}: {self.problem}"


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two stores while it is read or written. ``name`` is its URL without the password."""

    connection: Connection
    name: str

    @contextmanager
    def naming_errors(self, doing: str) -> Iterator[None]:
        """Turn what the database says within into a `StoreError`."""
        # Rows go to PostgreSQL past SQLAlchemy, so its driver's own errors come, too.
        driver = self.connection.dialect.loaded_dbapi.Error
        try:
            yield
        except (SQLAlchemyError, driver) as error:
            reason = " ".join(str(getattr(error, "orig", None) or error).split())
            raise StoreError(f"store {self.name}: {doing}: {reason}; nothing was kept, copy again when that is mended") from error


class StoreTransfer:
    """Two open stores: one with rows, of this version's schema, and an empty one. Use it as a context; see `copy`.

    Raises `StoreError` where they cannot be opened or are not that, before anything was changed but for the target's empty tables.
    """

    def __init__(self, source_url: str, target_url: str) -> None:
        self._names = display_url(source_url), display_url(target_url)
        if are_same_store(source_url, target_url):
            raise StoreError(f"store {self._names[1]}: is both the source and the target; name two stores")
        with ExitStack() as undo:
            self._source = _open_source(source_url)
            undo.callback(self._source.dispose)
            self._target = _open_target(target_url)
            undo.pop_all()
        self._claims = Claims(self._source), Claims(self._target)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for claims in self._claims:
            claims.close()
        self._source.dispose()
        self._target.dispose()

    def copy(self, read_timer: Callable[[], float], report: Report = lambda *_: None) -> Copied:
        """Copy all rows and compare them. ``report`` hears of each step how many rows of how many are done.

        Raises `StoreError`, which names tables and keys where rows differ, and `RunLockedError` where a run goes on in one of
        them; then the target is as empty as it was.
        """
        for claims, name in zip(self._claims, self._names, strict=True):
            with naming_failed_opening(name):
                if not claims.take_store():
                    raise RunLockedError(f"store {name}: a run or another copy goes on; wait for it to end, nothing was done")
        with _read_one_moment(self._source, self._names[0]) as source, _write_at_once(self._target, self._names[1]) as target:
            copied = _copy_all(source, target, read_timer, report)
        _tidy_file(self._target)
        return copied


def _open_source(db_url: str) -> Engine:
    if not store_exists(db_url):
        raise StoreError(f"store {display_url(db_url)}: there is none; give the URL of a store that `monitor run` has filled")
    engine = connect_engine(db_url, must_exist=True)
    try:
        with naming_failed_opening(db_url), engine.connect() as connection:
            check_version(connection, db_url)
    except StoreError:
        engine.dispose()
        raise
    return engine


def _open_target(db_url: str) -> Engine:
    if make_url(db_url).database in {None, "", ":memory:"} and make_url(db_url).get_backend_name() == "sqlite":
        raise StoreError(f"store {display_url(db_url)}: would be gone when the command ends; write sqlite:///FILE")
    engine = connect_engine(db_url)
    try:
        if engine.dialect.name == "postgresql" and engine.driver != "psycopg":
            raise StoreError(
                f"store {display_url(db_url)}: rows are copied through psycopg; begin the URL with postgresql+psycopg://"
            )
        with naming_failed_opening(db_url), engine.connect() as connection:
            # Another program's database, or an older store with rows, is not to be migrated first.
            read_version(connection, db_url)
            _check_empty(connection, display_url(db_url))
        migrate_store(engine, db_url)
    except StoreError:
        engine.dispose()
        raise
    return engine


def _check_empty(connection: Connection, name: str) -> None:
    there = set(inspect(connection).get_table_names())
    for table in metadata.sorted_tables:
        if table.name in there and connection.execute(select(literal(1)).select_from(table).limit(1)).first():
            remedy = "a store is copied into an empty database or a new file only, give such a one"
            raise StoreError(f"store {name}: holds rows already (in {table.name}); {remedy}")


@contextmanager
def _read_one_moment(engine: Engine, name: str) -> Iterator[Side]:
    """A store as it is now, whoever writes to it meanwhile."""
    with naming_failed_opening(name):
        connection = engine.connect()
    with connection:
        side = Side(connection, name)
        with side.naming_errors("cannot be read"):
            if engine.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN")
            else:
                connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        yield side


@contextmanager
def _write_at_once(engine: Engine, name: str) -> Iterator[Side]:
    """An empty store, to be written in one transaction that ends with the context; an error takes all of it back."""
    with naming_failed_opening(name):
        connection = engine.connect()
    with connection:
        side = Side(connection, name)
        with side.naming_errors("cannot be written"):
            if engine.dialect.name == "sqlite":
                connection.exec_driver_sql("PRAGMA synchronous = FULL")
                connection.exec_driver_sql(f"PRAGMA cache_size = -{CACHE_KIB}")
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            _check_empty(connection, name)
        yield side
        with side.naming_errors("cannot be written"):
            connection.commit()


def _tidy_file(target: Engine) -> None:
    """Move what was written from beside a SQLite file into it."""
    if target.dialect.name == "sqlite":
        with target.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")


def _copy_all(source: Side, target: Side, read_timer: Callable[[], float], report: Report) -> Copied:
    rows = _count_rows(source)
    total = sum(rows.values())
    seconds: dict[str, float] = {}
    began = read_timer()
    done = 0
    for table in metadata.sorted_tables:
        for batch in _read_batches(source, table):
            _write_batch(target, table, batch)
            done += len(batch)
            report("copy", done, total)
    seconds["copy"] = read_timer() - began
    began = read_timer()
    with target.naming_errors("what searches and counts in it cannot be made"):
        index_text(target.connection)
        _prepare_postgres(target.connection)
    seconds["index"] = read_timer() - began
    began = read_timer()
    differences = find_differences(source, target, lambda done: report("compare", done, total))
    if found := list(islice(differences, MAX_SHOWN + 1)):
        raise _refuse_copy(source, target, found)
    seconds["compare"] = read_timer() - began
    return Copied(source.name, target.name, rows, seconds)


def _refuse_copy(source: Side, target: Side, found: list[Difference]) -> StoreError:
    shown = "; ".join(map(str, found[:MAX_SHOWN])) + ("; and more" if len(found) > MAX_SHOWN else "")
    remedy = "nothing was kept. Copy again; if it differs again, look for triggers in the target, and for damage in both"
    return StoreError(f"store {target.name}: is not the same as {source.name} after the copy: {shown}; {remedy}")


def _count_rows(side: Side) -> dict[str, int]:
    with side.naming_errors("cannot be read"):
        return {
            table.name: int(side.connection.execute(select(func.count()).select_from(table)).scalar_one())
            for table in metadata.sorted_tables
        }


def _read_batches(side: Side, table: Table) -> Iterator[Sequence[Sequence[Any]]]:
    """All rows of a table in the order of its key, which is the same on every database."""
    is_postgres = side.connection.dialect.name == "postgresql"
    query = select(*map(_read_exactly, table.columns)).order_by(*(_order(one, is_postgres) for one in table.primary_key.columns))
    with (
        side.naming_errors(f"{table.name} cannot be read"),
        side.connection.execute(query, execution_options={"yield_per": BATCH}) as found,
    ):
        yield from found.partitions()


def _read_exactly(column: Column[Any]) -> ColumnElement[Any]:
    """JSON as it was written: read as values, a JSON null and none at all would be the same."""
    return cast(column, TextType) if isinstance(column.type, JSON) else column


def _order(column: Column[Any], is_postgres: bool) -> ColumnElement[Any]:  # noqa: FBT001
    """By code points, as SQLite and Python do; PostgreSQL would go by its language's alphabet."""
    return collate(column, "C") if is_postgres and isinstance(column.type, String) else column


def _write_batch(side: Side, table: Table, rows: Sequence[Sequence[Any]]) -> None:
    connection = side.connection
    first, last = (", ".join(map(str, _make_key(table)(rows[place]))) for place in (0, -1))
    with side.naming_errors(f"{table.name} from {first} to {last} cannot be written"):
        columns = [
            list(values) if isinstance(column.type, JSON) else convert_values(list(values), column.type, connection)
            for column, values in zip(table.columns, zip(*rows, strict=True), strict=True)
        ]
        converted = list(zip(*columns, strict=True))
        if connection.dialect.name == "sqlite":
            statement = insert(table).compile(dialect=connection.dialect, column_keys=[one.name for one in table.columns])
            connection.exec_driver_sql(str(statement), converted)
        else:
            _send_to_postgres(connection, table, converted)


def _send_to_postgres(connection: Connection, table: Table, rows: list[tuple[Any, ...]]) -> None:
    """COPY, which takes a fraction of the time of INSERT. The column that searches is made by the server."""
    quoting = connection.dialect.identifier_preparer
    names = ", ".join(quoting.quote(column.name) for column in table.columns)
    cursor: Any = connection.connection.cursor()
    with cursor, cursor.copy(f"COPY {quoting.format_table(table)} ({names}) FROM STDIN") as sending:
        for row in rows:
            sending.write_row(row)


def _prepare_postgres(connection: Connection) -> None:
    """Numbers go on behind those that were copied, and the planner knows how much there is."""
    if connection.dialect.name != "postgresql":
        return
    for table in metadata.sorted_tables:
        if (column := table.autoincrement_column) is not None:
            sequence = func.pg_get_serial_sequence(table.name, column.name)
            last = select(func.max(column)).scalar_subquery()
            connection.execute(select(func.setval(sequence, func.coalesce(last, 1), last.is_not(None))))
        connection.execute(text(f"ANALYZE {table.name}"))


def find_differences(source: Side, target: Side, report: Callable[[int], None] = lambda _: None) -> Iterator[Difference]:
    """Rows that are not the same in both stores, in the order of tables and keys. ``report`` hears how many rows were compared."""
    done = 0
    for table in metadata.sorted_tables:
        key = _make_key(table)
        for ours, theirs in _pair_rows(_read_rows(source, table), _read_rows(target, table), key):
            if ours != theirs and (problem := _describe_problem(table, ours, theirs)):
                yield Difference(table.name, key(ours or theirs), problem)
            done += 1
            if not done % BATCH:
                report(done)


def _read_rows(side: Side, table: Table) -> Iterator[Row]:
    return (tuple(row) for batch in _read_batches(side, table) for row in batch)


def _make_key(table: Table) -> Callable[[Any], tuple[Any, ...]]:
    """What gives the key of a row."""
    names = [column.name for column in table.columns]
    places = [names.index(column.name) for column in table.primary_key.columns]
    return lambda row: tuple(row[place] for place in places)


def _pair_rows(
    ours: Iterator[Row], theirs: Iterator[Row], key: Callable[[Any], tuple[Any, ...]]
) -> Iterator[tuple[Row | None, Row | None]]:
    """Rows of the same key, both in the order of keys; None stands for one that is not there."""
    left, right = next(ours, None), next(theirs, None)
    while left is not None or right is not None:
        if left == right or (left and right and key(left) == key(right)):
            yield left, right
            left, right = next(ours, None), next(theirs, None)
        elif right is None or (left is not None and key(left) < key(right)):
            yield left, None
            left = next(ours, None)
        else:
            yield None, right
            right = next(theirs, None)


def _describe_problem(table: Table, ours: Row | None, theirs: Row | None) -> str:
    """What is wrong; empty where the rows only seem to differ, as two NaN do."""
    if ours is None or theirs is None:
        return "is in the target only" if ours is None else "is missing in the target"
    differing = [column.name for column, mine, yours in zip(table.columns, ours, theirs, strict=True) if repr(mine) != repr(yours)]
    return f"{', '.join(differing)} not the same" if differing else ""
