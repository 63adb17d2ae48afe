"""A JSON Feed (version 1.1) of flagged articles, as text only."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from monitor.export.atom import describe_item, make_feed_id, make_item_id
from monitor.export.selection import DayRows, Selection, iterate_rows, list_flagged, make_headline, make_values
from monitor.stages.rows import iso
from monitor.urls import is_web_url

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from monitor.reports import ExportRow

VERSION = "https://jsonfeed.org/version/1.1"
# The extension that holds what a JSON Feed has no word for; such names begin with an underscore.
EXTENSION = "_narrative_monitor"


def export_jsonfeed(selection: Selection, days: Iterable[DayRows]) -> Iterator[bytes]:
    """A feed with an item for each row. Give the latest day first."""
    head = {
        "version": VERSION,
        "title": selection.title,
        "description": selection.summary,
        EXTENSION: {
            "about": "Ids and scores as in digest.jsonl",
            "id": make_feed_id(selection),
            "rows": selection.rows,
            "bundle": selection.bundle,
        },
    }
    yield _dump(head)[:-1] + b',"items":['
    for number, row in enumerate(iterate_rows(days)):
        yield (b",\n" if number else b"\n") + _dump(_make_item(selection, row))
    yield b"\n]}\n"


def _dump(value: dict[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _make_item(selection: Selection, row: ExportRow) -> dict[str, Any]:
    article, values = row.article, make_values(row)
    item = {
        "id": make_item_id(row),
        "url": article.url if article.url and is_web_url(article.url) else None,
        "title": make_headline(article),
        "content_text": describe_item(selection, row),
        "date_published": iso(article.published_at),
        "date_modified": iso(article.fetched_at),
        "authors": [{"name": article.outlet or article.feed_id}],
        "language": article.language,
        "tags": [score.id for score in list_flagged(row)],
        EXTENSION: values,
    }
    return {name: value for name, value in item.items() if value is not None}
