"""CSV and JSON Lines: the rows of the digest's own files, of any days."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from monitor.export.selection import DayRows, Selection, iterate_rows, make_values
from monitor.stages.rows import CSV_COLUMNS, write_csv

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def list_columns(selection: Selection) -> tuple[str, ...]:
    """The columns of a table: the digest's, and where not all articles are flagged, which are."""
    return CSV_COLUMNS if selection.flagged_only else (*CSV_COLUMNS, "flagged")


def export_csv(selection: Selection, days: Iterable[DayRows]) -> Iterator[bytes]:
    """As ``digest.csv``."""
    return write_csv(map(make_values, iterate_rows(days)), list_columns(selection))


def export_jsonl(_selection: Selection, days: Iterable[DayRows]) -> Iterator[bytes]:
    """As ``digest.jsonl``."""
    for row in iterate_rows(days):
        yield json.dumps(make_values(row), ensure_ascii=False).encode("utf-8", "replace") + b"\n"
