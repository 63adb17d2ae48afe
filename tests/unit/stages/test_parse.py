"""Kinds of documents, damage and encodings."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from monitor.errors import FeedDocumentError
from monitor.records import (
    Entry,
    ParsedFeed,
)
from monitor.text import hash_texts

if TYPE_CHECKING:
    from pathlib import Path
from tests.unit.stages.feeds import ITEM, TITLE, read, rss


def test_an_rss_item_becomes_an_entry() -> None:
    item = (
        f"<item><guid isPermaLink='false'>n-1</guid><title>{TITLE}</title><link>https://bereg.example/news/1?utm_source=rss</link>"
        "<description>Коротко.</description><pubDate>Tue, 12 May 2026 10:00:00 +0300</pubDate></item>"
    )

    assert read(rss(item)) == ParsedFeed(
        (
            Entry(
                feed_id="crimea-agency",
                key="n-1",
                identity="https://bereg.example/news/1",
                url="https://bereg.example/news/1?utm_source=rss",
                title=TITLE,
                summary="Коротко.",
                text="",
                published_at=datetime(2026, 5, 12, 7, 0, tzinfo=UTC),
                published_how="stated",
                content_sha256=hash_texts(TITLE, "Коротко.", ""),
                repairs=("link_tracking",),
            ),
        )
    )


def test_an_atom_entry_becomes_an_entry_dated_by_its_publication() -> None:
    body = """<feed xmlns="http://www.w3.org/2005/Atom"><title>Берег</title><entry>
      <id>tag:bereg.example,2026:1</id><title type="html">&lt;b&gt;Паром&lt;/b&gt; вышел</title><link href="/news/1"/>
      <updated>2026-05-13T10:00:00Z</updated><published>2026-05-12T10:00:00Z</published><summary>Коротко.</summary>
      <content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p>Раз.</p><p>Два.</p></div></content>
      </entry></feed>"""

    (entry,) = read(body.encode(), content_type="application/atom+xml").entries

    assert (entry.key, entry.url, entry.title) == (
        "tag:bereg.example,2026:1",
        "https://bereg.example/news/1",
        "Паром вышел",
    )
    assert (entry.summary, entry.text) == ("Коротко.", "Раз.\nДва.")
    assert entry.published_at == datetime(2026, 5, 12, 10, 0, tzinfo=UTC)


def test_an_rdf_item_becomes_an_entry() -> None:
    body = f"""<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"
      xmlns:dc="http://purl.org/dc/elements/1.1/"><channel rdf:about="https://bereg.example/"><title>Берег</title></channel>
      <item rdf:about="https://bereg.example/news/1"><title>{TITLE}</title><link>https://bereg.example/news/1</link>
      <dc:date>2026-05-12T10:00:00+03:00</dc:date></item></rdf:RDF>"""

    (entry,) = read(body.encode()).entries

    assert (entry.title, entry.identity) == (TITLE, "https://bereg.example/news/1")
    assert entry.published_at == datetime(2026, 5, 12, 7, 0, tzinfo=UTC)


def test_a_feed_without_items_is_no_error() -> None:
    assert read(rss("")) == ParsedFeed(())


def test_entries_keep_the_order_of_the_document() -> None:
    items = "".join(f"<item><title>Новость {n}</title><guid>n-{n}</guid></item>" for n in (3, 1, 2))

    assert [entry.title for entry in read(rss(items)).entries] == ["Новость 3", "Новость 1", "Новость 2"]


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        pytest.param(b"", "empty_body", id="empty"),
        pytest.param(b" \r\n ", "empty_body", id="white space"),
        pytest.param(b"<!DOCTYPE html><html><body>Access denied</body></html>", "block_page", id="block page"),
        pytest.param(b"\n<HTML><head><title>Just a moment</title></head></HTML>", "challenge", id="challenge page"),
        pytest.param(b'{"items": []}', "json", id="JSON"),
        pytest.param(b"<?xml version='1.0'?><urlset><url/></urlset>", "not_a_feed", id="other XML"),
        pytest.param(b"\x89PNG\r\n\x1a\n\x00\x00", "not_a_feed", id="picture"),
        pytest.param(b"\x1f\x8b\x08\x00", "not_a_feed", id="still compressed"),
    ],
)
def test_a_document_that_is_no_feed_is_an_error_and_never_an_empty_feed(body: bytes, kind: str) -> None:
    with pytest.raises(FeedDocumentError) as caught:
        read(body)

    assert caught.value.kind == kind


def test_a_body_that_names_a_file_does_not_open_it(tmp_path: Path) -> None:
    path = tmp_path / "feed.xml"
    path.write_bytes(rss(ITEM))

    for body in (bytes(path), b"file://" + bytes(path)):
        with pytest.raises(FeedDocumentError):
            read(body)


def test_a_body_that_names_a_system_file_does_not_open_it() -> None:
    with pytest.raises(FeedDocumentError):
        read(b"/etc/hostname")


def test_entities_of_a_doctype_do_not_read_files(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("пароль", encoding="utf-8")
    doctype = f'<!DOCTYPE rss [<!ENTITY file SYSTEM "{secret.as_uri()}">]>'
    body = f'<?xml version="1.0"?>{doctype}<rss version="2.0"><channel><item><title>Порт &file;</title></item></channel></rss>'

    (entry,) = read(body.encode()).entries

    assert "пароль" not in entry.title


def test_a_truncated_feed_gives_what_could_be_read_and_says_so() -> None:
    whole = rss(ITEM + ITEM.replace("/1", "/2") + ITEM.replace("/1", "/3"))

    parsed = read(whole[: whole.index(b"news/3")])

    assert [entry.url for entry in parsed.entries][:2] == ["https://bereg.example/news/1", "https://bereg.example/news/2"]
    assert parsed.entries[0].title == TITLE
    assert parsed.degraded is not None
    assert parsed.degraded.startswith("read in part: ")


def test_a_feed_truncated_inside_a_letter_keeps_its_letters() -> None:
    whole = rss(ITEM + ITEM.replace("/1", "/2"))
    inside_a_letter = whole.rindex("линию".encode()) + 1

    parsed = read(whole[:inside_a_letter])

    assert parsed.entries[0].title == TITLE
    assert parsed.degraded is not None


def test_a_well_formed_feed_is_not_degraded() -> None:
    assert read(rss(ITEM)).degraded is None


@pytest.mark.parametrize("content_type", ["text/html", "text/plain; charset=utf-8", None, ";", "text/xml; charset=hex"])
def test_a_wrong_content_type_does_not_degrade_a_right_feed(content_type: str | None) -> None:
    parsed = read(rss(ITEM), content_type=content_type)

    assert (parsed.entries[0].title, parsed.degraded) == (TITLE, None)


@pytest.mark.parametrize("charset", ["undefined", "punycode", "unicode_escape", "no-such-charset", "x" * 300, "\x00"])
def test_a_senseless_charset_costs_nothing(charset: str) -> None:
    assert read(rss(ITEM), content_type=f"text/xml; charset={charset}").entries[0].title == TITLE


@pytest.mark.parametrize(
    "item",
    [
        pytest.param("<item><title>Порт &#99999999999;</title></item>", id="a character beyond Unicode"),
        pytest.param("<item><title>Порт &#xD800;</title></item>", id="half a character in a title"),
        pytest.param("<item><title>Порт</title><link>https://bereg.example/&#xD800;</link></item>", id="half one in a link"),
        pytest.param("<item><title>Порт</title><guid>n&#xD800;</guid></item>", id="half one in a guid"),
        pytest.param("<item><title>Порт</title><link>https://bereg.example:99999/</link></item>", id="impossible port"),
        pytest.param("<item><title>Порт</title><link>http://[bereg/</link></item>", id="broken host"),
        pytest.param("<item><title>Порт</title><description>&lt;![x[ a</description></item>", id="marked section"),
        pytest.param("<item><title>Порт\x01</title></item>", id="control character"),
        pytest.param("<item><title>Порт</title><pubDate>&#0;</pubDate></item>", id="no character as date"),
    ],
)
def test_one_odd_item_does_not_cost_the_others(item: str) -> None:
    parsed = read(rss(item + ITEM))

    assert parsed.entries[0].title.startswith("Порт")
    assert parsed.entries[-1].title == TITLE
    for entry in parsed.entries:
        told = entry.identity + entry.key + entry.title + (entry.url or "")
        assert told.encode("utf-8")
        assert "\0" not in told


def test_a_link_that_its_item_ends_inside_of_is_no_crash() -> None:
    body = rss(f"{ITEM}<item><title>Порт\x01</title><link>https://bereg.example/2</item></link>")

    assert read(body).entries[0].title == TITLE


@pytest.mark.parametrize(
    ("encoding", "declared", "content_type"),
    [
        pytest.param("utf-8", "utf-8", "text/xml", id="utf-8"),
        pytest.param("utf-8", "utf-8", None, id="utf-8 without a content type"),
        pytest.param("utf-8-sig", "utf-8", "text/xml", id="utf-8 with a byte order mark"),
        pytest.param("cp1251", "windows-1251", "text/xml", id="cp1251 declared in the document"),
        pytest.param("cp1251", "utf-8", "text/xml; charset=windows-1251", id="cp1251 declared by the server alone"),
        pytest.param("utf-8", "windows-1251", "text/xml; charset=utf-8", id="utf-8 declared by the server alone"),
        pytest.param("koi8-r", "koi8-r", "text/xml", id="koi8-r"),
        pytest.param("cp1251", "utf-8", "text/xml", id="cp1251 declared as utf-8"),
        pytest.param("cp1251", "cp-1251", "text/xml", id="cp1251 declared as cp-1251"),
        pytest.param("cp1251", "win-1251", "text/xml", id="cp1251 declared as win-1251"),
        pytest.param("utf-8", "windows-1251", "text/xml", id="utf-8 declared as cp1251"),
        pytest.param("utf-8", "utf-8", "text/xml; charset=windows-1251", id="utf-8 with a wrong server"),
    ],
)
def test_letters_are_read_right_whatever_is_declared(encoding: str, declared: str, content_type: str | None) -> None:
    title, summary = "Паром вышел на линию", "После шторма паром снова возит жителей обоих берегов."
    body = rss(f"<item><title>{title}</title><description>{summary}</description></item>", encoding=encoding, declared=declared)

    (entry,) = read(body, content_type=content_type).entries

    assert (entry.title, entry.summary) == (title, summary)


def test_the_same_text_has_the_same_hash_in_any_encoding() -> None:
    as_utf8 = read(rss(ITEM)).entries[0]
    as_cp1251 = read(rss(ITEM, encoding="cp1251", declared="windows-1251")).entries[0]

    assert as_utf8.content_sha256 == as_cp1251.content_sha256
