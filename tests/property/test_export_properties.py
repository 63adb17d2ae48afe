"""What must hold of exports whatever the texts are."""

import io
import json

import feedparser
import openpyxl
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from monitor.export.atom import ATOM, export_atom
from monitor.export.labelstudio import export_labelstudio
from monitor.export.misp import export_misp
from monitor.export.selection import make_headline
from monitor.export.stix import export_stix
from monitor.export.xlsx import export_xlsx, split_text
from monitor.records import Evidence
from monitor.text import show_controls
from tests.factories import make_score
from tests.unit.export.texts import export_bytes, make_export_row

texts = st.one_of(
    st.text(max_size=80),
    st.lists(st.sampled_from(["=", "]]>", "<b>", "&lt;", "_x0000_", "\0", "\r\n", "\ufffe", "\u202e", "🌉", "слово ", "'"])).map(
        "".join
    ),
)


def make_row(text: str):
    evidence = (Evidence("title", 0, len(text), text),) if text else ()
    return make_export_row(
        title=text, text=text, outlet=text, url=f"https://port.example/{len(text)}", narratives=(make_score(evidence=evidence),)
    )


@settings(deadline=None)
@given(texts)
def test_text_is_shown_in_its_length_and_xml_takes_it(text):
    shown = show_controls(text)
    assert len(shown) == len(text)
    assert show_controls(shown) == shown
    element = etree.Element("a")
    element.text = shown
    assert (etree.fromstring(etree.tostring(element)).text or "") == shown


@settings(deadline=None, max_examples=50)
@given(texts)
def test_an_atom_feed_is_well_formed_and_keeps_every_title(text):
    row = make_row(text)
    content = export_bytes(export_atom, [row])
    (title,) = etree.fromstring(content).findall(f"{{{ATOM}}}entry/{{{ATOM}}}title")
    assert title.text == show_controls(make_headline(row.article))
    assert not feedparser.parse(content).bozo


@settings(deadline=None, max_examples=50)
@given(texts)
def test_what_is_json_keeps_every_text(text):
    row = make_row(text)
    objects = json.loads(export_bytes(export_stix, [row]))["objects"]
    assert [found.get("title", "") for found in objects if found["type"] == "media-content"] == [text]
    (event,) = json.loads(export_bytes(export_misp, [row]))["response"]
    titles = [a["value"] for o in event["Event"]["Object"] for a in o["Attribute"] if a["object_relation"] == "title"]
    shown = show_controls(text).strip()
    assert titles == ([shown] if shown else [])
    (task,) = json.loads(export_bytes(export_labelstudio, [row]))
    for value in (result["value"] for result in task["predictions"][0]["result"] if result["type"] == "labels"):
        assert value["text"] == task["data"]["text"][value["start"] : value["end"]] == show_controls(text)


@settings(deadline=None, max_examples=50)
@given(texts)
def test_no_cell_of_a_workbook_is_a_formula_or_lost(text):
    book = openpyxl.load_workbook(io.BytesIO(export_bytes(export_xlsx, [make_row(text)])))
    cells = book["Articles"][2]
    assert "f" not in {cell.data_type for cell in cells}
    # openpyxl leaves Excel's escape of what looks like its escapes in cells that hold their own text.
    shown = show_controls(text.replace("\r\n", "\n").replace("\r", "\n"))
    assert (cells[3].value or "").replace("_x005F_", "_") == shown


@given(st.text(max_size=60), st.integers(2, 20))
def test_parts_of_a_text_are_short_enough_and_make_up_the_whole(text, units):
    parts = split_text(text, units)
    assert "".join(parts) == text
    assert all(len(part.encode("utf-16-le")) <= 2 * units for part in parts)
