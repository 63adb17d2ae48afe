"""Feed documents to entries: feedparser reads the bytes, this module decides what to keep of them.

feedparser is never given a string or a path, which it would open; only bytes that were fetched.
"""

from __future__ import annotations

import io
import re
from collections import defaultdict
from typing import Any

import feedparser

from monitor.errors import FeedDocumentError
from monitor.records import Entry, Feed, FetchedFeed, ParsedFeed
from monitor.stages.dates import resolve_date
from monitor.stages.encoding import decode_document
from monitor.stages.markup import strip_markup
from monitor.text import clean_line, hash_texts
from monitor.urls import canonicalize_url, is_web_url, resolve_link

MAX_TITLE_CHARS = 1_000
MAX_SUMMARY_CHARS = 20_000
MAX_TEXT_CHARS = 200_000
DEFAULT_ZONE = "UTC"
_ITEM = re.compile(rb"<(item|entry)\b.*?</\1\s*>", re.DOTALL | re.IGNORECASE)
_HTML_PAGE = re.compile(rb"<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE)


def parse_feed(feed: Feed, fetched: FetchedFeed) -> ParsedFeed:
    """The entries of a fetched document, in its order.

    Raises `FeedDocumentError` where the document is no feed: no entries are only right where there is a feed.
    A truncated or slightly broken feed gives the entries that could be read, and says so in ``degraded``.
    """
    items, rejected, degraded = _read_items(fetched)
    shared_guids, shared_links = _find_shared(items)
    entries: list[Entry] = []
    for number, item in enumerate(items, 1):
        entry = _make_entry(feed, fetched, item, shared_guids=shared_guids, shared_links=shared_links)
        if entry is None:
            rejected.append(f"item {number} has neither title nor text")
        else:
            entries.append(entry)
    return ParsedFeed(tuple(entries), tuple(rejected), degraded)


def _read_items(fetched: FetchedFeed) -> tuple[list[Any], list[str], str | None]:
    """The items as feedparser gives them, a reason for each that it could not read, and what is wrong with the document."""
    body = decode_document(fetched.body, fetched.content_type).encode()
    try:
        parsed = _run_feedparser(body)
    except Exception as error:
        items, rejected = _read_one_by_one(body)
        if not items:
            message = f"the document cannot be read ({type(error).__name__}); check the address"
            raise FeedDocumentError("not_a_feed", message) from error
        return items, rejected, f"read item by item: {type(error).__name__}: {clean_line(str(error))[:200]}"
    _require_feed(fetched, parsed)
    return list(parsed.entries), [], f"read in part: {_describe_bozo(parsed)}" if parsed.get("bozo") else None


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


def _find_shared(items: list[Any]) -> tuple[frozenset[str], frozenset[str]]:
    """Guids that several links or titles share, and links that several guids or titles share: they identify nothing.

    The same item listed twice shares nothing with another one.
    """
    by_guid: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)
    by_link: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)
    for item in items:
        guid, link, title = (item.get(name) or "" for name in ("id", "link", "title"))
        by_guid[guid].add((link, title))
        by_link[link].add((guid, title))
    shared = [frozenset(name for name, others in by.items() if name and len(others) > 1) for by in (by_guid, by_link)]
    return shared[0], shared[1]


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


def _describe_bozo(parsed: Any) -> str:
    return clean_line(str(parsed.get("bozo_exception") or "not well-formed"))[:200]


def _make_entry(
    feed: Feed,
    fetched: FetchedFeed,
    item: Any,
    *,
    shared_guids: frozenset[str],
    shared_links: frozenset[str],
) -> Entry | None:
    raw_link = _find_link(item)
    url = resolve_link(raw_link, fetched.url) if raw_link.strip() else None
    title = clean_line(strip_markup(item.get("title") or ""))[:MAX_TITLE_CHARS]
    summary, text = _read_bodies(item, own_url=raw_link)
    if not (title or summary or text):
        return None
    raw_date = clean_line(dict.get(item, "published") or dict.get(item, "created") or dict.get(item, "updated") or "")
    dated = resolve_date(raw_date, default_zone=feed.timezone or DEFAULT_ZONE, fetched_at=fetched.fetched_at)
    guid = clean_line(item.get("id") or "")
    own_link = url if url and raw_link not in shared_links else None
    content_sha256 = hash_texts(title, summary, text)
    key = _choose_key("" if item.get("id") in shared_guids else guid, own_link, f"{title} {raw_date}".strip(), content_sha256)
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
        content_sha256=content_sha256,
    )


def _find_link(item: Any) -> str:
    """The item's link; a guid that is no address is none, although feedparser takes it for one."""
    link: str = item.get("link") or ""
    return "" if link == item.get("id") and not is_web_url("".join(link.split())) else link


def _choose_key(guid: str, own_link: str | None, title_and_date: str, content_sha256: str) -> str:
    # A guid or link that several items share identifies none of them; then the next best thing does.
    return (guid or own_link or title_and_date or content_sha256).strip()[:500]


def _read_bodies(item: Any, *, own_url: str) -> tuple[str, str]:
    """Summary and full text; the longest of the places where feeds put the whole article wins."""
    summary = strip_markup(item.get("summary") or "", own_url=own_url)[:MAX_SUMMARY_CHARS]
    candidates = [
        item.get("yandex_full-text") or "",
        *(content.get("value") or "" for content in item.get("content") or ()),
    ]
    text = max((strip_markup(raw, own_url=own_url) for raw in candidates), key=len)[:MAX_TEXT_CHARS]
    return ("" if summary == text else summary), text
