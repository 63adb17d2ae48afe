"""Feeds in and out as OPML, and found on a site."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.functional.servers import FeedServer, make_rss

if TYPE_CHECKING:
    from pathlib import Path

    from tests.functional.conftest import Monitor

FEEDS = """\
settings: {timezone: Europe/Kyiv}
feeds:
  # the first
  - id: port
    url: https://port.example/rss
    outlet: Порт
    language: uk
    kind: contrast
  - {id: bereg, url: https://bereg.example/rss}   # in braces
"""


@pytest.fixture
def feeds(tmp_path: Path) -> Path:
    (tmp_path / "feeds.yaml").write_text(FEEDS, encoding="utf-8")
    return tmp_path / "feeds.yaml"


def test_what_is_exported_can_be_imported_elsewhere(tmp_path: Path, monitor: Monitor, feeds: Path) -> None:
    opml = monitor("feeds", "export")
    assert opml.returncode == 0
    assert opml.stdout.startswith(b"<?xml")
    (tmp_path / "list.opml").write_bytes(opml.stdout)
    other = tmp_path / "other.yaml"
    other.write_text("feeds:\n  - {id: sea, url: https://sea.example/rss}\n", encoding="utf-8")
    done = monitor("feeds", "import", "list.opml", "--feeds", "other.yaml", "--json")
    assert sorted(json.loads(done.stdout)["added"]) == ["bereg", "port"]
    by_id = {feed["id"]: feed for feed in yaml.safe_load(other.read_text("utf-8"))["feeds"]}
    assert (by_id["port"]["outlet"], by_id["port"]["kind"]) == ("Порт", "contrast")


def test_an_import_keeps_comments_and_passes_over_what_is_there(tmp_path: Path, monitor: Monitor, feeds: Path) -> None:
    (tmp_path / "list.opml").write_text(
        '<opml version="2.0"><body><outline text="Новини"><outline text="Порт" xmlUrl="https://port.example/rss"/>'
        '<outline text="Шлях" xmlurl="https://shliakh.example/feed"/></outline></body></opml>',
        encoding="utf-8",
    )
    done = monitor("feeds", "import", "list.opml")
    assert done.stdout.decode().startswith("1 feeds added: ")
    written = feeds.read_text("utf-8")
    assert written.startswith(FEEDS.rstrip("\n"))
    assert monitor("feeds", "import", "list.opml").stdout == b"0 feeds added\n"
    assert feeds.read_text("utf-8") == written


@pytest.mark.parametrize("content", [b"", b"<html>no list</html>", b"\xff\xfe"], ids=["empty", "HTML", "bytes"])
def test_what_is_no_list_of_feeds_is_refused_and_changes_nothing(
    tmp_path: Path, monitor: Monitor, feeds: Path, content: bytes
) -> None:
    (tmp_path / "list.opml").write_bytes(content)
    done = monitor("feeds", "import", "list.opml")
    assert done.returncode == 2
    assert done.stderr.startswith(b"monitor: ")
    assert feeds.read_text("utf-8") == FEEDS


def test_the_feeds_of_a_site_are_found_and_read(tmp_path: Path, monitor: Monitor, feed_server: FeedServer) -> None:
    feed_server.documents["/index.html"] = (
        b"<html><head><link rel='alternate' type='application/rss+xml' href='/all.xml'></head></html>"
    )
    feed_server.documents["/all.xml"] = make_rss([{"title": "Паром вышел в море", "link": "https://port.example/1"}])
    feed_server.write_feeds(tmp_path / "feeds.yaml")
    done = monitor("feeds", "discover", f"{feed_server.url}/index.html", "--json")
    (found,) = json.loads(done.stdout)["feeds"]
    assert (found["url"], found["entries"]) == (f"{feed_server.url}/all.xml", 1)
    assert monitor("feeds", "discover", f"{feed_server.url}/missing").returncode == 3
    assert monitor("feeds", "discover", "port.example").returncode == 2


def test_a_hostile_document_costs_only_its_own_feed(tmp_path: Path, monitor: Monitor, feed_server: FeedServer) -> None:
    # Below the number of attributes that is refused unread, and yet far more than a parser gets through in its time.
    tag = b"<item " + b" ".join(b'a%d="x"' % number for number in range(9_000)) + b"/>"
    sound = make_rss([{"title": "В порту открыли библиотеку", "link": "https://a.example/1", "guid": "1"}])
    feed_server.documents = {
        "/a-slow.xml": b"<rss version='2.0'><channel>" + tag * 60 + b"</channel></rss>",
        "/b-huge.xml": b"<rss version='2.0'><channel>" + b"<item a='x'" + b" a='x'" * 200_000 + b"/></channel></rss>",
        "/c-sound.xml": sound,
    }
    feed_server.write_feeds(tmp_path / "feeds.yaml")
    done = monitor("run", "--no-assess", "--json")
    assert done.returncode == 0
    report = json.loads(done.stdout)
    assert (report["feeds"]["fetched"], report["feeds"]["failed"], report["articles"]["stored"]) == (1, 2, 1)
    assert {error["kind"] for error in report["errors"]} == {"too_slow", "too_complex"}
