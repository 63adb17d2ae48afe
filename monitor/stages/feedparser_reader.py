"""Feed documents read by feedparser, which forgives most of what is wrong with them.

feedparser is never given a string or a path, which it would open; only bytes.
"""

from __future__ import annotations

import io
import re
from typing import Any

import feedparser

from monitor.errors import FeedDocumentError
from monitor.stages.rawfeed import RawFeed, RawItem
from monitor.text import clean_line

_ITEM = re.compile(rb"<(item|entry)\b.*?</\1\s*>", re.DOTALL | re.IGNORECASE)


def read_with_feedparser(text: str) -> RawFeed:
    """The items of a document; ``version`` is empty where it is no feed.

    Where the document breaks feedparser, each item is read alone. Raises `FeedDocumentError` where that gives none.
    """
    body = text.encode("utf-8", "replace")
    try:
        parsed = _run_feedparser(body)
    except Exception as error:
        items, rejected = _read_one_by_one(body)
        if not items:
            message = f"the document cannot be read ({type(error).__name__}); check the address"
            raise FeedDocumentError("not_a_feed", message) from error
        problem = f"read item by item: {type(error).__name__}: {clean_line(str(error))[:200]}"
        return RawFeed(tuple(map(_read_item, items)), "unknown", problem, tuple(rejected))
    return RawFeed(
        items=tuple(map(_read_item, parsed.entries)),
        version=parsed.get("version") or "",
        problem=f"read in part: {_describe_bozo(parsed)}" if parsed.get("bozo") else None,
        ttl_minutes=parsed.feed.get("ttl"),
        update_period=parsed.feed.get("sy_updateperiod"),
        update_frequency=parsed.feed.get("sy_updatefrequency"),
    )


def _run_feedparser(body: bytes) -> Any:
    # The document's address is kept from it: it would make guids into links, which change when a feed moves.
    headers = {"content-type": "application/xml; charset=utf-8"}
    # A file object: given bytes, feedparser would first try to open a file of that name.
    return feedparser.parse(io.BytesIO(body), response_headers=headers, sanitize_html=False, resolve_relative_uris=False)


def _read_one_by_one(body: bytes) -> tuple[list[Any], list[str]]:
    """Each item parsed alone, so that the one that breaks the parser costs only itself."""
    items: list[Any] = []
    rejected: list[str] = []
    found = list(_ITEM.finditer(body))
    head = body[: found[0].start()] if found else b""
    for number, match in enumerate(found, 1):
        try:
            items += _run_feedparser(head + match.group()).entries
        except Exception as error:  # noqa: BLE001 - see above
            rejected.append(f"item {number} breaks the parser ({type(error).__name__})")
    return items, rejected


def _read_item(item: Any) -> RawItem:
    contents = (
        item.get("yandex_full-text") or "",
        *(content.get("value") or "" for content in item.get("content") or ()),
    )
    return RawItem(
        title=item.get("title") or "",
        link=item.get("link") or "",
        guid=item.get("id") or "",
        # Plain look-ups: feedparser's own would answer "published" with "updated".
        date=dict.get(item, "published") or dict.get(item, "created") or dict.get(item, "updated") or "",
        summary=item.get("summary") or "",
        contents=tuple(filter(None, contents)),
    )


def _describe_bozo(parsed: Any) -> str:
    return clean_line(str(parsed.get("bozo_exception") or "not well-formed"))[:200]
