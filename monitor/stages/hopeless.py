"""Documents that no reader gets through in the time that a feed has: refused by counting, before anything is made of them.

What is counted is what feedparser's time grows with: about 10 µs for a tag, 2 µs for a bare bracket or a reference, and the
square of the number of attributes in one tag. Depth costs it nothing. The limits are far above what any real feed has, and near
what a worker process would be ended for.
"""

from __future__ import annotations

import re

from monitor.errors import FeedDocumentError
from monitor.stages.documents import name_document

MAX_TAGS = 300_000
MAX_BRACKETS = 1_500_000
MAX_REFERENCES = 2_000_000
MAX_ATTRIBUTES_OF_A_TAG = 10_000

_ANY_TAG = re.compile(r"<[A-Za-z_:?!]")
_TAG = re.compile(r"</?[A-Za-z_:]")
# A tag of so many attributes has at least so many characters: `` a=1`` each.
_LONG_TAG = re.compile(rf"<[A-Za-z_:][^<>]{{{MAX_ATTRIBUTES_OF_A_TAG * 4},}}")


def refuse_hopeless(text: str) -> None:
    """Raises `FeedDocumentError` where a document is no markup at all, or more of it than can be read."""
    if not _ANY_TAG.search(text):
        raise name_document(text)
    brackets = text.count("<")
    if brackets > MAX_BRACKETS or (brackets > MAX_TAGS and sum(1 for _ in _TAG.finditer(text)) > MAX_TAGS):
        raise _refuse(f"has {brackets} tags")
    if (references := text.count("&")) > MAX_REFERENCES:
        raise _refuse(f"has {references} references")
    for match in _LONG_TAG.finditer(text):
        if (attributes := match.group().count("=")) > MAX_ATTRIBUTES_OF_A_TAG:
            raise _refuse(f"has a tag of {attributes} attributes")


def _refuse(what: str) -> FeedDocumentError:
    return FeedDocumentError(
        "too_complex", f"the document {what}, more than can be read in the time that a feed has; tell the outlet"
    )
