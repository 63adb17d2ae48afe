from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from monitor.errors import FeedDocumentError
from monitor.records import (
    Entry,
    FetchedFeed,
    ParsedFeed,
)
from monitor.stages.parse import MAX_ITEMS, MAX_SUMMARY_CHARS, MAX_TEXT_CHARS, MAX_TITLE_CHARS, REPAIRS, parse_feed, read_hint
from monitor.stages.rawfeed import RawFeed
from monitor.text import hash_texts
from tests.factories import NOON, make_feed, make_fetched

if TYPE_CHECKING:
    from pathlib import Path

TITLE = "Паром «Берег» вышел на линию"
ITEM = f"<item><title>{TITLE}</title><link>https://bereg.example/news/1</link></item>"
NAMESPACES = (
    'xmlns:yandex="http://news.yandex.ru" xmlns:content="http://purl.org/rss/1.0/modules/content/" '
    'xmlns:dc="http://purl.org/dc/elements/1.1/"'
)


def rss(items: str, *, encoding: str = "utf-8", declared: str | None = None) -> bytes:
    declaration = f'<?xml version="1.0" encoding="{declared or encoding}"?>'
    body = f'{declaration}<rss version="2.0" {NAMESPACES}><channel><title>Берег</title>{items}</channel></rss>'
    return body.encode(encoding)


def read(body: bytes, **changes: str | None) -> ParsedFeed:
    return parse_feed(make_feed(url="https://bereg.example/rss/all.xml"), make_bereg(body, **changes))


def make_bereg(body: bytes, **changes: str | None) -> FetchedFeed:
    return make_fetched(body=body, **{"url": "https://bereg.example/rss/all.xml", **changes})


def read_one(items: str, **changes: str | None) -> Entry:
    (entry,) = read(rss(items), **changes).entries
    return entry


# --- kinds of documents ---


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


# --- damage ---


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


# --- encodings ---


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


# --- texts ---


def test_the_full_text_of_yandex_feeds_is_the_text() -> None:
    entry = read_one(
        f"<item><title>{TITLE}</title><description>Коротко.</description>"
        "<yandex:full-text>Первый абзац.&lt;br&gt;Второй абзац.</yandex:full-text></item>"
    )

    assert (entry.summary, entry.text) == ("Коротко.", "Первый абзац.\nВторой абзац.")


def test_encoded_content_is_the_text() -> None:
    entry = read_one(
        f"<item><title>{TITLE}</title><description>Коротко.</description>"
        "<content:encoded><![CDATA[<p>Раз.</p><script>x()</script><p>Два.</p>]]></content:encoded></item>"
    )

    assert (entry.summary, entry.text) == ("Коротко.", "Раз.\nДва.")


@pytest.mark.parametrize(
    ("encoded", "yandex"),
    [
        pytest.param("Весь длинный текст о пароме.", "Начало.", id="in the encoded content"),
        pytest.param("Начало.", "Весь длинный текст о пароме.", id="in the Yandex full text"),
        pytest.param("<i></i>" * 20 + "Начало.", "Весь длинный текст о пароме.", id="markup does not count"),
    ],
)
def test_the_longest_full_text_wins(encoded: str, yandex: str) -> None:
    entry = read_one(
        f"<item><content:encoded><![CDATA[{encoded}]]></content:encoded><yandex:full-text>{yandex}</yandex:full-text></item>"
    )

    assert entry.text == "Весь длинный текст о пароме."


def test_a_summary_that_repeats_the_text_is_not_kept_twice() -> None:
    entry = read_one(
        f"<item><title>{TITLE}</title><description>&lt;p&gt;Одно и то же.&lt;/p&gt;</description>"
        "<content:encoded>Одно и то же.</content:encoded></item>"
    )

    assert (entry.summary, entry.text) == ("", "Одно и то же.")


def test_a_read_more_link_is_not_part_of_the_summary() -> None:
    entry = read_one(
        f"<item><title>{TITLE}</title><link>https://bereg.example/news/1</link>"
        '<description><![CDATA[Коротко. <a href="https://bereg.example/news/1">Читать далее</a>]]></description></item>'
    )

    assert entry.summary == "Коротко."


def test_an_item_whose_only_text_is_a_link_to_itself_is_kept() -> None:
    parsed = read(
        rss(
            "<item><link>https://bereg.example/news/1</link>"
            '<description><![CDATA[<a href="https://bereg.example/news/1">Паром вышел на линию</a>]]></description></item>'
        )
    )

    assert [entry.summary for entry in parsed.entries] == ["Паром вышел на линию"]


def test_a_headline_alone_is_an_entry() -> None:
    entry = read_one(f"<item><title>{TITLE}</title><description/></item>")

    assert (entry.title, entry.summary, entry.text) == (TITLE, "", "")


def test_an_item_that_says_nothing_is_rejected_with_its_number() -> None:
    parsed = read(rss(f"{ITEM}<item><link>https://bereg.example/2</link><title> </title></item>{ITEM.replace('/1', '/3')}"))

    assert [entry.url for entry in parsed.entries] == ["https://bereg.example/news/1", "https://bereg.example/news/3"]
    assert parsed.rejected == ("item 2 has neither title nor text",)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        pytest.param("&amp;laquo;Порт&amp;raquo; закрыт", "«Порт» закрыт", id="entities of HTML"),
        pytest.param("&lt;b&gt;Порт&lt;/b&gt; закрыт", "Порт закрыт", id="markup"),
        pytest.param("<![CDATA[\n  Порт\n  закрыт ]]>", "Порт закрыт", id="CDATA over several lines"),
        pytest.param("Порт\u200b за\u00adкрыт\ufeff", "Порт закрыт", id="hidden characters"),
    ],
)
def test_titles_are_one_line_of_plain_text(raw: str, expected: str) -> None:
    assert read_one(f"<item><title>{raw}</title></item>").title == expected


def test_control_characters_do_not_survive() -> None:
    parsed = read(rss(f"<item><title>Пор\x01т за\x1bкрыт</title><description>Ве\x08тер</description></item>{ITEM}"))

    assert (parsed.entries[0].title, parsed.entries[0].summary) == ("Порт закрыт", "Ветер")


def test_endless_texts_are_cut() -> None:
    entry = read_one(
        f"<item><title>{'а' * (MAX_TITLE_CHARS + 9)}</title><description>{'б' * (MAX_SUMMARY_CHARS + 9)}</description>"
        f"<content:encoded>{'в' * (MAX_TEXT_CHARS + 9)}</content:encoded></item>"
    )

    assert (len(entry.title), len(entry.summary), len(entry.text)) == (MAX_TITLE_CHARS, MAX_SUMMARY_CHARS, MAX_TEXT_CHARS)


def test_the_hash_follows_the_texts_and_nothing_else() -> None:
    entry = read_one(f"<item><title>{TITLE}</title><guid>n-1</guid><description>Коротко.</description></item>")
    elsewhere = read_one(
        f"<item><title>{TITLE}</title><guid>n-2</guid><description>Коротко.</description><pubDate>12.05.2026</pubDate></item>"
    )
    reworded = read_one(f"<item><title>{TITLE}</title><guid>n-1</guid><description>Короче.</description></item>")

    assert entry.content_sha256 == elsewhere.content_sha256
    assert entry.content_sha256 != reworded.content_sha256


# --- links, keys, identities ---


def test_a_link_in_cdata_with_line_breaks_is_a_link() -> None:
    entry = read_one(f"<item><title>{TITLE}</title><link><![CDATA[\n   https://bereg.example/news/1\n ]]></link></item>")

    assert (entry.url, entry.identity) == ("https://bereg.example/news/1", "https://bereg.example/news/1")


def test_a_relative_link_is_completed_from_where_the_feed_was_fetched() -> None:
    assert read_one(f"<item><title>{TITLE}</title><link>/news/1</link></item>").url == "https://bereg.example/news/1"


def test_ampersands_of_a_link_survive() -> None:
    entry = read_one(f"<item><title>{TITLE}</title><link>https://bereg.example/?a=1&amp;b=2</link></item>")

    assert entry.url == "https://bereg.example/?a=1&b=2"


@pytest.mark.parametrize("link", ["javascript:alert(1)", "mailto:desk@bereg.example", "file:///etc/hostname"])
def test_a_link_that_is_no_web_address_is_no_url(link: str) -> None:
    entry = read_one(f"<item><title>{TITLE}</title><link>{link}</link><guid isPermaLink='false'>n-1</guid></item>")

    assert (entry.url, entry.identity) == (None, "crimea-agency n-1")


def test_tracking_parameters_do_not_part_two_sightings_of_one_article() -> None:
    first = read_one(f"<item><title>{TITLE}</title><link>http://bereg.example/news/1?utm_source=rss</link></item>")
    second = read_one(f"<item><title>{TITLE}</title><link>https://bereg.example/news/1?utm_campaign=tg#top</link></item>")

    assert first.identity == second.identity


def test_without_a_guid_the_link_is_the_key() -> None:
    assert read_one(ITEM).key == "https://bereg.example/news/1"


def test_without_guid_and_link_title_and_date_are_the_key() -> None:
    items = "<item><title>Сводка</title><pubDate>{}</pubDate></item>"
    parsed = read(rss(items.format("12.05.2026") + items.format("13.05.2026")))

    assert len({entry.key for entry in parsed.entries}) == 2
    assert len({entry.identity for entry in parsed.entries}) == 2


def test_items_that_have_nothing_but_a_text_are_told_apart() -> None:
    parsed = read(rss("<item><description>Паром вышел.</description></item><item><description>Порт закрыт.</description></item>"))

    assert len({entry.key for entry in parsed.entries}) == 2
    assert len({entry.identity for entry in parsed.entries}) == 2
    assert all(entry.key for entry in parsed.entries)


def test_one_guid_for_every_item_identifies_none() -> None:
    items = "".join(
        f"<item><guid>bereg</guid><title>Новость {n}</title><link>https://bereg.example/news/{n}</link></item>" for n in (1, 2)
    )
    parsed = read(rss(items))

    assert [entry.key for entry in parsed.entries] == ["https://bereg.example/news/1", "https://bereg.example/news/2"]


def test_one_link_for_every_item_identifies_none() -> None:
    items = "".join(
        f"<item><guid isPermaLink='false'>n-{n}</guid><title>Новость {n}</title><link>https://bereg.example/</link></item>"
        for n in (1, 2)
    )
    parsed = read(rss(items))

    assert [entry.identity for entry in parsed.entries] == ["crimea-agency n-1", "crimea-agency n-2"]
    assert [entry.url for entry in parsed.entries] == ["https://bereg.example/", "https://bereg.example/"]


def test_one_guid_and_one_link_for_every_item_leave_the_title() -> None:
    items = "".join(f"<item><guid>bereg</guid><title>Новость {n}</title><link>https://bereg.example/</link></item>" for n in (1, 2))

    assert len({(entry.key, entry.identity) for entry in read(rss(items)).entries}) == 2


def test_an_item_listed_twice_keeps_the_identity_it_has_when_listed_once() -> None:
    # Otherwise the next document, where it is listed once, would store it as another article.
    item = "<item><guid isPermaLink='false'>n-1</guid><title>Шторм</title><link>https://bereg.example/news/1</link></item>"

    once, twice = read(rss(item)).entries, read(rss(item + item)).entries

    assert {(entry.key, entry.identity) for entry in twice} == {(entry.key, entry.identity) for entry in once}


def test_a_headline_as_guid_is_no_address() -> None:
    entry = read_one(f"<item><guid>{TITLE}</guid><title>{TITLE}</title></item>")

    assert entry.url is None
    assert entry.identity.startswith("crimea-agency ")


@pytest.mark.parametrize("guid_first", [True, False])
def test_a_headline_as_guid_does_not_push_the_link_aside(guid_first: bool) -> None:
    parts = [f"<guid>{TITLE}</guid>", "<link>https://bereg.example/news/1</link>"]

    entry = read_one(f"<item><title>{TITLE}</title>{''.join(parts if guid_first else parts[::-1])}</item>")

    assert entry.url == "https://bereg.example/news/1"


def test_a_guid_that_is_an_address_stands_in_for_a_missing_link() -> None:
    entry = read_one(f"<item><title>{TITLE}</title><guid>https://bereg.example/news/1</guid></item>")

    assert entry.url == "https://bereg.example/news/1"


def test_a_key_does_not_depend_on_the_address_that_answered() -> None:
    # A feed that redirects to a mirror today and not tomorrow still has the same entries.
    item = f"<item><guid>n-1</guid><title>{TITLE}</title><link>https://bereg.example/news/1</link></item>"

    assert read_one(item).key == read_one(item, url="https://mirror.example/rss.xml").key


# --- dates ---


@pytest.mark.parametrize(
    ("tag", "raw", "expected"),
    [
        pytest.param("pubDate", "Tue, 12 May 2026 10:00:00 MSK", datetime(2026, 5, 12, 7, 0, tzinfo=UTC), id="MSK"),
        pytest.param("pubDate", "Tue, 12 May 2026 10:00:00 EET", datetime(2026, 5, 12, 8, 0, tzinfo=UTC), id="EET"),
        pytest.param("pubDate", "12 мая 2026, 10:00", datetime(2026, 5, 12, 7, 0, tzinfo=UTC), id="Russian, no zone"),
        pytest.param("pubDate", "12 травня 2026 10:00", datetime(2026, 5, 12, 7, 0, tzinfo=UTC), id="Ukrainian, no zone"),
        pytest.param("pubDate", "12.05.2026 10:00", datetime(2026, 5, 12, 7, 0, tzinfo=UTC), id="points, no zone"),
        pytest.param("dc:date", "2026-05-12T10:00:00Z", datetime(2026, 5, 12, 10, 0, tzinfo=UTC), id="Dublin Core"),
        pytest.param("pubDate", "Tue, 12 May 1626 10:00:00 GMT", NOON, id="absurdly old"),
        pytest.param("pubDate", "Tue, 12 May 2126 10:00:00 GMT", NOON, id="a century ahead"),
        pytest.param("pubDate", "", NOON, id="empty"),
    ],
)
def test_dates_are_read_with_the_zone_of_the_feed(tag: str, raw: str, expected: datetime) -> None:
    body = rss(f"<item><title>{TITLE}</title><{tag}>{raw}</{tag}></item>")

    (entry,) = parse_feed(make_feed(timezone="Europe/Kyiv"), make_bereg(body)).entries

    assert entry.published_at == expected


def test_without_a_zone_in_feed_and_settings_utc_is_assumed() -> None:
    entry = read_one(f"<item><title>{TITLE}</title><pubDate>12.05.2026 10:00</pubDate></item>")

    assert (entry.published_at, entry.published_how) == (datetime(2026, 5, 12, 10, 0, tzinfo=UTC), "no zone: UTC assumed")


def test_the_publication_date_wins_over_later_changes() -> None:
    entry = read_one(
        f"<item><title>{TITLE}</title><dc:date>2026-05-13T10:00:00Z</dc:date><pubDate>12 May 2026 10:00:00 GMT</pubDate></item>"
    )

    assert entry.published_at == datetime(2026, 5, 12, 10, 0, tzinfo=UTC)


def test_parsing_again_gives_the_same() -> None:
    fetched = make_bereg(rss(ITEM + ITEM.replace("/1", "/2")))

    assert parse_feed(make_feed(), fetched) == parse_feed(make_feed(), replace(fetched))


# --- repairs ---


def repairs_of(item: str, **changes: str | None) -> set[str]:
    (entry,) = read(rss(item), **changes).entries
    assert list(entry.repairs) == sorted(set(entry.repairs))
    assert set(entry.repairs) <= REPAIRS.keys()
    return set(entry.repairs)


TITLE_WORDS = "Паром вышел на линию"
SOUND = (
    "<title>Паром вышел на линию</title><link>https://bereg.example/1</link><guid>n-1</guid><pubDate>2026-05-12T10:00:00Z</pubDate>"
)


def test_a_sound_item_needs_no_repair() -> None:
    assert repairs_of(f"<item>{SOUND}</item>") == set()


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        pytest.param("2026-05-12T10:00:00Z", "12.05.2026 10:00", "date_zone", id="no zone"),
        pytest.param("2026-05-12T10:00:00Z", "12 мая, 10:00", "date_year", id="no year"),
        pytest.param("2026-05-12T10:00:00Z", "вчера, 10:00", "date_relative", id="yesterday"),
        pytest.param("2026-05-12T10:00:00Z", "", "date_missing", id="no date"),
        pytest.param("2026-05-12T10:00:00Z", "скоро", "date_unreadable", id="no such date"),
        pytest.param("2026-05-12T10:00:00Z", "2126-05-12T10:00:00Z", "date_absurd", id="absurd date"),
        pytest.param("<guid>n-1</guid>", "", "guid_missing", id="no guid"),
        pytest.param("n-1", "7: Паром вышел на линию", "guid_headline", id="headline in the guid"),
        pytest.param("n-1", "https://bereg.example/1?utm_source=rss", "guid_tracking", id="tracking in the guid"),
        pytest.param("https://bereg.example/1", "/1", "link_relative", id="relative link"),
        pytest.param(
            "https://bereg.example/1", "https://bereg.example/1?utm_source=rss", "link_tracking", id="tracking in the link"
        ),
        pytest.param("https://bereg.example/1", "javascript:x()", "link_unusable", id="no web address"),
        pytest.param("<title>Паром вышел на линию</title>", "<description>Порт</description>", "title_missing", id="no title"),
        pytest.param("Паром вышел", "Паром\x01 вышел", "control_characters", id="control character"),
        pytest.param(TITLE_WORDS, TITLE_WORDS.encode().decode("latin-1"), "encoding_double", id="encoded twice"),
        pytest.param("Паром вышел на линию", "а" * (MAX_TITLE_CHARS + 1), "text_cut", id="endless title"),
    ],
)
def test_each_repair_is_recorded(old: str, new: str, word: str) -> None:
    assert repairs_of(f"<item>{SOUND.replace(old, new)}</item>") == {word}


def test_a_repair_is_recorded_on_its_item_alone() -> None:
    broken = SOUND.replace("Паром", "Па\x01ром").replace("1<", "2<")
    parsed = read(rss(f"<item>{SOUND}</item><item>{broken}</item>"))

    assert [entry.repairs for entry in parsed.entries] == [(), ("control_characters",)]


def test_what_several_items_share_is_recorded() -> None:
    items = "".join(f"<item>{SOUND.replace('Паром', str(n))}</item>" for n in (1, 2))

    assert [entry.repairs for entry in read(rss(items)).entries] == [("guid_shared", "link_shared")] * 2


def test_a_wrong_label_is_recorded() -> None:
    (entry,) = read(rss(f"<item>{SOUND}</item>", encoding="cp1251", declared="utf-8")).entries

    assert entry.repairs == ("encoding_label",)


def test_the_item_that_a_document_breaks_off_in_is_told_from_the_others() -> None:
    body = rss(f"<item>{SOUND}</item><item>{SOUND.replace('1<', '2<')}<description>Порт закр")

    parsed = read(body.partition("закр".encode())[0])

    assert [entry.repairs for entry in parsed.entries] == [(), ("truncated",)]


def test_lenient_reading_is_recorded() -> None:
    assert "tag_soup" in repairs_of(f"<item>{SOUND}<b></item>")


def test_a_feed_cut_before_its_first_item_is_no_feed_without_items() -> None:
    with pytest.raises(FeedDocumentError) as caught:
        read(b"<rss version='2.0'><channel><title>Bereg</tit")

    assert caught.value.kind == "truncated"


def test_a_guid_with_the_headline_gives_way_to_the_link_or_title_and_date() -> None:
    item = f"<item>{SOUND.replace('n-1', '7: Паром вышел на линию')}</item>"

    assert read_one(item).key == "https://bereg.example/1"
    assert read_one(item.replace("https://bereg.example/1", "")).key == "Паром вышел на линию 2026-05-12T10:00:00Z"


def test_a_tracked_guid_is_the_same_key_on_each_visit() -> None:
    item = SOUND.replace("n-1", "https://bereg.example/1?utm_term={}")

    assert read_one(f"<item>{item.format(1)}</item>").key == read_one(f"<item>{item.format(2)}</item>").key


@pytest.mark.parametrize(
    ("subset", "expected"),
    [
        pytest.param('<!ENTITY port "Порт закрыт">', "Шторм:", id="own entity"),
        pytest.param('<!ENTITY port "a]>b">', "Шторм:", id="brackets in the value"),
        pytest.param("<!-- it's --><!ENTITY port 'Порт'>", "Шторм:", id="apostrophe in a comment"),
        pytest.param('<!ENTITY a "xx"><!ENTITY port "&a;&a;&a;">', "Шторм:", id="nested"),
    ],
)
def test_own_entities_are_dropped_and_never_expanded(subset: str, expected: str) -> None:
    body = f"<!DOCTYPE rss [{subset}]><rss version='2.0'><channel><item><title>Шторм: &port;</title></item></channel></rss>"

    (entry,) = read(body.encode()).entries

    assert entry.title == expected
    assert "doctype" in entry.repairs


def test_names_of_html_keep_their_meaning() -> None:
    body = (
        "<!DOCTYPE rss [<!ENTITY laquo '?'>]><rss version='2.0'><channel><item><title>&laquo;Шторм</title></item></channel></rss>"
    )

    assert read(body.encode()).entries[0].title == "«Шторм"


# --- cap and hints ---


@pytest.mark.parametrize("end", ["</item>", ""], ids=["closed", "never closed"])
def test_items_beyond_the_cap_are_not_read_and_counted(end: str) -> None:
    items = "".join(f"<item><guid>n-{n}</guid><title>Новость {n}</title>{end}" for n in range(MAX_ITEMS + 3))

    parsed = read(rss(items))

    assert len(parsed.entries) <= MAX_ITEMS
    assert parsed.clipped == 3
    assert parsed.degraded is not None
    assert f"3 items beyond the first {MAX_ITEMS}" in parsed.degraded


def test_a_clipped_feed_is_well_formed() -> None:
    items = "".join(f"<item><guid>n-{n}</guid><title>{n}</title></item>" for n in range(MAX_ITEMS + 1))

    parsed = read(rss(items))

    assert len(parsed.entries) == MAX_ITEMS
    assert parsed.degraded == f"1 items beyond the first {MAX_ITEMS} were not read"


@pytest.mark.parametrize(
    ("hints", "expected"),
    [
        pytest.param({}, None, id="none"),
        pytest.param({"ttl_minutes": "60"}, 3_600, id="ttl"),
        pytest.param({"ttl_minutes": " 30.0 "}, 1_800, id="ttl with a fraction"),
        pytest.param({"ttl_minutes": "1"}, 300, id="at least five minutes"),
        pytest.param({"ttl_minutes": "99999"}, 86_400, id="at most a day"),
        pytest.param({"ttl_minutes": "soon"}, None, id="no number"),
        pytest.param({"ttl_minutes": "0"}, None, id="zero"),
        pytest.param({"update_period": "hourly"}, 3_600, id="hourly"),
        pytest.param({"update_period": " Daily", "update_frequency": "4"}, 21_600, id="four times a day"),
        pytest.param({"update_period": "hourly", "update_frequency": "0"}, 3_600, id="no times an hour"),
        pytest.param({"update_period": "often"}, None, id="no period"),
        pytest.param({"ttl_minutes": "10", "update_period": "hourly"}, 3_600, id="the longer one"),
    ],
)
def test_the_document_says_when_to_come_again(hints: dict[str, str], expected: float | None) -> None:
    assert read_hint(RawFeed((), "rss20", **hints)) == expected


def test_a_ttl_of_the_document_is_its_hint() -> None:
    assert read(rss(f"<ttl>60</ttl>{ITEM}")).hint_s == 3_600
