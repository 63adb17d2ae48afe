"""Feed documents to entries: a reader gives raw items, this module decides what to keep of them and says what it mended."""

from __future__ import annotations

import re
from collections import defaultdict, deque
from dataclasses import dataclass, replace
from html.entities import html5
from typing import TYPE_CHECKING

from monitor.records import (
    Entry,
    Feed,
    FetchedFeed,
    ParsedFeed,
)
from monitor.stages.dates import resolve_date
from monitor.stages.documents import name_document, name_truncated
from monitor.stages.encoding import MARKS, decode_with_repairs
from monitor.stages.fastfeed import read_fast
from monitor.stages.feedparser_reader import read_with_feedparser
from monitor.stages.hopeless import refuse_hopeless
from monitor.stages.links import Link, judge_guid, read_link
from monitor.stages.markup import strip_markup
from monitor.stages.rawfeed import RawFeed, RawItem
from monitor.text import clean_line, hash_texts

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_ITEMS = 2_000
MAX_TITLE_CHARS = 1_000
MAX_SUMMARY_CHARS = 20_000
MAX_TEXT_CHARS = 200_000
# Of a text with markup no more than this is looked at.
MAX_MARKUP_CHARS = 1_000_000
MIN_HINT_S = 300.0
MAX_HINT_S = 86_400.0
DEFAULT_ZONE = "UTC"
# Every word that `Entry.repairs` may hold.
REPAIRS = {
    "control_characters": "Characters that XML forbids were taken out of the item.",
    "date_absurd": "The date lies before 1990 or more than a day ahead; the time of fetching stands for it.",
    "date_missing": "There is no date; the time of fetching stands for it.",
    "date_relative": "The date is told from the day of fetching (today, yesterday).",
    "date_unreadable": "The date cannot be read; the time of fetching stands for it.",
    "date_year": "The date has no year; the latest that does not lie ahead was taken.",
    "date_zone": "The date has no zone; the feed's was assumed.",
    "doctype": "The document declared entities of its own; the declaration was dropped and none was expanded.",
    "encoding_broken": "Some bytes of the document are not UTF-8, as the rest is; a replacement character stands for each.",
    "encoding_double": "Text that had been encoded twice was put right.",
    "encoding_label": "The declared encoding is wrong or unknown; the bytes decided.",
    "guid_headline": "The guid carries the headline, which may change; the link, or title and date, identify the item.",
    "guid_missing": "There is no guid; the link, or title and date, identify the item.",
    "guid_shared": "Several items have this guid; the link, or title and date, identify the item.",
    "guid_tracking": "Tracking parameters were taken out of the guid.",
    "link_relative": "The link was completed from the address of the feed.",
    "link_shared": "Several items have this link; it does not identify the item.",
    "link_tracking": "The link has tracking parameters, which do not count for what is the same article.",
    "link_unusable": "The link is no web address and was left out.",
    "tag_soup": "The document is not well-formed XML and was read leniently.",
    "text_cut": "A text was longer than is kept and was cut.",
    "title_missing": "There is no title.",
    "truncated": "The document breaks off inside this item.",
}
_ITEM_START = re.compile(r"<(?:[\w.-]+:)?(?:item|entry)[\s/>]", re.IGNORECASE)
_ITEM_END = re.compile(r"</(?:[\w.-]+:)?(?:item|entry)\s*>", re.IGNORECASE)
_ROOT_END = re.compile(r"</(?:rss|feed|rdf|[\w.-]+:(?:rdf|feed|rss))\s*>", re.IGNORECASE)
# Possessive: what is taken is not given back. To remember where it could be would cost hundreds of megabytes.
_DOCTYPE = re.compile(r"""<!DOCTYPE\b[^\[>]{0,1000}\[(?:"[^"]*+"|'[^']*+'|[^\]"']++)*+\]\s*>""", re.IGNORECASE)
_DOCTYPE_LOOSE = re.compile(r"<!DOCTYPE\b[^\[>]{0,1000}\[.*?\]\s*>", re.IGNORECASE | re.DOTALL)
_ENTITY = re.compile(r"<!ENTITY\s+([\w.:-]{1,100})")
_ALL_MARKS = re.compile(f"[{''.join(MARKS)}]")
_NUMBER = re.compile(r"\s*(\d{1,9})(?:\.\d+)?\s*")
_PERIODS_S = {"hourly": 3_600.0, "daily": 86_400.0, "weekly": 604_800.0, "monthly": 2_592_000.0, "yearly": 31_536_000.0}


def parse_feed(feed: Feed, fetched: FetchedFeed) -> ParsedFeed:
    """The entries of a fetched document, in its order.

    Raises `FeedDocumentError` where the document is no feed (no entries are only right where there is a feed), or more than can
    be read.
    A truncated or slightly broken feed gives the entries that could be read, and says so in ``degraded``. Items beyond
    `MAX_ITEMS` are not read.
    """
    prepared = _prepare(fetched)
    raw = read_fast(prepared.text)
    if raw is None:
        refuse_hopeless(prepared.text)
        raw = read_with_feedparser(prepared.text)
    return _finish(feed, fetched, prepared, raw)


def parse_quickly(feed: Feed, fetched: FetchedFeed) -> ParsedFeed | None:
    """The entries of a document that is as it should be, which takes little time; None for all others.

    Raises `FeedDocumentError` as `parse_feed` does, but does not find out all that is no feed.
    """
    prepared = _prepare(fetched)
    raw = read_fast(prepared.text)
    if raw is None:
        refuse_hopeless(prepared.text)
        return None
    return _finish(feed, fetched, prepared, raw)


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A document's text as readers take it: no declared entities, no more items than are read."""

    text: str
    clipped: int
    repairs: tuple[str, ...]
    is_marked: bool


def _prepare(fetched: FetchedFeed) -> _Prepared:
    decoded = decode_with_repairs(fetched.body, fetched.content_type)
    text, had_entities = _drop_entities(decoded.text)
    text, clipped = _clip(text)
    return _Prepared(text, clipped, (*decoded.repairs, *(["doctype"] if had_entities else [])), decoded.is_marked)


def _finish(feed: Feed, fetched: FetchedFeed, prepared: _Prepared, raw: RawFeed) -> ParsedFeed:
    _require_feed(raw, prepared.text)
    repairs = list(prepared.repairs)
    is_cut = bool(raw.problem) and _ends_inside_item(prepared.text)
    if raw.problem and not is_cut:
        repairs.append("tag_soup")
    items = raw.items[:MAX_ITEMS]
    clipped = prepared.clipped + raw.clipped + len(raw.items) - len(items)
    entries, rejected = _make_entries(feed, fetched, items, repairs=repairs, is_marked=prepared.is_marked)
    if is_cut and entries:
        entries[-1] = _add_repair(entries[-1], "truncated")
    return ParsedFeed(
        tuple(entries), (*raw.rejected, *rejected), _describe_damage(raw.problem, clipped), clipped, hint_s=read_hint(raw)
    )


def read_hint(raw: RawFeed) -> float | None:
    """How many seconds the document asks to wait between visits, from five minutes to a day; None where it does not say.

    The longer of ``ttl`` and ``sy:updatePeriod`` / ``sy:updateFrequency`` counts.
    """
    waits = [wait for wait in (_read_ttl(raw.ttl_minutes), _read_period(raw.update_period, raw.update_frequency)) if wait]
    return min(max(*waits, MIN_HINT_S), MAX_HINT_S) if waits else None


def _read_ttl(minutes: str | None) -> float:
    match = _NUMBER.fullmatch(minutes or "")
    return int(match[1]) * 60.0 if match else 0.0


def _read_period(period: str | None, frequency: str | None) -> float:
    match = _NUMBER.fullmatch(frequency or "")
    return _PERIODS_S.get((period or "").strip().lower(), 0.0) / max(int(match[1]) if match else 1, 1)


def _drop_entities(text: str) -> tuple[str, bool]:
    """The text without a DOCTYPE that declares something, and without references to what it declares."""
    at = text[:4_096].upper().find("<!DOCTYPE")
    if at < 0:
        return text, False
    match = _DOCTYPE.match(text, at) or _DOCTYPE_LOOSE.match(text, at)
    if match is None:
        return text, False
    names = frozenset(_ENTITY.findall(match.group())) - {"amp", "lt", "gt", "quot", "apos"}
    rest = text[: match.start()] + text[match.end() :]
    if names:
        # HTML's names mean what they mean everywhere, others nothing.
        rest = re.sub(r"&([\w.:-]{1,100});", lambda m: html5.get(f"{m[1]};", "") if m[1] in names else m[0], rest)
    return rest, True


def _clip(text: str) -> tuple[str, int]:
    """The text without the items beyond the cap, and how many those are."""
    if text.count("<") <= MAX_ITEMS:
        return text, 0
    beyond = 0
    cut_at = 0
    for number, match in enumerate(_ITEM_START.finditer(text)):
        if number == MAX_ITEMS:
            cut_at = match.start()
        beyond = max(0, number + 1 - MAX_ITEMS)
    if not beyond:
        return text, 0
    root_end = _ROOT_END.search(text, cut_at)
    if root_end is None:
        return text[:cut_at], beyond
    last = _find_last(_ITEM_END, text, cut_at)
    return text[:cut_at] + (text[last.end() :] if last else root_end.group()), beyond


def _find_last(pattern: re.Pattern[str], text: str, start: int = 0) -> re.Match[str] | None:
    return next(iter(deque(pattern.finditer(text, start), maxlen=1)), None)


def _require_feed(raw: RawFeed, text: str) -> None:
    if raw.items or raw.rejected:
        return
    if not raw.version:
        raise name_document(text)
    if raw.problem and not _ROOT_END.search(text):
        raise name_truncated()


def _ends_inside_item(text: str) -> bool:
    """Whether the last item that begins does not end."""
    if _ROOT_END.search(text):
        return False
    last = _find_last(_ITEM_START, text)
    return last is not None and _ITEM_END.search(text, last.start()) is None


def _describe_damage(problem: str | None, clipped: int) -> str | None:
    clip = f"{clipped} items beyond the first {MAX_ITEMS} were not read" if clipped else None
    return "; ".join(filter(None, (problem, clip))) or None


def _make_entries(
    feed: Feed, fetched: FetchedFeed, items: Sequence[RawItem], *, repairs: list[str], is_marked: bool
) -> tuple[list[Entry], list[str]]:
    """The entries, and a reason for each item that says nothing."""
    told = [_take_marks(item) if is_marked else (item, ()) for item in items]
    links = [read_link(item, fetched.url) for item, _ in told]
    shared_guids, shared_links = _find_shared([item for item, _ in told], links)
    entries: list[Entry] = []
    rejected: list[str] = []
    for number, ((item, marks), link) in enumerate(zip(told, links, strict=True), 1):
        found = [*repairs, *marks, *link.repairs]
        guid = "" if item.guid in shared_guids else item.guid
        if guid != item.guid:
            found.append("guid_shared")
        if link.canonical in shared_links:
            found.append("link_shared")
        entry = _make_entry(feed, fetched, item, link=link, guid=guid, repairs=found)
        if entry is None:
            rejected.append(f"item {number} has neither title nor text")
        else:
            entries.append(entry)
    return entries, rejected


def _take_marks(item: RawItem) -> tuple[RawItem, tuple[str, ...]]:
    """The item without the marks of the decoder, and what they stand for."""
    fields = (item.title, item.link, item.guid, item.date, item.summary, *item.contents)
    found = {mark for field in fields for mark in _ALL_MARKS.findall(field)}
    if not found:
        return item, ()
    title, link, guid, date, summary, *contents = (_ALL_MARKS.sub("", field) for field in fields)
    return RawItem(title, link, guid, date, summary, tuple(contents)), tuple(MARKS[mark] for mark in found)


def _find_shared(items: Sequence[RawItem], links: Sequence[Link]) -> tuple[frozenset[str], frozenset[str]]:
    """Guids that several links or titles share, and links that several guids or titles share: they identify nothing.

    The same item listed twice shares nothing with another one.
    """
    by_guid: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)
    by_link: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)
    for item, link in zip(items, links, strict=True):
        by_guid[item.guid].add((link.canonical, item.title))
        by_link[link.canonical].add((item.guid, item.title))
    shared = [frozenset(name for name, others in by.items() if name and len(others) > 1) for by in (by_guid, by_link)]
    return shared[0], shared[1]


def _make_entry(feed: Feed, fetched: FetchedFeed, item: RawItem, *, link: Link, guid: str, repairs: list[str]) -> Entry | None:
    """The entry of an item; ``guid`` is empty where others share it. ``repairs`` takes in what is mended here."""
    title = _read_title(item.title)
    summary, text = _read_bodies(item, own_url=link.raw)
    if not (title or summary or text):
        return None
    raw_date = clean_line(item.date)
    dated = resolve_date(raw_date, default_zone=feed.timezone or DEFAULT_ZONE, fetched_at=fetched.fetched_at)
    own_guid, fault = judge_guid(clean_line(guid), link, title=title) if guid or not item.guid else ("", None)
    own_link = link.canonical if "link_shared" not in repairs else ""
    lengths = len(title) > MAX_TITLE_CHARS, len(summary) > MAX_SUMMARY_CHARS, len(text) > MAX_TEXT_CHARS
    title, summary, text = title[:MAX_TITLE_CHARS], summary[:MAX_SUMMARY_CHARS], text[:MAX_TEXT_CHARS]
    content_sha256 = hash_texts(title, summary, text)
    # A guid or link that several items share identifies none of them; then the next best thing does.
    key = (own_guid or own_link or f"{title} {raw_date}".strip() or content_sha256).strip()[:500]
    words = {*repairs, fault, dated.repair, None if title else "title_missing", "text_cut" if any(lengths) else None}
    return Entry(
        feed_id=feed.id,
        key=key,
        identity=own_link or f"{feed.id} {key}",
        url=link.url,
        title=title,
        summary=summary,
        text=text,
        published_at=dated.at,
        published_how=dated.how,
        content_sha256=content_sha256,
        repairs=tuple(sorted(filter(None, words))),
    )


def _add_repair(entry: Entry, word: str) -> Entry:
    return replace(entry, repairs=tuple(sorted({*entry.repairs, word})))


def _read_title(raw: str) -> str:
    return clean_line(strip_markup(raw) if "<" in raw or "&" in raw else raw)


def _read_bodies(item: RawItem, *, own_url: str) -> tuple[str, str]:
    """Summary and full text; the longest of the places where feeds put the whole article wins."""
    summary = strip_markup(item.summary[:MAX_MARKUP_CHARS], own_url=own_url) if item.summary else ""
    texts = [strip_markup(raw[:MAX_MARKUP_CHARS], own_url=own_url) for raw in item.contents]
    text = max(texts, key=len, default="")
    return ("" if summary == text else summary), text
