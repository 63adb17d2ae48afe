"""What is mended in a feed, and that it is told; the cap on items and the hints."""

from __future__ import annotations

import pytest

from monitor.errors import FeedDocumentError
from monitor.stages.parse import MAX_ITEMS, MAX_TITLE_CHARS, REPAIRS, read_hint
from monitor.stages.rawfeed import RawFeed
from tests.unit.stages.feeds import ITEM, read, read_one, rss


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
