import io
from datetime import UTC, datetime

import openpyxl
import pytest
import xlsxwriter

from monitor.export.selection import make_values
from monitor.export.xlsx import LONG_TEXTS, MAX_CELL_UNITS, _Sheets, export_xlsx, split_text
from monitor.stages.rows import CSV_COLUMNS, flatten_row
from monitor.text import show_controls
from tests.unit.export.texts import export_bytes, make_export_row, make_hostile_rows

TIMES = {"published_at", "fetched_at", "first_seen_at"}


def read_book(content: bytes) -> openpyxl.Workbook:
    return openpyxl.load_workbook(io.BytesIO(content))


def read_rows(book: openpyxl.Workbook, sheet: str = "Articles") -> list[dict]:
    head, *rows = book[sheet].iter_rows(values_only=True)
    return [dict(zip(head, map(unescape, row), strict=True)) for row in rows]


def unescape(value):
    """Excel's own escape of what looks like its escapes; openpyxl undoes it in the table of shared strings only."""
    return value.replace("_x005F_", "_") if isinstance(value, str) else value


def read_long(book: openpyxl.Workbook) -> dict[tuple[int, str], str]:
    found: dict[tuple[int, str], str] = {}
    for cells in read_rows(book, LONG_TEXTS):
        key = cells["row"], cells["column"]
        found[key] = found.get(key, "") + cells["text"]
    return found


def expect_cell(name: str, value):
    if value in {None, ""}:
        return None
    if name == "day":
        return datetime.fromisoformat(value)
    if name in TIMES:
        return datetime.fromisoformat(value).replace(tzinfo=None)
    return show_controls(value.replace("\r", "\n")) if isinstance(value, str) else value


def test_every_cell_of_every_row_comes_back_typed_and_none_is_a_formula():
    rows = make_hostile_rows()
    book = read_book(export_bytes(export_xlsx, rows))
    read, long_texts = read_rows(book), read_long(book)
    assert len(read) == len(rows)
    for number, (row, cells) in enumerate(zip(rows, read, strict=True), start=2):
        expected = flatten_row(make_values(row))
        for name in CSV_COLUMNS:
            whole = long_texts.get((number, name), cells[name])
            assert whole == expect_cell(name, expected[name]), (number, name)
    assert not [cell for row in book["Articles"].iter_rows() for cell in row if cell.data_type == "f"]


def test_the_header_is_frozen_and_filtered_and_the_count_is_told():
    book = read_book(export_bytes(export_xlsx, make_hostile_rows()))
    sheet = book["Articles"]
    assert sheet.freeze_panes == "A2"
    assert sheet.auto_filter.ref == f"A1:{openpyxl.utils.get_column_letter(len(CSV_COLUMNS))}{len(make_hostile_rows()) + 1}"
    facts = dict(book["About"].iter_rows(values_only=True))
    assert facts["Rows"] == len(make_hostile_rows())
    assert facts["Days"] == "2026-05-14"


def test_a_text_too_long_for_a_cell_says_where_it_is_whole():
    text = "слово " * 7_000
    book = read_book(export_bytes(export_xlsx, [make_export_row(title=text)]))
    (cells,) = read_rows(book)
    assert "[shortened: 42000 characters, whole on the sheet 'Long texts' from row 2 on]" in cells["title"]
    assert len(cells["title"]) <= MAX_CELL_UNITS
    assert read_long(book)[2, "title"] == text


@pytest.mark.parametrize(
    ("url", "linked"),
    [
        pytest.param("https://port.example/1?a=1&b=2#part", True, id="web"),
        pytest.param("javascript:alert(1)", False, id="script"),
        pytest.param("https://port.example/" + "x" * 3_000, False, id="too long"),
        pytest.param('https://port.example/"&cmd', True, id="quotes"),
    ],
)
def test_links_are_links_and_what_is_no_link_is_text(url, linked):
    book = read_book(export_bytes(export_xlsx, [make_export_row(url=url)]))
    cell = book["Articles"].cell(2, CSV_COLUMNS.index("url") + 1)
    assert cell.value == url
    assert (cell.hyperlink is not None) == linked


def fill_book(rows, **limits) -> openpyxl.Workbook:
    file = io.BytesIO()
    with xlsxwriter.Workbook(file, {"constant_memory": True}) as workbook:
        sheets = _Sheets(workbook, CSV_COLUMNS, **limits)
        for row in rows:
            sheets.write_row(flatten_row(make_values(row)))
        sheets.close()
    return read_book(file.getvalue())


def test_beyond_excels_number_of_links_they_are_formulas_that_quotes_cannot_leave():
    urls = ["https://port.example/1", "https://port.example/2", 'https://port.example/"&1', "https://port.example/" + "y" * 300]
    book = fill_book([make_export_row(url=url) for url in urls], max_links=1)
    column = CSV_COLUMNS.index("url") + 1
    cells = [book["Articles"].cell(row, column) for row in range(2, 6)]
    assert [cell.value for cell in cells] == [urls[0], f'=HYPERLINK("{urls[1]}")', urls[2], urls[3]]
    assert [cell.data_type for cell in cells] == ["s", "f", "s", "s"]


def test_a_full_sheet_is_followed_by_another():
    rows = [make_export_row(f"a{n}") for n in range(5)]
    book = fill_book(rows, max_rows=3)
    read = [cells["article_id"] for sheet in ("Articles", "Articles 2", "Articles 3") for cells in read_rows(book, sheet)]
    assert read == [row.article.article_id for row in rows]
    assert all(book[sheet].auto_filter.ref for sheet in ("Articles", "Articles 2", "Articles 3"))


def test_a_date_that_excel_has_no_number_for_is_text():
    early = datetime(1861, 3, 3, tzinfo=UTC)
    (cells,) = read_rows(read_book(export_bytes(export_xlsx, [make_export_row(published_at=early)])))
    assert cells["published_at"] == "1861-03-03T00:00:00Z"


def test_the_same_rows_give_the_same_bytes_and_none_gives_a_book_too():
    rows = make_hostile_rows()
    assert export_bytes(export_xlsx, rows) == export_bytes(export_xlsx, rows)
    assert read_rows(read_book(export_bytes(export_xlsx, [], latest_at=None))) == []


def test_flags_are_truth_values():
    row = make_export_row()
    (cells,) = read_rows(read_book(export_bytes(export_xlsx, [row], flagged_only=False)))
    assert cells["flagged"] is True


@pytest.mark.parametrize("text", ["", "🌉🌉🌉", "a🌉b", "абв" * 5, "🌉" * 40])
def test_parts_are_short_enough_and_make_up_the_whole(text):
    parts = split_text(text, 5)
    assert "".join(parts) == text
    assert all(len(part.encode("utf-16-le")) <= 10 for part in parts)
