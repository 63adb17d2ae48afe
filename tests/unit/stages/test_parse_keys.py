"""Links, keys, identities and dates of entries."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from monitor.stages.parse import parse_feed
from tests.factories import NOON, make_feed
from tests.unit.stages.feeds import ITEM, TITLE, make_bereg, read, read_one, rss


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
