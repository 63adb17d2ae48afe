"""`monitor run` on feeds shaped like the real ones of this region, served by a real HTTP server."""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING

import pytest

from tests.functional.servers import FeedServer, make_rss

if TYPE_CHECKING:
    from pathlib import Path

    from tests.functional.conftest import Monitor

NOW = "2026-11-20T12:00:00+00:00"
CONGRESS = "Съезд крымских татар единогласно поддержал президента и специальную операцию"


def read_report(tmp_path: Path) -> dict[str, object]:
    (path,) = tmp_path.glob("digests/*/run.json")
    return json.loads(path.read_text(encoding="utf-8"))


def query(tmp_path: Path, sql: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(tmp_path / "monitor.db")
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def assert_adds_up(report: dict[str, object]) -> None:
    feeds, entries, articles = report["feeds"], report["entries"], report["articles"]
    assert feeds["due"] == feeds["fetched"] + feeds["not_modified"] + feeds["failed"]
    assert entries["parsed"] == entries["new"] + entries["updated"] + entries["seen"] + entries["rejected"]
    assert entries["new"] + entries["updated"] == articles["stored"] + articles["duplicates"]


@pytest.fixture
def regional_feeds(feed_server: FeedServer) -> FeedServer:
    feed_server.documents = {
        "/headlines.xml": make_rss(
            [
                {
                    "title": "\n   В порту Керчи проверят краны  ",
                    "link": "https://agency.example/1.html",
                    "pubDate": "Fri, 20 Nov 2026 11:57:07 +0300",
                },
                {
                    "title": CONGRESS,
                    "link": "https://agency.example/2.html",
                    "pubDate": "Fri, 20 Nov 2026 10:26:35 MSK",
                },
            ]
        ),
        "/tracking.xml": make_rss(
            [
                {
                    "title": "Festival opens in Kazan",
                    "link": "\n  https://world.example/news/77-festival/?utm_source=rss&utm_medium=rss  \n",
                    "guid": "https://world.example/news/77-festival/",
                    "description": '<img src="x.jpg" alt="Preview"/> Musicians from nine countries came to Kazan. <br/>'
                    '<a href="https://world.example/news/77-festival/?utm_source=rss&utm_medium=rss">Read Full Article</a>',
                    "pubDate": "Fri, 20 Nov 2026 07:27:00 +0000",
                }
            ]
        ),
        "/cp1251.xml": make_rss(
            [
                {
                    "title": "Троллейбусы вернулись на маршрут",
                    "link": "https://local.example/a",
                    "pubDate": "20.11.2026 09:15",
                }
            ],
            encoding="windows-1251",
        ),
        "/full.xml": make_rss(
            [
                {
                    "title": "Итоги заседания",
                    "link": "https://full.example/1",
                    "description": "",
                    "yandex:full-text": "Первый абзац о бюджете района.\n\nВторой абзац о ремонте школы &laquo;Радуга&raquo;.",
                    "pubDate": "20 ноября 2026 08:00",
                }
            ],
            extra_namespaces='xmlns:yandex="http://news.yandex.ru"',
        ),
    }
    return feed_server


def test_every_item_becomes_an_article_with_its_text_and_date(tmp_path: Path, monitor: Monitor, regional_feeds: FeedServer) -> None:
    feeds = regional_feeds.write_feeds(tmp_path / "feeds.yaml")
    done = monitor("run", "--feeds", str(feeds), "--now", NOW)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    report = read_report(tmp_path)
    assert_adds_up(report)
    assert report["entries"]["new"] == report["articles"]["stored"] == report["assessments"]["made"] == 5
    rows = {
        title: (summary, text, published[:16])
        for title, summary, text, published in query(tmp_path, "SELECT title, summary, text, published_at FROM revisions")
    }
    assert rows == {
        "В порту Керчи проверят краны": ("", "", "2026-11-20 08:57"),
        CONGRESS: ("", "", "2026-11-20 07:26"),
        "Festival opens in Kazan": ("Musicians from nine countries came to Kazan.", "", "2026-11-20 07:27"),
        "Троллейбусы вернулись на маршрут": ("", "", "2026-11-20 06:15"),
        "Итоги заседания": (
            "",
            "Первый абзац о бюджете района.\nВторой абзац о ремонте школы «Радуга».",
            "2026-11-20 05:00",
        ),
    }
    assert regional_feeds.user_agents == {"narrative-monitor/0.1.0 (+mailto:tests@example.org)"}


def test_the_digest_holds_what_promotes_and_its_evidence(tmp_path: Path, monitor: Monitor, regional_feeds: FeedServer) -> None:
    regional_feeds.write_feeds(tmp_path / "feeds.yaml")
    assert monitor("run", "--now", NOW).returncode == 0
    folder = tmp_path / "digests" / "2026-11-20"
    assert {path.name for path in folder.iterdir()} == {
        "digest.md",
        "digest.html",
        "digest.csv",
        "digest.jsonl",
        "run.json",
        "outlets.svg",
        "outlets.png",
    }
    (row,) = [json.loads(line) for line in (folder / "digest.jsonl").read_text(encoding="utf-8").splitlines()]
    assert row["title"] == CONGRESS
    assert row["narratives"][0]["id"] in {"fake_loyalty", "special_operation"}
    (evidence,) = row["narratives"][0]["evidence"]
    assert CONGRESS[evidence["start"] : evidence["end"]] == evidence["text"]
    assert f"<mark>{CONGRESS}</mark>" in (folder / "digest.html").read_text(encoding="utf-8")


def test_a_second_run_changes_nothing(tmp_path: Path, monitor: Monitor, regional_feeds: FeedServer) -> None:
    regional_feeds.write_feeds(tmp_path / "feeds.yaml")
    assert monitor("run", "--now", NOW).returncode == 0
    tables = (
        "SELECT * FROM articles",
        "SELECT * FROM entries",
        "SELECT * FROM revisions",
        "SELECT * FROM narrative_scores",
    )
    before = [query(tmp_path, sql) for sql in tables]
    digest = {
        p.name: p.read_bytes() for p in (tmp_path / "digests/2026-11-20").iterdir() if p.name not in {"run.json", "digest.html"}
    }
    assert monitor("run", "--now", NOW).returncode == 0
    report = read_report(tmp_path)
    assert report["feeds"] == {"due": 4, "fetched": 0, "not_modified": 4, "failed": 0, "skipped": 0}
    assert report["entries"]["parsed"] == report["assessments"]["made"] == report["assessments"]["pending"] == 0
    assert [query(tmp_path, sql) for sql in tables] == before
    assert {p.name: p.read_bytes() for p in (tmp_path / "digests/2026-11-20").iterdir() if p.name in digest} == digest


def test_a_server_that_ignores_validators_changes_nothing_either(
    tmp_path: Path, monitor: Monitor, regional_feeds: FeedServer
) -> None:
    regional_feeds.headers = {path: {"ETag": f'"{number}"'} for number, path in enumerate(regional_feeds.documents)}
    regional_feeds.write_feeds(tmp_path / "feeds.yaml")
    assert monitor("run", "--now", NOW).returncode == 0
    assert monitor("run", "--now", NOW).returncode == 0
    report = read_report(tmp_path)
    assert_adds_up(report)
    assert report["entries"] == {"parsed": 5, "new": 0, "updated": 0, "seen": 5, "rejected": 0}
    assert query(tmp_path, "SELECT count(*) FROM revisions") == [(5,)]


def test_an_edited_item_gets_a_second_revision_and_a_new_assessment(
    tmp_path: Path, monitor: Monitor, regional_feeds: FeedServer
) -> None:
    regional_feeds.write_feeds(tmp_path / "feeds.yaml")
    assert monitor("run", "--now", NOW).returncode == 0
    regional_feeds.documents["/headlines.xml"] = regional_feeds.documents["/headlines.xml"].replace(
        "В порту Керчи проверят краны".encode(), CONGRESS.replace("Съезд", "Форум").encode()
    )
    assert monitor("run", "--now", NOW).returncode == 0
    report = read_report(tmp_path)
    assert_adds_up(report)
    assert report["entries"] == {"parsed": 2, "new": 0, "updated": 1, "seen": 1, "rejected": 0}
    assert report["assessments"]["made"] == 1
    numbers = query(
        tmp_path,
        "SELECT r.number, a.flagged FROM revisions r JOIN assessments a ON a.revision_id = r.id "
        "WHERE r.url LIKE '%/1.html' ORDER BY 1",
    )
    assert numbers == [(1, 0), (2, 1)]
    explained = monitor("explain", "https://agency.example/1.html").stdout.decode()
    assert "Revision 1 (replaced)" in explained
    assert "Revision 2 (current)" in explained
    assert "FLAGGED" in explained


def test_one_article_in_two_feeds_is_stored_once(tmp_path: Path, monitor: Monitor, feed_server: FeedServer) -> None:
    item = {
        "title": "Новый катер прошёл испытания в Феодосии на этой неделе",
        "link": "https://a.example/1?utm_source=x",
    }
    copy = item | {"link": "https://b.example/reprint/9"}
    feed_server.documents = {
        "/a.xml": make_rss([item]),
        "/a-archive.xml": make_rss([item | {"link": "http://a.example/1"}]),
        "/b.xml": make_rss([copy]),
    }
    feed_server.write_feeds(tmp_path / "feeds.yaml")
    assert monitor("run", "--now", NOW).returncode == 0
    report = read_report(tmp_path)
    assert_adds_up(report)
    assert report["articles"] == {"stored": 1, "duplicates": 2}
    assert query(tmp_path, "SELECT count(*) FROM articles") == [(1,)]
    assert query(tmp_path, "SELECT count(*) FROM entries") == [(3,)]


def test_failures_stand_in_the_report_and_on_top_of_the_digest(
    tmp_path: Path, monitor: Monitor, regional_feeds: FeedServer
) -> None:
    regional_feeds.documents |= {
        "/gone.xml": b"x",
        "/page.xml": b"<!doctype html><html><title>Just a moment</title></html>",
        "/cut.xml": regional_feeds.documents["/headlines.xml"][:-60],
    }
    regional_feeds.statuses["/gone.xml"] = 410
    regional_feeds.write_feeds(tmp_path / "feeds.yaml")
    done = monitor("run", "--now", NOW)
    assert (done.returncode, done.stderr) == (0, b"")
    report = read_report(tmp_path)
    assert_adds_up(report)
    assert report["feeds"]["failed"] == 2
    assert {error["feed_id"]: error["kind"] for error in report["errors"]} == {
        "gone": "http_410",
        "page": "challenge",
        "cut": "degraded",
    }
    page = (tmp_path / "digests/2026-11-20/digest.html").read_text(encoding="utf-8")
    assert page.index("gone for good") < page.index("Narratives of the day")
    assert "answers with a check for browsers" in page
    assert "read in part" in page
    assert monitor("run", "--now", NOW, "--strict").returncode == 3


def test_a_feed_that_asks_to_wait_is_left_alone(tmp_path: Path, monitor: Monitor, regional_feeds: FeedServer) -> None:
    regional_feeds.statuses["/cp1251.xml"], regional_feeds.headers["/cp1251.xml"] = 429, {"Retry-After": "3600"}
    regional_feeds.write_feeds(tmp_path / "feeds.yaml")
    assert monitor("run", "--now", "2026-11-20T12:00:00+00:00").returncode == 0
    regional_feeds.statuses.clear()
    assert monitor("run", "--now", "2026-11-20T12:30:00+00:00").returncode == 0
    assert read_report(tmp_path)["feeds"]["skipped"] == 1
    assert monitor("run", "--now", "2026-11-20T13:00:01+00:00").returncode == 0
    assert read_report(tmp_path)["feeds"] == {"due": 4, "fetched": 1, "not_modified": 3, "failed": 0, "skipped": 0}


def test_when_every_feed_fails_the_exit_code_says_so(tmp_path: Path, monitor: Monitor, feed_server: FeedServer) -> None:
    feed_server.documents = {"/a.xml": b""}
    feed_server.write_feeds(tmp_path / "feeds.yaml")
    done = monitor("run", "--now", NOW)
    assert done.returncode == 3
    assert b"all 1 feeds failed" in done.stderr


def test_private_addresses_are_refused_unless_allowed(tmp_path: Path, monitor: Monitor, regional_feeds: FeedServer) -> None:
    path = regional_feeds.write_feeds(tmp_path / "feeds.yaml")
    path.write_text(path.read_text().replace(", allow_private_networks: true", ""))
    assert monitor("run", "--now", NOW).returncode == 3
    assert {error["kind"] for error in read_report(tmp_path)["errors"]} == {"blocked_address"}
    assert regional_feeds.requests == []


def test_the_digest_of_a_day_can_be_written_again_byte_for_byte(
    tmp_path: Path, monitor: Monitor, regional_feeds: FeedServer
) -> None:
    regional_feeds.write_feeds(tmp_path / "feeds.yaml")
    assert monitor("run", "--now", NOW).returncode == 0
    first = {path.name: path.read_bytes() for path in (tmp_path / "digests/2026-11-20").iterdir()}
    assert monitor("digest", "--day", "2026-11-20", "--digests", "again").returncode == 0
    assert {path.name: path.read_bytes() for path in (tmp_path / "again/2026-11-20").iterdir()} == first
