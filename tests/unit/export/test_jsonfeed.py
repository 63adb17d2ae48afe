import json

import jsonschema
import pytest

from monitor.export.atom import describe_item, make_item_id
from monitor.export.jsonfeed import EXTENSION, export_jsonfeed
from monitor.export.selection import list_flagged, make_headline, make_values
from tests.unit.export.texts import export_bytes, make_export_row, make_hostile_rows, make_selection

TEXT = {"type": "string"}
TIME = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"}
ITEM = {
    "type": "object",
    "required": ["id", "content_text"],
    "properties": {
        "id": {"type": "string", "minLength": 1},
        "url": {"type": "string", "pattern": "^https?://"},
        "title": TEXT,
        "content_text": TEXT,
        "date_published": TIME,
        "date_modified": TIME,
        "authors": {"type": "array", "minItems": 1, "items": {"type": "object", "required": ["name"]}},
        "language": TEXT,
        "tags": {"type": "array", "items": TEXT},
    },
    "patternProperties": {"^_": {"type": "object"}},
    "additionalProperties": False,
}
# Version 1.1 of the format, as far as it goes here; nothing that it has no word for may stand outside an extension.
SCHEMA = {
    "type": "object",
    "required": ["version", "title", "items"],
    "properties": {
        "version": {"const": "https://jsonfeed.org/version/1.1"},
        "title": TEXT,
        "description": TEXT,
        "items": {"type": "array", "items": ITEM},
    },
    "patternProperties": {"^_": {"type": "object"}},
    "additionalProperties": False,
}


def test_every_row_comes_back_in_a_valid_feed():
    rows = make_hostile_rows()
    feed = json.loads(export_bytes(export_jsonfeed, rows))
    jsonschema.validate(feed, SCHEMA)
    selection = make_selection(rows)
    assert feed[EXTENSION]["rows"] == len(feed["items"]) == len(rows)
    for row, item in zip(rows, feed["items"], strict=True):
        assert item["id"] == make_item_id(row)
        assert (item["url"], item["title"]) == (row.article.url, make_headline(row.article))
        assert item["content_text"] == describe_item(selection, row)
        assert item["tags"] == [score.id for score in list_flagged(row)]
        assert item[EXTENSION] == make_values(row)
    assert len({item["id"] for item in feed["items"]}) == len(rows)


@pytest.mark.parametrize("url", [None, "javascript:alert(1)"])
def test_what_is_no_web_address_is_no_link(url):
    (item,) = json.loads(export_bytes(export_jsonfeed, [make_export_row(url=url)]))["items"]
    assert "url" not in item


def test_the_same_rows_give_the_same_bytes_and_none_gives_a_feed_too():
    rows = make_hostile_rows()
    assert export_bytes(export_jsonfeed, rows) == export_bytes(export_jsonfeed, rows)
    empty = json.loads(export_bytes(export_jsonfeed, []))
    jsonschema.validate(empty, SCHEMA)
    assert empty["items"] == []
