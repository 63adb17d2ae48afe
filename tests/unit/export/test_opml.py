from contextlib import suppress
from dataclasses import replace
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.errors import UsageError
from monitor.export import opml
from monitor.export.opml import OpmlFeed, make_feeds, read_opml, write_opml
from monitor.records import (
    Feed,
    OutletKind,
)
from tests.factories import NOON, make_feed


def wrap(body: str, head: str = "") -> bytes:
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<opml version="2.0"><head>{head}</head><body>\n{body}\n</body></opml>'.encode()


def read_one(attributes: str) -> OpmlFeed:
    imported = read_opml(wrap(f"<outline {attributes}/>"))
    assert len(imported.feeds) == 1, imported.problems
    return imported.feeds[0]


@pytest.mark.parametrize(
    ("attributes", "url", "title"),
    [
        pytest.param('type="rss" text="A" title="B" xmlUrl="https://a.example/rss"', "https://a.example/rss", "B", id="usual"),
        pytest.param('text="A" xmlUrl="https://a.example/rss"', "https://a.example/rss", "A", id="no type, text only"),
        pytest.param('title="B" xmlurl="https://a.example/rss"', "https://a.example/rss", "B", id="lower case, title only"),
        pytest.param('TYPE="RSS" XMLURL="https://a.example/rss"', "https://a.example/rss", "", id="capitals, no title"),
        pytest.param('type="rss" text="A" url="https://a.example/rss"', "https://a.example/rss", "A", id="url"),
        pytest.param('text="A" feedUrl="https://a.example/rss"', "https://a.example/rss", "A", id="feedUrl"),
        pytest.param('type="atom" text="A" xmlUrl=" https://a.example/&#10;rss "', "https://a.example/rss", "A", id="spaces"),
        pytest.param('text="A" xmlUrl="feed:https://a.example/rss"', "https://a.example/rss", "A", id="feed:https"),
        pytest.param('text="A" xmlUrl="feed://https://a.example/rss"', "https://a.example/rss", "A", id="feed://https"),
        pytest.param('text="A" xmlUrl="feed://a.example/rss"', "http://a.example/rss", "A", id="feed://"),
        pytest.param('text="A" xmlUrl="//a.example/rss"', "https://a.example/rss", "A", id="no scheme"),
        pytest.param('text="A" xmlUrl="/rss" htmlUrl="https://a.example/news/"', "https://a.example/rss", "A", id="relative"),
        pytest.param('text="A" xmlUrl="https://a.example/?a=1&b=2"', "https://a.example/?a=1&b=2", "A", id="bare ampersand"),
        pytest.param(
            'text="&laquo;A&raquo;&nbsp;B" xmlUrl="https://a.example/"', "https://a.example/", "«A» B", id="names of HTML"
        ),
        pytest.param('text="a &lt;b&gt; &amp;c" xmlUrl="https://a.example/"', "https://a.example/", "a <b> &c", id="names of XML"),
    ],
)
def test_odd_outlines_are_read(attributes, url, title):
    feed = read_one(attributes)
    assert (feed.url, feed.title) == (url, title)


def test_folders_are_kept_outermost_first():
    inner = '<outline text="Крым"><outline text="c" xmlUrl="https://c.example/"/></outline>'
    imported = read_opml(
        wrap(f'<outline text="a" xmlUrl="https://a.example/"/><outline title="Юг"><outline>{inner}</outline></outline>')
    )
    assert [(feed.title, feed.folder) for feed in imported.feeds] == [("a", ()), ("c", ("Юг", "Крым"))]
    assert imported.problems == ()


def test_a_folder_may_be_a_feed_itself():
    body = '<outline text="a" xmlUrl="https://a.example/"><outline text="b" xmlUrl="https://b.example/"/></outline>'
    assert [feed.folder for feed in read_opml(wrap(body)).feeds] == [(), ("a",)]


@pytest.mark.parametrize(
    ("outline", "problem"),
    [
        ('<outline text="x" xmlUrl="rss.xml"/>', "line 2: 'rss.xml' is no web address; left out"),
        ('<outline text="x" xmlUrl="ftp://a.example/rss"/>', "no web address"),
        ('<outline text="x" xmlUrl="javascript:alert(1)"/>', "no web address"),
        ('<outline text="x" type="link" url="https://a.example/"/>', "x names no feed"),
        ('<outline text="x" type="include" url="https://a.example/more.opml"/>', "x names no feed"),
        ('<outline type="rss" xmlUrl=""/>', "an outline names no feed"),
        ('<outline text="y" xmlUrl="http://KEPT.example/rss?utm_source=x"/>', "stands in the list before; kept once"),
    ],
)
def test_what_is_left_out_is_said(outline, problem):
    imported = read_opml(wrap(f'<outline text="kept" xmlUrl="https://kept.example/rss"/>{outline}'))
    assert [feed.title for feed in imported.feeds] == ["kept"]
    assert len(imported.problems) == 1
    assert problem in imported.problems[0]


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ('language="ru-RU"', {"language": "ru"}),
        ('language="Russian"', {"language": None}),
        ('kind="state"', {"kind": "state"}),
        ('kind="boring"', {"kind": None}),
        ('timezone="Europe/Kyiv"', {"timezone": "Europe/Kyiv"}),
        ('timezone="../../etc/passwd"', {"timezone": None}),
        ('id="own-id"', {"id": "own-id"}),
        ('id="../Own Id"', {"id": None}),
        ('enabled="false"', {"enabled": False}),
        ('enabled="maybe"', {"enabled": True}),
    ],
)
def test_only_values_that_mean_something_are_taken(attributes, expected):
    feed = read_one(f'text="A" xmlUrl="https://a.example/" {attributes}')
    assert feed == replace(feed, **expected)


def test_a_folder_tells_the_kind_where_the_feed_does_not():
    body = '<outline text="occupation"><outline text="a" xmlUrl="https://a.example/"/></outline>'
    assert read_opml(wrap(body)).feeds[0].kind == "occupation"


LIST = '<opml version="1.0"><body><outline text="Вести Крыма" xmlUrl="https://a.example/rss"/></body></opml>'


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\xef\xbb\xbf" + LIST.encode(), id="byte order mark"),
        pytest.param(LIST.encode("utf-16"), id="utf-16"),
        pytest.param(f'<?xml version="1.0" encoding="windows-1251"?>{LIST}'.encode("cp1251"), id="cp1251 declared"),
        pytest.param(f'<?xml version="1.0" encoding="utf-8"?>{LIST}'.encode("cp1251"), id="cp1251 declared as utf-8"),
        pytest.param(f"\n\n  {LIST}".encode(), id="blank lines first"),
        pytest.param(LIST.replace("Вести", "Вести\x01\ufffe").encode(), id="characters that XML has not"),
        pytest.param(f"{LIST}<!-- made by hand -->".encode(), id="comment behind"),
    ],
)
def test_any_encoding_is_read(data):
    assert [feed.title for feed in read_opml(data).feeds] == ["Вести Крыма"]


@pytest.mark.parametrize("cut", ["</body></opml>", "</opml>", "</outline></body></opml>"])
def test_a_broken_list_gives_what_can_be_read(cut):
    whole = wrap('<outline text="x"><outline text="a" xmlUrl="https://a.example/"/>\n</outline>').decode()
    imported = read_opml(whole.replace("\n</body>", "</body>").replace(cut, "").encode())
    assert [feed.title for feed in imported.feeds] == ["a"]
    assert "not well-formed" in imported.problems[0]


BOMB = '<!DOCTYPE o [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]>'


@pytest.mark.parametrize(
    ("data", "message"),
    [
        pytest.param(f'{BOMB}<opml><body><outline text="&b;"/></body></opml>'.encode(), "DOCTYPE or entities", id="bomb"),
        pytest.param(
            f'{BOMB}<opml><body><outline text="&b;"/></body></opml>'.encode("utf-16"), "DOCTYPE or entities", id="bomb in utf-16"
        ),
        pytest.param(b'<!doctype x SYSTEM "file:///etc/passwd"><opml/>', "DOCTYPE or entities", id="external"),
        pytest.param(b"<html><body><p>no list</p></body></html>", "no OPML list", id="page"),
        pytest.param(b"<rss><channel/></rss>", "no OPML list", id="feed"),
        pytest.param(b"", "no OPML list", id="empty"),
        pytest.param(b"just text", "no OPML list", id="text"),
    ],
)
def test_what_is_no_list_is_refused(data, message):
    with pytest.raises(UsageError, match=message):
        read_opml(data)


def test_an_empty_list_is_a_list():
    assert read_opml(wrap("")).feeds == ()


def test_a_list_beyond_the_cap_is_refused_unread():
    with pytest.raises(UsageError, match="split it"):
        read_opml(b" " * (opml.MAX_OPML_BYTES + 1))


def test_no_more_feeds_than_the_cap_are_read():
    imported = read_opml(wrap("".join(f'<outline xmlUrl="https://a.example/{n}"/>' for n in range(opml.MAX_FEEDS + 5))))
    assert len(imported.feeds) == opml.MAX_FEEDS
    assert imported.problems[-1].endswith("the rest is left out")


@given(st.binary(max_size=300) | st.text(max_size=200).map(wrap))
def test_any_bytes_give_a_list_or_a_refusal(data):
    with suppress(UsageError):
        assert all(feed.url.startswith(("http://", "https://")) for feed in read_opml(data).feeds)


def test_a_written_list_is_opml_with_its_kinds_as_folders():
    feeds = [make_feed("a", kind="state"), make_feed("b", kind=None, enabled=False), make_feed("c", kind="state", language=None)]
    data = write_opml(feeds, title="Feeds & more", made_at=NOON)
    text = data.decode()
    assert text.startswith("<?xml version='1.0' encoding='utf-8'?>")
    assert '<opml xmlns:monitor="urn:narrative-monitor:opml" version="2.0">' in text
    assert "<title>Feeds &amp; more</title>" in text
    assert "<dateCreated>Thu, 14 May 2026 12:00:00 +0000</dateCreated>" in text
    assert [(feed.id, feed.folder, feed.enabled) for feed in read_opml(data).feeds] == [
        ("a", ("state",), True),
        ("c", ("state",), True),
        ("b", ("other",), False),
    ]


def test_secrets_are_not_written():
    feed = make_feed("a", proxy="http://user:word@proxy.example:8080", headers=(("Authorization", "Bearer secret"),))
    text = write_opml([feed], title="x", made_at=NOON).decode()
    assert "proxy.example" not in text
    assert "secret" not in text


def test_imported_feeds_get_ids_that_are_free():
    found = [
        OpmlFeed("https://a.example/1", title="Вести Крыма"),
        OpmlFeed("https://a.example/2", title="Вести Крыма"),
        OpmlFeed("https://www.b.example/3"),
        OpmlFeed("https://a.example/4", id="taken", outlet="Щит"),
        OpmlFeed("https://a.example/5", id="own"),
    ]
    feeds = make_feeds(found, taken={"taken"})
    assert [feed.id for feed in feeds] == ["vesti-kryma", "vesti-kryma-2", "b-example", "shchit", "own"]
    assert [feed.outlet for feed in feeds] == ["Вести Крыма", "Вести Крыма", "b-example", "Щит", "own"]


FEEDS = st.builds(
    Feed,
    id=st.from_regex(r"[a-z0-9][a-z0-9._-]{0,20}", fullmatch=True),
    url=st.from_regex(r"https?://[a-z]{1,8}\.example/[a-z]{0,5}(\?[a-z]=[0-9]&[a-z]=%D0%BA)?", fullmatch=True),
    outlet=st.text(min_size=1, max_size=30),
    language=st.sampled_from([None, "ru", "uk", "en"]),
    kind=st.sampled_from([None, *get_args(OutletKind)]),
    timezone=st.sampled_from([None, "Europe/Kyiv", "Europe/Simferopol"]),
    enabled=st.booleans(),
)


@settings(deadline=None)
@given(st.lists(FEEDS, max_size=6, unique_by=(lambda feed: feed.id, lambda feed: opml.canonicalize_url(feed.url))))
def test_what_was_written_comes_back(feeds):
    imported = read_opml(write_opml(feeds, title="x", made_at=NOON))
    assert imported.problems == ()
    back = {feed.id: feed for feed in make_feeds(imported.feeds)}
    expected = {feed.id: replace(feed, outlet=opml.clean_xml_text(feed.outlet) or feed.id) for feed in feeds}
    assert back == expected
