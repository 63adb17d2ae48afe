"""An Atom feed (RFC 4287) of flagged articles. All text is plain text: no markup of a feed goes on."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from monitor.export.ids import make_own_uuid
from monitor.export.selection import SOURCE, DayRows, Selection, describe_score, iterate_rows, list_flagged, make_headline
from monitor.stages.rows import iso
from monitor.text import show_controls
from monitor.urls import is_web_url

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from monitor.reports import ExportRow

ATOM = "http://www.w3.org/2005/Atom"
XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
NEVER = "1970-01-01T00:00:00Z"


def make_feed_id(selection: Selection) -> str:
    """A feed is the same feed from day to day; with other narratives it is another."""
    return f"urn:uuid:{make_own_uuid('feed', *sorted(selection.narratives))}"


def make_item_id(row: ExportRow) -> str:
    """An article that was edited, and is flagged again, is a new item."""
    return f"urn:uuid:{make_own_uuid('item', row.article.article_id, row.article.revision)}"


def describe_item(selection: Selection, row: ExportRow) -> str:
    """Why it is in the feed: a line for each flagged narrative."""
    return "\n".join(describe_score(score, selection.codebook.name_of(score.id)) for score in list_flagged(row))


def export_atom(selection: Selection, days: Iterable[DayRows]) -> Iterator[bytes]:
    """A feed with an entry for each row. Give the latest day first."""
    from lxml import etree  # noqa: PLC0415

    buffer = io.BytesIO()
    with etree.xmlfile(buffer, encoding="utf-8") as document:
        document.write_declaration()
        with document.element(f"{{{ATOM}}}feed", nsmap={None: ATOM}):
            for element in _make_head(selection):
                document.write(element, pretty_print=True)
            for row in iterate_rows(days):
                document.write(_make_entry(selection, row), pretty_print=True)
                document.flush()
                yield _drain(buffer)
    yield _drain(buffer)


def _drain(buffer: io.BytesIO) -> bytes:
    piece = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return piece


def _element(name: str, text: str = "", **attributes: str) -> Any:
    from lxml import etree  # noqa: PLC0415

    element = etree.Element(f"{{{ATOM}}}{name}", nsmap={None: ATOM})
    for key, value in attributes.items():
        element.set(XML_LANG if key == "lang" else key, show_controls(value))
    element.text = show_controls(text) or None
    return element


def _author(name: str) -> Any:
    author = _element("author")
    author.append(_element("name", name))
    return author


def _make_head(selection: Selection) -> Iterator[Any]:
    yield _element("id", make_feed_id(selection))
    yield _element("title", selection.title)
    yield _element("subtitle", selection.summary)
    yield _element("updated", _stamp(selection.latest_at))
    yield _element("generator", SOURCE)
    yield _author(SOURCE)


def _stamp(at: datetime | None) -> str:
    return iso(at) if at else NEVER


def _make_entry(selection: Selection, row: ExportRow) -> Any:
    article = row.article
    entry = _element("entry")
    entry.append(_element("id", make_item_id(row)))
    entry.append(_element("title", make_headline(article), type="text", lang=article.language))
    if article.url and is_web_url(article.url):
        entry.append(_element("link", rel="alternate", href=article.url))
    entry.append(_element("published", iso(article.published_at)))
    entry.append(_element("updated", iso(article.fetched_at)))
    entry.append(_author(article.outlet or article.feed_id))
    for score in list_flagged(row):
        entry.append(_element("category", term=score.id, label=selection.codebook.name_of(score.id)))
    entry.append(_element("summary", describe_item(selection, row), type="text"))
    return entry
