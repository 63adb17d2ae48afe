from __future__ import annotations

import contextlib
from datetime import timedelta
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.errors import FeedDocumentError
from monitor.stages.articles import article_id_for
from monitor.stages.dates import EARLIEST, MAX_AHEAD
from monitor.stages.double_encoding import mend_double
from monitor.stages.links import read_link
from monitor.stages.parse import REPAIRS, parse_feed
from monitor.stages.rawfeed import RawItem
from monitor.text import clean_block, clean_line, hash_texts
from monitor.urls import canonicalize_url, resolve_link
from tests.factories import NOON, make_feed, make_fetched

if TYPE_CHECKING:
    from monitor.records import Entry, ParsedFeed

# What feeds put, and what nobody should put, into an element; cut off, nested, in two encodings, or no text at all.
CONTENTS = [
    *("Паром вышел".encode(), "Паром вышел".encode("cp1251"), b"\xd0", b"\xff\xfe", b"\x00", b"\x01", b"\xef\xbb\xbf", b"\n"),
    *(b"<![CDATA[", b"]]>", b"<!--", b"-->", b"<!DOCTYPE rss [", b"]>", b"<![", b"<![x[", b"<?", b"<!", b"</", b"<", b"&"),
    *(b"&lt;p&gt;", b"&lt;![x[", b"&lt;!", b"&#1055;", b"&#xD800;", b"&#0;", b"&#99999999999;", b"&nope;", b"&laquo;"),
    *(b"https://bereg.example/1", b"https://bereg.example:99999/", b"http://[", b"/1", b"12.05.2026 10:00", b"0001-01-01"),
    *(b"<item>", b"</item>", b"<title>", b"</title>", b"<entry>", b"<div xmlns='http://www.w3.org/1999/xhtml'>", b"</channel>"),
]
TAGS = [
    "title",
    "link",
    "guid",
    "id",
    "pubDate",
    "published",
    "updated",
    "description",
    "summary",
    "content",
    "yandex:full-text",
    "content:encoded",
]
HEADS = st.sampled_from(
    [
        b'<?xml version="1.0" encoding="utf-8"?><rss version="2.0" xmlns:yandex="http://news.yandex.ru"><channel>',
        b'<?xml version="1.0" encoding="windows-1251"?><rss version="2.0"><channel>',
        b'<rss><channel xmlns:content="http://purl.org/rss/1.0/modules/content/">',
        b'<feed xmlns="http://www.w3.org/2005/Atom">',
        b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/">',
        b"",
    ]
)
ELEMENTS = st.builds(
    lambda tag, contents: f"<{tag}>".encode() + b"".join(contents) + f"</{tag}>".encode(),
    st.sampled_from(TAGS),
    st.lists(st.sampled_from(CONTENTS), max_size=2),
)
ODD_ITEMS = st.builds(
    lambda tag, elements: f"<{tag}>".encode() + b"".join(elements) + f"</{tag}>".encode(),
    st.sampled_from(["item", "entry"]),
    st.lists(ELEMENTS, max_size=5),
)
DAMAGED_FEEDS = st.builds(lambda head, items: head + b"".join(items), HEADS, st.lists(ODD_ITEMS, max_size=4))
# Without Latin-1: feedparser takes a text that could be UTF-8 misread as Latin-1 for one, and mends it.
ITEM_TEXT = st.text(
    st.characters(max_codepoint=0x7E, exclude_categories=("Cc",), exclude_characters="<>&")
    | st.characters(min_codepoint=0x100, exclude_categories=("Cs",), exclude_characters="\ufffe\uffff"),
    max_size=40,
)
ITEMS = st.lists(st.tuples(ITEM_TEXT, ITEM_TEXT, st.sampled_from(["", "<guid>g</guid>", "<link>/1</link>"])), max_size=6)
CONTENT_TYPES = st.none() | st.sampled_from(
    ["application/rss+xml", "text/html; charset=windows-1251", "text/xml; charset=utf-8", ""]
)


def try_to_read(body: bytes, content_type: str | None) -> ParsedFeed | None:
    with contextlib.suppress(FeedDocumentError):
        return parse_feed(make_feed(timezone="Europe/Kyiv"), make_fetched(body=body, content_type=content_type))
    return None


def is_sound(entry: Entry) -> bool:
    """Whether it says something, can be told from others, has a believable time in UTC, and can be written as UTF-8."""
    texts = f"{entry.key} {entry.identity} {entry.url} {entry.title} {entry.summary} {entry.text}"
    return all(
        (
            EARLIEST <= entry.published_at <= NOON + MAX_AHEAD,
            entry.published_at.utcoffset() == timedelta(0),
            entry.published_how,
            entry.title or entry.summary or entry.text,
            entry.key,
            set(entry.repairs) <= REPAIRS.keys(),
            list(entry.repairs) == sorted(set(entry.repairs)),
            not set("\ufdd0\0") & set(texts),
            texts.encode("utf-8", "ignore").decode() == texts,
            article_id_for(entry.identity),
        )
    )


def list_unsound(parsed: ParsedFeed | None) -> list[Entry]:
    return [entry for entry in parsed.entries if not is_sound(entry)] if parsed else []


def write_feed(items: list[tuple[str, str, str]]) -> bytes:
    written = "".join(f"<item><title>{title}</title><description>{text}</description>{more}</item>" for title, text, more in items)
    return f'<?xml version="1.0" encoding="utf-8"?><rss version="2.0"><channel>{written}</channel></rss>'.encode()


@settings(deadline=None)
@given(DAMAGED_FEEDS | st.binary(max_size=200), CONTENT_TYPES)
def test_any_bytes_give_sound_entries_or_say_that_they_are_no_feed(body: bytes, content_type: str | None) -> None:
    assert list_unsound(try_to_read(body, content_type)) == []


@settings(deadline=None)
@given(ITEMS, st.data())
def test_a_feed_damaged_at_any_byte_gives_sound_entries_or_says_that_it_is_no_feed(
    items: list[tuple[str, str, str]], data: st.DataObject
) -> None:
    whole = write_feed(items)
    at = data.draw(st.integers(0, len(whole)))
    parsed = try_to_read(whole[:at] + data.draw(st.binary(max_size=3)) + whole[at + data.draw(st.integers(0, 30)) :], "text/xml")

    assert list_unsound(parsed) == []


@settings(deadline=None)
@given(ITEMS)
def test_every_item_of_a_sound_feed_is_an_entry_or_is_rejected(items: list[tuple[str, str, str]]) -> None:
    parsed = try_to_read(write_feed(items), "text/xml")

    assert parsed is not None
    assert parsed.degraded is None
    assert len(parsed.entries) + len(parsed.rejected) == len(items)


@settings(deadline=None)
@given(ITEMS)
def test_the_texts_of_a_sound_feed_come_back_clean_with_their_hash(items: list[tuple[str, str, str]]) -> None:
    parsed = try_to_read(write_feed(items), "text/xml")
    expected = [(clean_line(title), clean_block(text)) for title, text, _ in items]

    assert parsed is not None
    # feedparser takes no part in what white space at the edges means, so both sides are cleaned alike.
    assert [(entry.title, entry.summary) for entry in parsed.entries] == [both for both in expected if any(both)]
    assert all(entry.content_sha256 == hash_texts(entry.title, entry.summary, entry.text) for entry in parsed.entries)


@settings(deadline=None)
@given(ITEMS)
def test_reading_a_document_again_gives_the_same_entries(items: list[tuple[str, str, str]]) -> None:
    body = write_feed(items)

    assert try_to_read(body, "text/xml") == try_to_read(body, "text/xml")


@settings(deadline=None)
@given(st.text("абвгд ", min_size=1, max_size=30).filter(str.strip))
def test_a_hash_does_not_depend_on_encoding_markup_or_white_space(text: str) -> None:
    plain = write_feed([("Порт", text, "")])
    dressed = (
        f'<?xml version="1.0" encoding="windows-1251"?><rss version="2.0"><channel><item><title>\n <![CDATA[Порт ]]></title>'
        f"<description>&lt;p&gt;{text.replace(' ', '  ')}&lt;/p&gt;&lt;br/&gt;</description></item></channel></rss>"
    ).encode("cp1251")

    first, second = try_to_read(plain, "text/xml"), try_to_read(dressed, "text/xml")

    assert first is not None
    assert second is not None
    assert first.entries[0].content_sha256 == second.entries[0].content_sha256


WORDS = st.from_regex(r"[А-ЯІЇЄҐЁ]?[а-яіїєґё]{1,12}[.,!?»…]?|[А-ЯІЇЄҐЁ]{2,8}|«[а-яіїєґё]{2,9}»|№[0-9]", fullmatch=True)


@given(st.lists(WORDS, min_size=1, max_size=12).map(" ".join))
def test_sound_russian_and_ukrainian_text_is_never_taken_for_encoded_twice(text: str) -> None:
    assert mend_double(text) is None


@given(
    st.from_regex(
        r"(https?:)?(//)?[a-z0-9-]{0,9}(\.[a-zA-Z0-9-]{0,9}){0,3}(:[0-9]{1,5})?(/[A-Za-z0-9/._~%;а-я-]{0,9})?(\?a=1)?",
        fullmatch=True,
    )
)
def test_a_plain_link_is_read_as_any_link(raw: str) -> None:
    url = resolve_link(raw, "https://bereg.example/rss") if raw.strip() else None
    link = read_link(RawItem(link=raw, guid="n-1"), "https://bereg.example/rss")

    assert (link.url, link.canonical) == (url, canonicalize_url(url) if url else "")
