"""Many rows at once, in each dialect's cheapest way."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Connection, String, bindparam, func, select, tuple_
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.exc import StatementError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy import Column
    from sqlalchemy.sql.dml import Insert, Update


def is_any(connection: Connection, column: Column[Any], values: Sequence[str] | Sequence[int]) -> ColumnElement[bool]:
    """That ``column`` has one of the values, however many there are.

    One parameter holds them all: SQLite takes a limited number of parameters, and writing each out costs more than the search.
    """
    if connection.dialect.name == "sqlite":
        listed = func.json_each(bindparam(None, json.dumps(list(values)))).table_valued("value")
        return column.in_(select(listed.c.value))
    return column == func.any(bindparam(None, list(values), type_=ARRAY(column.type)))


def is_any_pair(
    connection: Connection, columns: tuple[Column[Any], Column[Any]], pairs: Sequence[tuple[str, str]]
) -> ColumnElement[bool]:
    """That two columns of text have one of the pairs of values, as `is_any`."""
    if connection.dialect.name == "sqlite":
        listed = func.json_each(bindparam(None, json.dumps(pairs))).table_valued("value")
        each = select(func.json_extract(listed.c.value, "$[0]"), func.json_extract(listed.c.value, "$[1]"))
        return tuple_(*columns).in_(each)
    halves = [bindparam(None, [pair[place] for pair in pairs], type_=ARRAY(String)) for place in (0, 1)]
    unnested = func.unnest(*halves).table_valued("first", "second").render_derived(name="pair")
    return tuple_(*columns).in_(select(unnested.c.first, unnested.c.second))


def execute_rows(connection: Connection, statement: Insert | Update, rows: Sequence[Mapping[str, Any]]) -> None:
    """Execute an INSERT or UPDATE once for each row; all rows have the same names.

    On SQLite the rows go to the driver as tuples, which takes half the time of SQLAlchemy's way.
    """
    if not rows:
        return
    if connection.dialect.name != "sqlite":
        connection.execute(statement, [dict(row) for row in rows])
        return
    compiled = statement.compile(dialect=connection.dialect, column_keys=list(rows[0]))
    names = compiled.positiontup or []
    try:
        columns = [convert_values([row[name] for row in rows], compiled.binds[name].type, connection) for name in names]
    except ValueError as error:  # as SQLAlchemy says it of a value that the column's type refuses
        raise StatementError(str(error), str(compiled), None, error) from error
    connection.exec_driver_sql(str(compiled), list(zip(*columns, strict=True)))


def convert_values(values: list[Any], kind: Any, connection: Connection) -> list[Any]:
    """The values of one column of a type as the driver takes them. Times and repairs come in runs of equal ones."""
    convert: Callable[[Any], Any] | None = kind.dialect_impl(connection.dialect).bind_processor(connection.dialect)
    if convert is None:
        return values
    if isinstance(values[0], (list, dict)):
        return [convert(value) for value in values]
    known: dict[Any, Any] = {}
    return [known[value] if value in known else known.setdefault(value, convert(value)) for value in values]
