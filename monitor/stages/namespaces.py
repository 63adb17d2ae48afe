"""The XML namespaces of feeds, and the prefixes that their elements are known by."""

from __future__ import annotations

import re

RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
ATOM = "http://www.w3.org/2005/Atom"
RSS_10 = "http://purl.org/rss/1.0/"
RSS_090 = "http://my.netscape.com/rdf/simple/0.9/"
# The prefix that the elements of a namespace are known by, whatever prefix the document binds to it; "" for feeds' own elements.
PREFIXES = {
    "": "",
    ATOM.lower(): "",
    RSS_10: "",
    RSS_090: "",
    "http://blogs.law.harvard.edu/tech/rss": "",
    "http://cyber.law.harvard.edu/rss/creativecommonsrssmodule.html": "creativecommons",
    "http://backend.userland.com/creativecommonsrssmodule": "creativecommons",
    "http://creativecommons.org/ns#license": "cc",
    "http://podlove.org/simple-chapters": "psc",
    "http://purl.org/dc/elements/1.1/": "dc",
    "http://purl.org/dc/terms/": "dcterms",
    "http://purl.org/rss/1.0/modules/content/": "content",
    "http://purl.org/rss/1.0/modules/syndication/": "sy",
    "http://rssnamespace.org/feedburner/ext/1.0": "feedburner",
    "http://search.yahoo.com/mrss": "media",
    "http://search.yahoo.com/mrss/": "media",
    "http://web.resource.org/cc/": "cc",
    "http://webns.net/mvcb/": "admin",
    "http://www.georss.org/georss": "georss",
    "http://www.itunes.com/dtds/podcast-1.0.dtd": "itunes",
    "http://www.opengis.net/gml": "gml",
    "http://www.w3.org/1999/02/22-rdf-syntax-ns#": "rdf",
    "http://www.w3.org/1999/xhtml": "xhtml",
    "http://www.w3.org/xml/1998/namespace": "xml",
}
# Drafts of Atom and other dialects that the reference reader takes for feeds' own elements.
DIALECTS = re.compile(r"purl\.org/(atom|echo|pie)/|purl\.org/rss/1\.0/modules/rss091|echo/namespace|example\.com/")
KNOWN_PREFIXES = frozenset(PREFIXES.values())


class DoubtError(Exception):
    """The document holds something that is left to the reference reader."""


def find_prefix(uri: str) -> str | None:
    """The prefix that a namespace is known by; None where it is not known."""
    low = uri.lower()
    return "" if "backend.userland.com/rss" in low else PREFIXES.get(low)


def bind_prefixes(declared: list[tuple[str, str]]) -> dict[str, str | None]:
    """The prefix of each namespace that is not known; None where it is not the only one.

    Raises `DoubtError` where a prefix has several meanings, or that of another namespace.
    """
    uris: dict[str, str] = {}
    prefixes: dict[str, str | None] = {}
    for written, uri in dict.fromkeys(declared):
        prefix, known = written.lower(), find_prefix(uri)
        if known is None:
            prefixes[uri] = prefix if prefix and prefixes.get(uri, prefix) == prefix else None
        if not prefix:
            continue
        if is_odd(uri) or uris.setdefault(prefix, uri) != uri or (prefix in KNOWN_PREFIXES and prefix != known):
            raise DoubtError(f"{prefix} {uri}")
    return prefixes


def is_odd(uri: str) -> bool:
    """Whether a namespace is written in a way that the reference reader may take for another."""
    return bool("&" in uri or uri != "".join(uri.split()) or DIALECTS.search(uri.lower()))
