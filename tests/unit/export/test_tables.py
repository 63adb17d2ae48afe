import io
import json

import pandas as pd
import pytest

from monitor.export.selection import make_values
from monitor.export.tables import export_csv, export_jsonl, list_columns
from monitor.stages.rows import CSV_COLUMNS, flatten_row
from monitor.text import show_controls
from tests.factories import make_score
from tests.unit.export.texts import export_bytes, make_export_row, make_hostile_rows, make_selection

STARTS = ("=", "+", "-", "@", "\t", "\r")


def read_csv(content: bytes) -> list[dict[str, str]]:
    table = pd.read_csv(io.BytesIO(content), encoding="utf-8-sig", keep_default_na=False, dtype=str)
    return table.to_dict("records")


def disarm(text: str) -> str:
    shown = show_controls(text)
    return f"'{shown}" if shown.startswith(STARTS) else shown


def test_every_cell_of_every_row_comes_back_through_pandas():
    rows = make_hostile_rows()
    read = read_csv(export_bytes(export_csv, rows))
    assert len(read) == len(rows)
    for row, cells in zip(rows, read, strict=True):
        expected = flatten_row(make_values(row))
        assert list(cells) == list(CSV_COLUMNS)
        assert cells == {name: disarm("" if expected[name] is None else str(expected[name])) for name in CSV_COLUMNS}
        assert not [cell for cell in cells.values() if cell.startswith(STARTS)]


def test_json_lines_come_back_as_they_are():
    rows = make_hostile_rows()
    lines = export_bytes(export_jsonl, rows).split(b"\n")
    assert lines.pop() == b""
    assert [json.loads(line) for line in lines] == [make_values(row) for row in rows]


@pytest.mark.parametrize(
    ("scores", "flagged", "narrative"),
    [
        pytest.param((make_score(),), "True", "fake_loyalty", id="flagged"),
        pytest.param((make_score("biolabs_wmd", 0.4, flagged=False),), "False", "biolabs_wmd", id="not flagged"),
        pytest.param((), "False", "", id="no narrative at all"),
    ],
)
def test_a_table_of_all_articles_says_which_are_flagged(scores, flagged, narrative):
    rows = [make_export_row(narratives=scores, bundle=None if not scores else "b")]
    (cells,) = read_csv(export_bytes(export_csv, rows, flagged_only=False))
    assert (cells["flagged"], cells["narrative"], cells["bundle"]) == (flagged, narrative, "b" if scores else "")
    assert list_columns(make_selection(rows, flagged_only=False))[-1] == "flagged"


def test_an_export_of_nothing_is_a_header_and_no_lines():
    assert export_bytes(export_csv, []) == b"\xef\xbb\xbf" + ",".join(CSV_COLUMNS).encode() + b"\r\n"
    assert export_bytes(export_jsonl, []) == b""
