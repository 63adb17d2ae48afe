"""Lists of feeds as OPML 2.0: read as feed readers write it, however odd, and written so that nothing gets lost.

What OPML has no attribute for (id, outlet, kind, time zone, paused) goes into a namespace of our own, as its specification
asks. Proxies and headers stay behind: they may hold secrets, and mean nothing elsewhere.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from email.utils import format_datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Final, get_args
from zoneinfo import available_timezones

from monitor.errors import UsageError
from monitor.export.feedlist import is_feed_id, make_feed_id
from monitor.records import (
    Feed,
    OutletKind,
)
from monitor.stages.encoding import decode_document
from monitor.text import clean_line
from monitor.urls import canonicalize_url, is_web_url, resolve_link

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

MAX_OPML_BYTES: Final = 10_000_000
MAX_FEEDS: Final = 20_000
MAX_TITLE_CHARS: Final = 300
NAMESPACE: Final = "urn:narrative-monitor:opml"
UNSORTED: Final = "other"
_KINDS: Final[dict[str, OutletKind]] = {kind: kind for kind in get_args(OutletKind)}
_LANGUAGE = re.compile(r"^([a-z]{2,3})(?:[-_].*)?$")
_DECLARES = re.compile(r"<!\s*(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_XML_NAMES = frozenset({"&amp;", "&lt;", "&gt;", "&quot;", "&apos;"})
_REFERENCE = re.compile(r"&(?:#\d+;|#[xX][0-9a-fA-F]+;|\w+;)?")
# What XML 1.0 has no way to write.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class OpmlFeed:
    """One feed of a list; ``folder`` are the titles of the folders around it, outermost first. Only ``url`` is sure."""

    url: str
    title: str = ""
    folder: tuple[str, ...] = ()
    id: str | None = None
    outlet: str | None = None
    language: str | None = None
    kind: OutletKind | None = None
    timezone: str | None = None
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class OpmlImport:
    """What a list holds: its feeds, each address once, and a line on everything that was mended or left out."""

    feeds: tuple[OpmlFeed, ...]
    problems: tuple[str, ...] = ()


def read_opml(data: bytes) -> OpmlImport:
    """The feeds of a list in its order. Raises `UsageError` where it is too large, declares entities or is no OPML."""
    if len(data) > MAX_OPML_BYTES:
        raise UsageError(f"the list has {len(data)} bytes, more than {MAX_OPML_BYTES}; split it")
    root, problems = _parse(decode_document(data, None))
    feeds: dict[str, OpmlFeed] = {}
    for line, attributes, folder in _walk(root):
        feed = _read_feed(attributes, folder, f"line {line}", problems)
        if feed is None:
            continue
        if len(feeds) >= MAX_FEEDS:
            problems.append(f"line {line}: more than {MAX_FEEDS} feeds; the rest is left out")
            break
        key = canonicalize_url(feed.url)
        if key in feeds:
            problems.append(f"line {line}: {feed.url} stands in the list before; kept once")
        feeds.setdefault(key, feed)
    if not feeds and _name_of(root) != "opml":
        raise UsageError("the file is no OPML list; export one from your feed reader")
    return OpmlImport(tuple(feeds.values()), tuple(problems))


def _parse(text: str) -> tuple[Any, list[str]]:
    from lxml import etree  # noqa: PLC0415 - few commands need it

    if _DECLARES.search(text):
        raise UsageError("the list holds a DOCTYPE or entities, which no OPML needs; remove them")
    mended = _REFERENCE.sub(_mend_reference, _NOT_XML.sub("", text.lstrip("\ufeff \t\r\n")))
    parser = etree.XMLParser(recover=True, resolve_entities=False, no_network=True, load_dtd=False, encoding="utf-8")
    try:
        root = etree.fromstring(mended.encode(), parser)
    except etree.XMLSyntaxError as error:
        raise UsageError(f"the file is no OPML list ({error.msg}); export one from your feed reader") from error
    if root is None:
        raise UsageError("the file is no OPML list; export one from your feed reader")
    broken = [f"line {entry.line}: not well-formed ({entry.message.strip()}); read as far as it goes" for entry in parser.error_log]
    return root, broken[:1]


def _mend_reference(match: re.Match[str]) -> str:
    """A bare ``&`` in an address would cost the parameter behind it; names of HTML mean nothing to XML."""
    whole = match.group()
    if whole in _XML_NAMES or whole.startswith("&#"):
        return whole
    named = html.unescape(whole)
    return named if whole.endswith(";") and named != whole and named not in "<>&\"'" else f"&amp;{whole[1:]}"


def _name_of(element: Any) -> str:
    # Comments and instructions have a function for a tag.
    return element.tag.rpartition("}")[2].lower() if isinstance(element.tag, str) else ""


def _walk(root: Any) -> Iterator[tuple[int, dict[str, str], tuple[str, ...]]]:
    """Line, attributes and folders of every outline. Attributes are lower-cased, and told without their namespace."""
    waiting: list[tuple[Any, tuple[str, ...]]] = [(root, ())]
    while waiting:
        element, folder = waiting.pop()
        inner = folder
        if _name_of(element) == "outline":
            attributes = {name.rpartition("}")[2].lower(): clean_line(value) for name, value in element.attrib.items()}
            yield element.sourceline, attributes, folder
            title = _title_of(attributes)
            inner = (*folder, title) if title else folder
        waiting += [(child, inner) for child in reversed(element)]


def _title_of(attributes: Mapping[str, str]) -> str:
    return (attributes.get("text") or attributes.get("title") or "")[:MAX_TITLE_CHARS]


def _read_feed(attributes: Mapping[str, str], folder: tuple[str, ...], where: str, problems: list[str]) -> OpmlFeed | None:
    # "url" is a feed's address in some readers' lists, but a page's in a link, and another list's in an include.
    is_feed = attributes.get("type", "rss").lower() not in {"link", "include"}
    raw = attributes.get("xmlurl") or attributes.get("feedurl") or (attributes.get("url", "") if is_feed else "")
    if not raw:
        if "url" in attributes or "htmlurl" in attributes or "type" in attributes:
            problems.append(f"{where}: {_title_of(attributes) or 'an outline'} names no feed; left out")
        return None
    url = _read_address(raw, attributes.get("htmlurl", ""))
    if url is None:
        problems.append(f"{where}: {raw[:200]!r} is no web address; left out")
        return None
    kind = attributes.get("kind", "") or (folder[-1] if folder else "")
    return OpmlFeed(
        url=url,
        title=attributes.get("title", "")[:MAX_TITLE_CHARS] or _title_of(attributes),
        folder=folder,
        id=attributes["id"] if is_feed_id(attributes.get("id", "")) else None,
        outlet=attributes.get("outlet", "")[:MAX_TITLE_CHARS] or None,
        language=match.group(1) if (match := _LANGUAGE.match(attributes.get("language", "").lower())) else None,
        kind=_KINDS.get(kind),
        timezone=zone if (zone := attributes.get("timezone")) and zone in _load_zones() else None,
        enabled=attributes.get("enabled", "").lower() != "false",
    )


@cache
def _load_zones() -> frozenset[str]:
    return frozenset(available_timezones())  # which looks through folders each time


def _read_address(raw: str, page: str) -> str | None:
    address = re.sub(r"^feed:(?://)?(?=https?:)", "", raw, flags=re.IGNORECASE)
    address = re.sub(r"^(?:feed|rss|podcast):(?://)?", "http://", address, flags=re.IGNORECASE)
    if address.startswith("//"):
        address = f"https:{address}"
    return resolve_link(address, page if is_web_url(page) else "")


def make_feeds(found: Iterable[OpmlFeed], *, taken: Collection[str] = ()) -> tuple[Feed, ...]:
    """Feeds to poll, with ids that are neither in ``taken`` nor given twice."""
    used = set(taken)
    feeds = []
    for one in found:
        feed_id = one.id if one.id and one.id not in used else make_feed_id(one.outlet or one.title, one.url, used)
        used.add(feed_id)
        outlet = one.outlet or one.title or feed_id
        feeds.append(
            Feed(feed_id, one.url, outlet, language=one.language, kind=one.kind, timezone=one.timezone, enabled=one.enabled)
        )
    return tuple(feeds)


def write_opml(feeds: Sequence[Feed], *, title: str, made_at: datetime) -> bytes:
    """The feeds as OPML 2.0 in UTF-8, in one folder for each kind; `read_opml` and `make_feeds` give them back."""
    from lxml import etree  # noqa: PLC0415 - few commands need it

    root = etree.Element("opml", {"version": "2.0"}, nsmap={"monitor": NAMESPACE})
    head = etree.SubElement(root, "head")
    etree.SubElement(head, "title").text = clean_xml_text(title)
    etree.SubElement(head, "dateCreated").text = format_datetime(made_at)
    body = etree.SubElement(root, "body")
    for kind in dict.fromkeys(feed.kind for feed in feeds):
        name = kind or UNSORTED
        folder = etree.SubElement(body, "outline", {"text": name, "title": name})
        for feed in feeds:
            if feed.kind == kind:
                etree.SubElement(folder, "outline", _attributes_of(feed))
    return bytes(etree.tostring(root, xml_declaration=True, encoding="utf-8", pretty_print=True))


def _attributes_of(feed: Feed) -> dict[str, str]:
    name = clean_xml_text(feed.outlet) or feed.id
    own = {
        "id": feed.id,
        "outlet": name,
        "kind": feed.kind,
        "timezone": feed.timezone,
        "enabled": None if feed.enabled else "false",
    }
    known = {"text": name, "title": name, "type": "rss", "xmlUrl": clean_xml_text(feed.url), "language": feed.language}
    return {key: value for key, value in (known | {f"{{{NAMESPACE}}}{key}": value for key, value in own.items()}).items() if value}


def clean_xml_text(text: str) -> str:
    """One line of text without what XML has no way to write."""
    return _NOT_XML.sub("", clean_line(text))
