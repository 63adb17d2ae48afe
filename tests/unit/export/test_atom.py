from datetime import UTC, datetime, timedelta

import feedparser
import pytest
from lxml import etree

from monitor.export.atom import ATOM, describe_item, export_atom, make_feed_id, make_item_id
from monitor.export.selection import list_flagged, make_headline
from monitor.text import show_controls
from tests.unit.export.texts import DAY, export_bytes, make_export_row, make_hostile_rows, make_selection

REQUIRED = {"id", "title", "updated"}


def squeeze(text: str) -> str:
    """As every reader of XML sees white space around and between lines."""
    return " ".join(show_controls(text).split())


def test_every_row_comes_back_through_feedparser_with_its_text_as_text():
    rows = make_hostile_rows()
    feed = feedparser.parse(export_bytes(export_atom, rows))
    assert (feed.bozo, feed.version, len(feed.entries)) == (False, "atom10", len(rows))
    selection = make_selection(rows)
    for row, entry in zip(rows, feed.entries, strict=True):
        assert entry.id == make_item_id(row)
        assert entry.link == row.article.url
        assert entry.title_detail.type == "text/plain"
        assert squeeze(entry.title) == squeeze(make_headline(row.article))
        assert squeeze(entry.summary) == squeeze(describe_item(selection, row))
        assert squeeze(entry.author) == squeeze(row.article.outlet)
        assert entry.title_detail.language == row.article.language
        assert [tag.term for tag in entry.tags] == [score.id for score in list_flagged(row)]
        assert (entry.published, entry.updated) == ("2026-05-14T12:00:00Z", "2026-05-14T12:00:00Z")


def test_the_feed_has_what_the_standard_asks_for_and_no_markup():
    document = etree.fromstring(export_bytes(export_atom, make_hostile_rows()))
    entries = document.findall(f"{{{ATOM}}}entry")
    for element in (document, *entries):
        names = [etree.QName(child).localname for child in element]
        assert all(names.count(name) == 1 for name in REQUIRED)
        assert "author" in names
    assert {etree.QName(element).namespace for element in document.iter()} == {ATOM}
    ids = [entry.findtext(f"{{{ATOM}}}id") for entry in entries]
    assert len(set(ids)) == len(ids)


def test_the_feed_states_its_count_and_when_it_was_updated():
    rows = [make_export_row(f"a{n}") for n in range(3)]
    feed = feedparser.parse(export_bytes(export_atom, rows)).feed
    assert feed.subtitle.startswith("3 rows of 2026-05-14")
    assert feed.updated == "2026-05-14T12:00:00Z"


@pytest.mark.parametrize("url", [None, "javascript:alert(1)", "ftp://port.example/1"])
def test_what_is_no_web_address_is_no_link(url):
    (entry,) = feedparser.parse(export_bytes(export_atom, [make_export_row(url=url)])).entries
    assert not entry.get("links")


def test_ids_stay_from_day_to_day_and_differ_for_edits_and_other_narratives():
    later = make_export_row(day=DAY + timedelta(days=1), fetched_at=datetime(2026, 5, 15, tzinfo=UTC))
    assert make_item_id(make_export_row()) == make_item_id(later)
    assert make_item_id(make_export_row()) != make_item_id(make_export_row(revision=2))
    feeds = [make_feed_id(make_selection([], narratives=chosen)) for chosen in ((), ("a",), ("a", "b"), ("b", "a"))]
    assert len(set(feeds)) == 3
    assert feeds[2] == feeds[3]
    assert make_feed_id(make_selection([], last=DAY + timedelta(days=1))) == feeds[0]


def test_the_same_rows_give_the_same_bytes_and_none_gives_a_feed_too():
    rows = make_hostile_rows()
    assert export_bytes(export_atom, rows) == export_bytes(export_atom, rows)
    empty = feedparser.parse(export_bytes(export_atom, [], latest_at=None))
    assert (empty.bozo, empty.version, empty.entries) == (False, "atom10", [])
