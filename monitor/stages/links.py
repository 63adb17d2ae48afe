"""The link and the guid of an item: what they lead to, and whether they tell one item from another."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus, urlsplit

from monitor.text import fold
from monitor.urls import canonicalize_url, is_web_url, resolve_link

if TYPE_CHECKING:
    from monitor.stages.rawfeed import RawItem

# An address that nothing needs to be done to; most links of most feeds.
_PLAIN = re.compile(r"https?(://[a-z0-9-]{1,60}(?:\.[a-z0-9-]{1,60}){1,5})(/[A-Za-z0-9/._~-]*)?")
_MIN_HEADLINE_CHARS = 8


@dataclass(frozen=True, slots=True)
class Link:
    """A link as found (``raw``), made absolute (``url``), and in the form in which two of one page are equal (``canonical``)."""

    raw: str
    url: str | None = None
    canonical: str = ""
    repairs: tuple[str, ...] = ()


def read_link(item: RawItem, base_url: str) -> Link:
    """The item's link; a guid that is no address is none, although feedparser takes it for one."""
    raw = item.link
    if plain := _PLAIN.fullmatch(raw):
        return Link(raw, raw, f"https{plain[1]}{plain[2] or '/'}")
    if raw == item.guid and not is_web_url("".join(raw.split())):
        return Link("")
    url = resolve_link(raw, base_url) if raw.strip() else None
    if url is None:
        return Link(raw, repairs=("link_unusable",) if raw.strip() else ())
    canonical = canonicalize_url(url)
    repairs = []
    if "://" not in raw.split("?")[0]:
        repairs.append("link_relative")
    if _count_parameters(url) != _count_parameters(canonical):
        repairs.append("link_tracking")
    return Link(raw, url, canonical, tuple(repairs))


def judge_guid(guid: str, link: Link, *, title: str) -> tuple[str, str | None]:
    """The guid as far as it identifies the item, and the word for what was wrong with it.

    ``guid`` and ``title`` are clean lines. A headline changes while the article stays; so does the tracking of an address.
    """
    if not guid:
        return "", "guid_missing"
    if guid == link.raw and link.canonical == guid:
        return guid, None
    if _carries_headline(guid, title):
        return "", "guid_headline"
    if "?" in guid and "#" not in guid and is_web_url(guid):
        canonical = canonicalize_url(guid)
        if _count_parameters(canonical) != _count_parameters(guid):
            return canonical, "guid_tracking"
    return guid, None


def _carries_headline(guid: str, title: str) -> bool:
    if len(title) < _MIN_HEADLINE_CHARS or " " not in title:
        return guid == title
    if " " not in guid and "%" not in guid and "+" not in guid:
        return False
    return fold(title) in " ".join(fold(unquote_plus(guid)).split())


def _count_parameters(url: str) -> int:
    return sum(1 for pair in urlsplit(url).query.split("&") if pair)
