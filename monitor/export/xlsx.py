"""Excel workbooks: typed cells, links, a frozen and filtered header, nothing lost to the format's limits."""

from __future__ import annotations

import tempfile
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from monitor.export.selection import SOURCE, DayRows, Selection, iterate_rows, make_values
from monitor.export.tables import list_columns
from monitor.stages.rows import flatten_row
from monitor.text import show_controls
from monitor.urls import is_web_url

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from xlsxwriter import Workbook
    from xlsxwriter.worksheet import Worksheet

# Excel's limits. It counts characters as UTF-16 does.
MAX_CELL_UNITS = 32_767
MAX_ROWS = 1_048_576
MAX_LINKS = 65_530
MAX_LINK_CHARS = 2_079
MAX_FORMULA_TEXT = 255
EPOCH_YEAR = 1900
READ_BYTES = 1 << 20
LONG_TEXTS = "Long texts"
_DATES = frozenset({"day"})
_TIMES = frozenset({"published_at", "fetched_at", "first_seen_at"})
_WIDTHS = {"title": 60, "url": 40, "evidence": 60, "outlet": 24, "narrative": 24, "published_at": 17, "fetched_at": 17}


def export_xlsx(selection: Selection, days: Iterable[DayRows]) -> Iterator[bytes]:
    """One row per article on the sheet ``Articles`` (and on ``Articles 2`` … where one is full).

    Cells that Excel cannot hold are shortened, say so, and are whole on the sheet ``Long texts``.
    """
    with tempfile.TemporaryFile() as file:
        _fill(file, selection, days)
        file.seek(0)
        while block := file.read(READ_BYTES):
            yield block


def _fill(file: Any, selection: Selection, days: Iterable[DayRows]) -> None:
    from xlsxwriter import Workbook  # noqa: PLC0415

    # One row in memory at a time; with text in the cells rather than in a table of shared strings.
    with Workbook(file, {"constant_memory": True, "default_date_format": "yyyy-mm-dd hh:mm"}) as workbook:
        at = selection.latest_at or datetime.combine(selection.first, datetime.min.time(), UTC)
        workbook.set_properties({"title": selection.title, "comments": selection.summary, "author": SOURCE, "created": at})
        about = workbook.add_worksheet("About")
        sheets = _Sheets(workbook, list_columns(selection))
        for row in iterate_rows(days):
            sheets.write_row(flatten_row(make_values(row)))
        sheets.close()
        _write_about(about, selection, sheets.long_texts)
        sheets.first.activate()


def _write_about(sheet: Worksheet, selection: Selection, long_texts: int) -> None:
    facts: tuple[tuple[str, str | int], ...] = (
        ("What", selection.title),
        ("Rows", selection.rows),
        ("Days", selection.span),
        ("A day begins and ends in", selection.timezone),
        ("Times are in", "UTC"),
        ("Bundle", selection.bundle),
        ("Scores and stances", "a model's answers, not decisions"),
        (f"Parts on the sheet {LONG_TEXTS!r}", long_texts),
    )
    sheet.set_column(0, 0, 32)
    sheet.set_column(1, 1, 60)
    for number, (name, value) in enumerate(facts):
        sheet.write_string(number, 0, name)
        _write_plain(sheet, number, 1, value)


def _write_plain(sheet: Worksheet, row: int, column: int, value: str | float) -> None:
    if isinstance(value, str):
        sheet.write_string(row, column, value)
    else:
        sheet.write_number(row, column, value)


class _Sheets:
    """The sheets of rows, and the one of texts that are too long for a cell."""

    def __init__(
        self, workbook: Workbook, columns: tuple[str, ...], *, max_rows: int = MAX_ROWS, max_links: int = MAX_LINKS
    ) -> None:
        self._workbook, self._columns, self._max_rows, self._max_links = workbook, columns, max_rows, max_links
        self._formats = {
            "head": workbook.add_format({"bold": True}),
            "date": workbook.add_format({"num_format": "yyyy-mm-dd"}),
            "time": workbook.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"}),
            "score": workbook.add_format({"num_format": "0.00"}),
        }
        self._sheets_made = 0
        self._links = 0
        self.long_texts = 0
        self.first = self._sheet = self._start_sheet()
        self._long = workbook.add_worksheet(LONG_TEXTS)
        self._long_row = 0
        for column, name in enumerate(("sheet", "row", "column", "part", "parts", "text")):
            self._long.write_string(0, column, name, self._formats["head"])
        self._long.freeze_panes(1, 0)

    def _start_sheet(self) -> Worksheet:
        self._sheets_made += 1
        sheet = self._workbook.add_worksheet("Articles" if self._sheets_made == 1 else f"Articles {self._sheets_made}")
        for column, name in enumerate(self._columns):
            sheet.set_column(column, column, _WIDTHS.get(name, 14))
        for column, name in enumerate(self._columns):
            sheet.write_string(0, column, name, self._formats["head"])
        sheet.freeze_panes(1, 0)
        self._row, self._links = 1, 0
        return sheet

    def close(self) -> None:
        """Put the filter on the last sheet."""
        self._sheet.autofilter(0, 0, self._row - 1, len(self._columns) - 1)

    def write_row(self, cells: dict[str, Any]) -> None:
        """Write one article."""
        if self._row == self._max_rows:
            self.close()
            self._sheet = self._start_sheet()
        for column, name in enumerate(self._columns):
            self._write_cell(column, name, cells[name])
        self._row += 1

    def _write_cell(self, column: int, name: str, value: Any) -> None:
        match value:
            case None | "":
                return
            case bool():
                self._sheet.write_boolean(self._row, column, value)
            case int() | float():
                self._sheet.write_number(self._row, column, value, self._formats["score"] if name == "score" else None)
            case str() if name in _DATES | _TIMES:
                self._write_time(column, name, value)
            case str() if name == "url":
                self._write_link(column, show_controls(value))
            case _:
                self._write_text(column, name, _make_text(str(value)))

    def _write_time(self, column: int, name: str, value: str) -> None:
        at = date.fromisoformat(value) if name in _DATES else datetime.fromisoformat(value).replace(tzinfo=None)
        if at.year < EPOCH_YEAR:
            self._sheet.write_string(self._row, column, value)
        else:
            self._sheet.write_datetime(self._row, column, at, self._formats["date" if name in _DATES else "time"])

    def _write_link(self, column: int, url: str) -> None:
        """A link as long as Excel takes more of them; then one made by a formula; what cannot be either stays text."""
        if not is_web_url(url) or len(url) > MAX_LINK_CHARS or not url.isprintable():
            self._write_text(column, "url", url)
        elif self._links < self._max_links:
            self._links += 1
            self._sheet.write_url(self._row, column, url, string=url)
        elif len(url) <= MAX_FORMULA_TEXT and '"' not in url:
            self._sheet.write_formula(self._row, column, f'=HYPERLINK("{url}")', value=url)
        else:
            self._write_text(column, "url", url)

    def _write_text(self, column: int, name: str, text: str) -> None:
        parts = split_text(text)
        if len(parts) > 1:
            note = f" … [shortened: {len(text)} characters, whole on the sheet {LONG_TEXTS!r} from row {self._long_row + 2} on]"
            self._keep_long(name, parts)
            text = split_text(text, MAX_CELL_UNITS - len(note))[0] + note
        self._sheet.write_string(self._row, column, text)

    def _keep_long(self, name: str, parts: list[str]) -> None:
        for number, part in enumerate(parts, start=1):
            self._long_row += 1
            self._long.write_string(self._long_row, 0, self._sheet.get_name())
            place: tuple[str | int, ...] = (self._row + 1, name, number, len(parts))
            for column, value in enumerate(place, start=1):
                _write_plain(self._long, self._long_row, column, value)
            self._long.write_string(self._long_row, 5, part)
        self.long_texts += len(parts)


def _make_text(raw: str) -> str:
    """What a cell can hold; line breaks as Excel makes them."""
    return show_controls(raw.replace("\r\n", "\n").replace("\r", "\n"))


def split_text(text: str, max_units: int = MAX_CELL_UNITS) -> list[str]:
    """A text in parts of at most ``max_units`` UTF-16 units, none of which cuts a character in two."""
    if 2 * len(text) <= max_units:
        return [text]
    parts, start, units = [], 0, 0
    for position, char in enumerate(text):
        wide = 2 if ord(char) > 0xFFFF else 1
        if units + wide > max_units:
            parts.append(text[start:position])
            start, units = position, 0
        units += wide
    return [*parts, text[start:]]
