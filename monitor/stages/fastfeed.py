"""The quick way to read a feed document, for those that leave no doubt. The others are for the reference reader, feedparser.

What is read here is what feedparser would give; which of several titles, links or texts of an item counts follows its rules.
Whatever those rules make hard to foresee (markup as elements, changed base addresses, odd namespaces) is left to it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from lxml import etree

from monitor.stages.namespaces import ATOM, RDF, RSS_090, RSS_10, DoubtError, bind_prefixes, find_prefix
from monitor.stages.rawfeed import RawFeed, RawItem

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MAX_CHARS = 16_000_000
MAX_TAGS = 300_000
MAX_ATTRIBUTES = 100_000
MAX_ITEMS = 2_000
MAX_GROUPS = 6

_VERSIONS = {"0.91": "rss091u", "0.92": "rss092", "0.93": "rss093", "0.94": "rss094"}

_DECLARATION = re.compile(r"""xmlns(?::([^\s=:]+))?\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_DANGEROUS = ("\ufffd", "<!DOCTYPE", "<!ENTITY")
# What the reference reader takes for letters of Windows-1252, not for control characters.
_CONTROLS = (re.compile(rb"\xc2[\x80-\x9f]"), re.compile(rb"&#(?:0*1[2-5]\d|x0*[89][0-9a-fA-F]);"))
_LOOSE_REFERENCE = re.compile(r"&([A-Za-z0-9_]+);")

_TEXT_TYPES = frozenset({"text", "html", "plain", "text/html", "text/plain"})
_PAGE_TYPES = frozenset({"html", "xhtml", "text/html", "application/xhtml+xml"})
# Attributes that change what an element means, and so must not come from a foreign namespace.
_MEANINGFUL = frozenset({"about", "base", "href", "ispermalink", "lastmod", "mode", "rel", "src", "type", "uri", "url", "version"})
_REFUSED = frozenset(
    [
        *("item", "entry", "channel", "feed", "rss", "rdf_rdf", "body", "xhtml_body", "fullitem", "abstract", "date", "links"),
        *("textinput", "where", "authors", "contributors", "entries", "items_detail"),
    ]
)
# Elements whose own elements would be taken for markup.
_MARKED_UP = frozenset(
    ["rights", "copyright", "dc_rights", "subtitle", "tagline", "itunes_subtitle", "info", "feedburner_browserfriendly"]
)
_DESCRIPTIONS = frozenset({"description", "dc_description", "media_description"})
_SUMMARIES = frozenset({"summary", "itunes_summary"})
_SIGN_PARTS = frozenset({"title", "link", "url", "description", "width", "height", "name"})
_HINTS = frozenset({"ttl", "sy_updateperiod", "sy_updatefrequency"})


class _Names(dict[str, str]):
    """The names of elements as ``prefix_local`` in small letters, by their tags as lxml gives them."""

    def __init__(self, prefixes: Mapping[str, str | None]) -> None:
        super().__init__()
        self._prefixes = prefixes

    def __missing__(self, tag: str) -> str:
        uri, _, local = tag.rpartition("}")
        prefix = find_prefix(uri[1:])
        if prefix is None:
            prefix = self._prefixes.get(uri[1:])
        if prefix is None:
            raise DoubtError(tag)
        name = self[tag] = f"{prefix}_{local.lower()}" if prefix else local.lower()
        return name


class _Item:
    """One item while its elements are read in order. A depth is how far inside the item an element stands."""

    __slots__ = ("contents", "depths", "has_content", "link", "locked_at", "values")

    def __init__(self, guid: str, *, has_content: bool) -> None:
        self.link: str | None = None
        self.contents: list[str] = []
        self.values = {"guid": guid}
        self.depths: dict[str, int] = {}
        self.locked_at: int | None = None
        self.has_content = has_content

    def freeze(self) -> RawItem:
        """The record of it. Without link and guid it is in doubt: the reference reader may find more."""
        values = self.values.get
        if not (self.link or values("guid")):
            raise DoubtError("neither link nor guid")
        contents = [values("full_text", ""), *self.contents]
        return RawItem(
            title=values("title", ""),
            link=self.link or "",
            guid=values("guid", ""),
            date=values("published") or values("created") or values("updated") or "",
            summary=values("summary", ""),
            contents=tuple(filter(None, contents)),
        )

    def keep(self, name: str, value: str, depth: int) -> None:
        """Take a value unless there is one from further out; of two at the same depth the later counts."""
        if depth <= self.depths.setdefault(name, depth):
            self.depths[name] = depth
            self.values[name] = value

    def take_title(self, element: Any, depth: int) -> None:
        if value := self.take_media_title(element, depth):
            self.locked_at = depth if value else self.locked_at

    def take_media_title(self, element: Any, depth: int) -> str:
        value = _read_content(element)
        if self.locked_at is None or self.locked_at > depth:
            self.keep("title", value, depth)
        return value

    def take_link(self, element: Any, _depth: int) -> None:
        attributes = _read_attributes(element) if element.keys() else {}
        if "url" in attributes or "uri" in attributes or len(element):
            raise DoubtError("an odd link")
        href = attributes.get("href")
        if href is None:
            link = _read_text(element).replace("&amp;", "&")
            self.link = _LOOSE_REFERENCE.sub(r"&\1", _require_address(link))
        elif attributes.get("rel", "alternate").lower() == "alternate" and attributes.get("type", "html").lower() in _PAGE_TYPES:
            self.link = _require_address(href)

    def take_guid(self, element: Any, depth: int) -> None:
        attributes = _read_attributes(element) if element.keys() else {}
        guid = _read_text(element)
        self.keep("guid", guid, depth)
        if attributes.get("ispermalink", "true") == "true" and self.link is None:
            self.link = guid
        _require_address(guid)

    def take_published(self, element: Any, depth: int) -> None:
        self.keep("published", _read_text(element), depth)

    def take_updated(self, element: Any, depth: int) -> None:
        self.keep("updated", _read_text(element), depth)

    def take_created(self, element: Any, depth: int) -> None:
        self.keep("created", _read_text(element), depth)

    def take_full_text(self, element: Any, depth: int) -> None:
        if element.keys():
            raise DoubtError("a full text with attributes")
        self.keep("full_text", _read_text(element), depth)

    def take_summary(self, element: Any, depth: int) -> None:
        if "summary" in self.values and not self.has_content:
            self.take_content(element, depth)
        else:
            self.keep("summary", _read_content(element), depth)

    def take_content(self, element: Any, _depth: int) -> None:
        self.has_content = True
        self.contents.append(_read_content(element))
        self.values.setdefault("summary", self.contents[-1])

    def take_sign(self, element: Any, _depth: int) -> None:
        """An image or a source: nothing is kept of it, but a title after it counts."""
        _require_leaf(element)
        self.locked_at = None


_TAKERS: dict[str, Callable[[_Item, Any, int], object]] = {
    "title": _Item.take_title,
    "dc_title": _Item.take_title,
    "media_title": _Item.take_media_title,
    "link": _Item.take_link,
    "guid": _Item.take_guid,
    "id": _Item.take_guid,
    "pubdate": _Item.take_published,
    "published": _Item.take_published,
    "issued": _Item.take_published,
    "dcterms_issued": _Item.take_published,
    "updated": _Item.take_updated,
    "modified": _Item.take_updated,
    "lastbuilddate": _Item.take_updated,
    "dc_date": _Item.take_updated,
    "dcterms_modified": _Item.take_updated,
    "created": _Item.take_created,
    "dcterms_created": _Item.take_created,
    **dict.fromkeys(_DESCRIPTIONS | _SUMMARIES, _Item.take_summary),
    "content": _Item.take_content,
    "content_encoded": _Item.take_content,
    "yandex_full-text": _Item.take_full_text,
    "image": _Item.take_sign,
    "source": _Item.take_sign,
}
_GROUPS = frozenset({"media_group", "media_content"})


class _Document:
    """The items and hints of one document while it is read. The channel's own texts have a say in the item that follows."""

    def __init__(self, names: _Names) -> None:
        self.items: list[RawItem] = []
        self.clipped = 0
        self.hints: dict[str, str] = {}
        self._names = names
        self._has_summary = False
        self._has_content = False

    def read_channel(self, channel: Any) -> None:
        """The elements of a channel or of an Atom feed."""
        for child in channel:
            name = self._names[child.tag]
            if name in {"item", "entry"}:
                self.read_item(child)
            elif name in {"image", "textinput"}:
                self.read_sign(child)
            else:
                self._read_own(child, name)

    def _read_own(self, element: Any, name: str) -> None:
        if name in _DESCRIPTIONS or name in _SUMMARIES:
            _require_leaf(element)
            self._has_content = self._has_content or self._has_summary
            self._has_summary = self._has_summary or name in _SUMMARIES
        elif name in {"content", "content_encoded"}:
            raise DoubtError("a content that is no item's")
        elif name in _HINTS:
            if element.keys():
                raise DoubtError("a hint with attributes")
            self.hints[name] = _read_text(element)
        elif name in _TAKERS:
            _require_leaf(element)
        else:
            self._pass_over(element, name)

    def read_sign(self, sign: Any) -> None:
        """A channel's image or search field: nothing is kept."""
        for child in sign:
            name = self._names[child.tag]
            _require_leaf(child)
            if name not in _SIGN_PARTS or (name == "description" and self._has_summary):
                raise DoubtError(name)

    def read_item(self, element: Any) -> None:
        """One item, as far as the cap allows."""
        if len(self.items) >= MAX_ITEMS:
            self.clipped += 1
            return
        item = _Item(_read_item_guid(element) if element.keys() else "", has_content=self._has_content)
        self._fill(item, element, 1)
        self._has_content = False
        self.items.append(item.freeze())

    def _fill(self, item: _Item, parent: Any, depth: int) -> None:
        names = self._names
        for child in parent:
            name = names[child.tag]
            if take := _TAKERS.get(name):
                take(item, child, depth)
            elif name in _GROUPS:
                if depth > MAX_GROUPS:
                    raise DoubtError("groups in groups")
                self._fill(item, child, depth + 1)
            else:
                self._pass_over(child, name)

    def _pass_over(self, element: Any, name: str) -> None:
        if _is_refused(name):
            raise DoubtError(name)
        if not len(element):
            return
        if name in _MARKED_UP:
            raise DoubtError(name)
        for inner in element.iterdescendants():
            inner_name = self._names[inner.tag]
            if inner_name in _TAKERS or inner_name in _MARKED_UP or inner_name in _GROUPS or _is_refused(inner_name):
                raise DoubtError(inner_name)


def read_fast(text: str) -> RawFeed | None:
    """The items of a document, or None where it must be read by the reference reader.

    ``text`` is decoded, without an XML declaration and without characters that XML does not allow.
    Of more than `MAX_ITEMS` items the first are read and the rest is counted in ``clipped``.
    """
    if len(text) > MAX_CHARS or any(mark in text for mark in _DANGEROUS):
        return None
    if text.count("<") > MAX_TAGS or text.count('="') + text.count("='") > MAX_ATTRIBUTES:
        return None
    try:
        return _read_tree(text)
    except (DoubtError, etree.XMLSyntaxError, UnicodeEncodeError):
        return None  # the reference reader says what is wrong, if anything is


def _read_tree(text: str) -> RawFeed:
    document = text.encode()
    if any(controls.search(document) for controls in _CONTROLS):
        raise DoubtError("control characters")
    declared = [(prefix, double or single) for prefix, double, single in _DECLARATION.findall(text)]
    names = _Names(bind_prefixes(declared))
    root = etree.fromstring(document, _make_parser())
    reading = _Document(names)
    version = _find_version(root, names, declared)
    if version.startswith("atom"):
        reading.read_channel(root)
    else:
        _read_branches(reading, root, names)
    hint = reading.hints.get
    return RawFeed(
        items=tuple(reading.items),
        version=version,
        clipped=reading.clipped,
        ttl_minutes=hint("ttl") or None,
        update_period=hint("sy_updateperiod") or None,
        update_frequency=hint("sy_updatefrequency") or None,
    )


def _read_branches(reading: _Document, root: Any, names: _Names) -> None:
    """RSS: items stand in the channel or beside it."""
    for branch in root:
        name = names[branch.tag]
        if name == "channel":
            if _read_attributes(branch, about=True).keys() & {"href", "lastmod"}:
                raise DoubtError("a channel of another format")
            reading.read_channel(branch)
        elif name == "item":
            reading.read_item(branch)
        elif name in {"image", "textinput"}:
            reading.read_sign(branch)
        else:
            raise DoubtError(name)


def _make_parser() -> Any:
    return etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )


def _find_version(root: Any, names: _Names, declared: list[tuple[str, str]]) -> str:
    stated = _read_attributes(root).get("version", "")
    by_namespace = next((version for one in declared if (version := _name_version(*one))), "")
    if root.tag == f"{{{ATOM}}}feed" and by_namespace == "atom10":
        return by_namespace
    if names[root.tag] == "rdf_rdf" and by_namespace.startswith("rss"):
        return by_namespace
    if names[root.tag] != "rss":
        raise DoubtError(root.tag)
    if by_namespace.startswith("rss"):
        return by_namespace
    return _VERSIONS.get(stated) or ("rss20" if stated.startswith("2.") else "rss")


def _name_version(prefix: str, uri: str) -> str:
    if (prefix, uri.lower()) == ("", RSS_090):
        return "rss090"
    return {RSS_10: "rss10", ATOM.lower(): "atom10"}.get(uri.lower(), "")


def _is_refused(name: str) -> bool:
    return name in _REFUSED or name.startswith(("gml_", "psc_"))


def _require_leaf(element: Any) -> None:
    if len(element):
        raise DoubtError(element.tag)


def _require_address(address: str) -> str:
    if ":///" in address:
        raise DoubtError(address)  # the reference reader drops slashes
    return address


def _read_text(element: Any) -> str:
    if len(element):
        raise DoubtError(element.tag)
    text = (element.text or "").strip()
    return text if text.isascii() else _mend_misread(text)


def _mend_misread(text: str) -> str:
    """UTF-8 that was taken for Latin-1 and encoded once more, as it was meant; any other text as it is."""
    try:
        return text.encode("latin-1").decode()
    except (UnicodeEncodeError, UnicodeDecodeError):
        return text


def _read_content(element: Any) -> str:
    """A text that may be HTML. In doubt where its attributes make it something else."""
    if element.keys():
        attributes = _read_attributes(element)
        if attributes.get("type", "text").lower() not in _TEXT_TYPES or attributes.keys() & {"mode", "src"}:
            raise DoubtError(element.tag)
    return _read_text(element)


def _read_attributes(element: Any, *, about: bool = False) -> dict[str, str]:
    """The attributes without a namespace, by their names in small letters. ``about``: RDF's attribute of this name may stand."""
    plain: dict[str, str] = {}
    for key, value in element.items():
        space, _, local = key.lower().rpartition("}")
        is_doubtful = local in plain if not space else local in _MEANINGFUL and not (about and key == f"{RDF}about")
        if is_doubtful or local == "base":
            raise DoubtError(key)
        if not space:
            plain[local] = value
    return plain


def _read_item_guid(element: Any) -> str:
    if _read_attributes(element, about=True).keys() & {"href", "lastmod"}:
        raise DoubtError("an item of another format")
    about: str = element.get(f"{RDF}about", "")
    return about
