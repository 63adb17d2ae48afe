"""Feed documents to entries: feedparser reads the bytes, this module decides what to keep of them.

feedparser is never given a string or a path, which it would open; only bytes that were fetched.
"""

from __future__ import annotations

import io
import re
from collections import Counter
from typing import Any

import feedparser

from monitor.errors import FeedDocumentError
from monitor.records import Entry, Feed, FetchedFeed, ParsedFeed
from monitor.stages.dates import resolve_date
from monitor.stages.markup import strip_markup
from monitor.text import clean_line, hash_texts
from monitor.urls import canonicalize_url, resolve_link

MAX_TITLE_CHARS = 1_000
MAX_SUMMARY_CHARS = 20_000
MAX_TEXT_CHARS = 200_000
DEFAULT_ZONE = "UTC"
_HTML_PAGE = re.compile(rb"<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE)


def parse_feed(feed: Feed, fetched: FetchedFeed) -> ParsedFeed:
    """The entries of a fetched document, in its order.

    Raises `FeedDocumentError` where the document is no feed: no entries are only right where there is a feed.
    A truncated or slightly broken feed gives the entries that could be read, and says so in ``degraded``.
    """
    parsed = _run_feedparser(fetched)
    items: list[Any] = parsed.entries
    _require_feed(fetched, parsed)
    shared_guids = _repeated(item.get("id") for item in items)
    shared_links = _repeated(item.get("link") for item in items)
    entries: list[Entry] = []
    rejected: list[str] = []
    for number, item in enumerate(items, 1):
        entry = _make_entry(feed, fetched, item, shared_guids=shared_guids, shared_links=shared_links)
        if entry is None:
            rejected.append(f"item {number} has neither title nor text")
        else:
            entries.append(entry)
    degraded = f"read in part: {_describe_bozo(parsed)}" if _is_broken(parsed) else None
    return ParsedFeed(tuple(entries), tuple(rejected), degraded)


def _run_feedparser(fetched: FetchedFeed) -> Any:
    # The document's address is kept from it: it would make guids into links, which change when a feed moves.
    headers = {"content-type": fetched.content_type} if fetched.content_type else {}
    # A file object: given bytes, feedparser would first try to open a file of that name.
    return feedparser.parse(io.BytesIO(fetched.body), response_headers=headers, sanitize_html=False, resolve_relative_uris=False)


def _require_feed(fetched: FetchedFeed, parsed: Any) -> None:
    if parsed.get("version") or parsed.entries:
        return
    if not fetched.body.strip():
        raise FeedDocumentError("empty_body", "the answer was empty; if this lasts, check the address in a browser")
    if _HTML_PAGE.search(fetched.body[:4096]):
        raise FeedDocumentError(
            "html_page",
            "the address gave an HTML page (a block, a challenge or a moved feed), not a feed; open it in a browser",
        )
    raise FeedDocumentError("not_a_feed", "the document is neither RSS nor Atom; check the address")


def _is_broken(parsed: Any) -> bool:
    # A header that contradicts the XML declaration sets bozo too, although the text is right.
    return bool(parsed.get("bozo")) and not isinstance(
        parsed.get("bozo_exception"), feedparser.CharacterEncodingOverride | feedparser.NonXMLContentType
    )


def _describe_bozo(parsed: Any) -> str:
    return clean_line(str(parsed.get("bozo_exception") or "not well-formed"))[:200]


def _repeated(values: Any) -> frozenset[str]:
    return frozenset(value for value, count in Counter(v for v in values if v).items() if count > 1)


def _make_entry(
    feed: Feed,
    fetched: FetchedFeed,
    item: Any,
    *,
    shared_guids: frozenset[str],
    shared_links: frozenset[str],
) -> Entry | None:
    raw_link = item.get("link") or ""
    url = resolve_link(raw_link, fetched.url) if raw_link.strip() else None
    title = clean_line(strip_markup(item.get("title") or ""))[:MAX_TITLE_CHARS]
    summary, text = _read_bodies(item, own_url=raw_link)
    if not (title or summary or text):
        return None
    raw_date = dict.get(item, "published") or dict.get(item, "created") or dict.get(item, "updated")
    dated = resolve_date(raw_date, default_zone=feed.timezone or DEFAULT_ZONE, fetched_at=fetched.fetched_at)
    guid = clean_line(item.get("id") or "")
    own_link = url if url and raw_link not in shared_links else None
    key = _choose_key(guid if item.get("id") not in shared_guids else "", own_link, title, raw_date)
    return Entry(
        feed_id=feed.id,
        key=key,
        identity=canonicalize_url(own_link) if own_link else f"{feed.id} {key}",
        url=url,
        title=title,
        summary=summary,
        text=text,
        published_at=dated.at,
        published_how=dated.how,
        content_sha256=hash_texts(title, summary, text),
    )


def _choose_key(guid: str, own_link: str | None, title: str, raw_date: str | None) -> str:
    # A guid or link that several items share identifies none of them; then the next best thing does.
    return (guid or own_link or f"{title} {raw_date or ''}").strip()[:500]


def _read_bodies(item: Any, *, own_url: str) -> tuple[str, str]:
    """Summary and full text; the longest of the places where feeds put the whole article wins."""
    summary = strip_markup(item.get("summary") or "", own_url=own_url)[:MAX_SUMMARY_CHARS]
    candidates = [
        item.get("yandex_full-text") or "",
        *(content.get("value") or "" for content in item.get("content") or ()),
    ]
    text = max((strip_markup(raw, own_url=own_url) for raw in candidates), key=len)[:MAX_TEXT_CHARS]
    return ("" if summary == text else summary), text
