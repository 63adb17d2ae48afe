from __future__ import annotations

import random
import warnings
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.stages.encoding import decode_document
from monitor.stages.fastfeed import read_fast
from tests.unit.stages.test_fastfeed import DOUBTFUL, SOUND, read_reference, write_atom, write_rdf, write_rss

if TYPE_CHECKING:
    from monitor.stages.rawfeed import RawFeed

ELEMENT_NAMES = [
    *("title", "dc:title", "media:title", "atom:title", "link", "atom:link", "guid", "id", "pubDate"),
    *("published", "issued", "dcterms:issued", "updated", "modified", "lastBuildDate", "dc:date", "dcterms:modified", "created"),
    *(
        "dcterms:created",
        "description",
        "dc:description",
        "media:description",
        "summary",
        "itunes:summary",
        "content",
        "atom:content",
        "content:encoded",
    ),
    *("yandex:full-text", "image", "source", "category", "author", "enclosure", "comments", "foo", "thr:total"),
    *(
        "dc:creator",
        "media:thumbnail",
        "media:credit",
        "media:keywords",
        "itunes:subtitle",
        "rights",
        "georss:point",
        "language",
        "TITLE",
    ),
    *("Description", "dc:subject", "itunes:explicit", "name", "url", "width", "expirationDate", "generator", "info"),
    *("webMaster", "feedburner:origLink"),
]
ATTRIBUTES = [
    *("", "", "", " type='html'", " type='text'", " type='xhtml'", " isPermaLink='false'", " isPermaLink='true'", " xml:lang='ru'"),
    *(" href='https://h.example/'", " rel='alternate' href='https://i.example/'", " rel='enclosure' href='https://j.example/'"),
    *(" url='https://u.example/'", " rel='self'", " a='1'"),
]
VALUES = [
    *("", "A", "Текст", "<![CDATA[<p>x</p>]]>", "&lt;b&gt;т&lt;/b&gt;", " \n текст ", "https://b.example/2", "tag:x,1", "12"),
    *("https://a.example/1?a=1&amp;b=2", "a&amp;amp;b;", "Ã©", "é", "\xa0x", "<!-- c -->Q", "<b/>"),
]
LEAVES = st.builds(
    lambda name, attributes, value: f"<{name}{attributes}>{value}</{name}>",
    st.sampled_from(ELEMENT_NAMES),
    st.sampled_from(ATTRIBUTES),
    st.sampled_from(VALUES),
)
GROUPS = st.builds(
    lambda name, inner: f"<{name}>{''.join(inner)}</{name}>",
    st.sampled_from(["media:group", "media:content", "author", "thr:x"]),
    st.lists(LEAVES, max_size=3),
)
ITEMS = st.lists(LEAVES | LEAVES | LEAVES | GROUPS, max_size=7).map("".join)
CHANNELS = st.lists(
    st.sampled_from(
        [
            *("<itunes:summary>x</itunes:summary>", "<description>x</description>", "<summary/>", "<ttl>5</ttl>", "<ttl/>"),
            *("<image><url>u</url><description>d</description></image>", "<sy:updatePeriod>daily</sy:updatePeriod>"),
        ]
    ),
    max_size=3,
).map("".join)
DOCUMENTS = (
    st.builds(
        lambda channel, items: write_rss("".join(f"<item>{item}</item>" for item in items), channel=channel),
        CHANNELS,
        st.lists(ITEMS, min_size=1, max_size=3),
    )
    | ITEMS.map(lambda item: write_atom(f"<entry>{item}</entry>"))
    | ITEMS.map(lambda item: write_rdf(f"<item rdf:about='https://r.example/'>{item}</item>"))
)
SOUND_BYTES = [text.encode() for text in SOUND.values()]


def read_slowly(text: str) -> RawFeed:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return read_reference(text)


def require_equal(text: str) -> bool:
    """Whether the document was read quickly; then with the values that the reference reader gives."""
    quick = read_fast(text)
    assert quick is None or quick == read_slowly(text)
    return quick is not None


@settings(deadline=None, max_examples=300)
@given(DOCUMENTS)
def test_any_elements_in_any_order_are_read_as_the_reference_reader_does_or_left_to_it(text: str) -> None:
    quick = read_fast(text)

    assert quick is None or quick == read_slowly(text)


@settings(deadline=None)
@given(st.text(max_size=100) | st.sampled_from([*SOUND.values(), *DOUBTFUL.values()][:-2]), st.text(max_size=5), st.data())
def test_no_text_breaks_the_reader(text: str, piece: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(text)))
    read = read_fast(text[:at] + piece + text[at:])

    assert read is None or read.version


def mutate(body: bytes, source: random.Random) -> bytes:
    at, length = source.randrange(len(body)), source.randrange(1, 40)
    match source.randrange(5):
        case 0:
            return body[:at] + bytes([body[at] ^ 1 << source.randrange(8)]) + body[at + 1 :]
        case 1:
            return body[:at]
        case 2:
            return body[:at] + body[at + length :]
        case 3:
            return body[:at] + body[at : at + length] * 2 + body[at + length :]
        case _:
            return body.decode().encode("cp1251", "xmlcharrefreplace")


@pytest.mark.parametrize("seed", range(3))
def test_damaged_documents_are_read_as_the_reference_reader_does_or_left_to_it(seed: int) -> None:
    source = random.Random(seed)
    read = [require_equal(decode_document(mutate(source.choice(SOUND_BYTES), source), None)) for _ in range(60)]

    assert 0 < sum(read) < len(read)
