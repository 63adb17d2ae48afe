"""`monitor search` on a store that real runs filled."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.functional.servers import make_rss

if TYPE_CHECKING:
    from pathlib import Path

    from tests.functional.conftest import Monitor
    from tests.functional.servers import FeedServer

NOW = "2026-11-20T12:00:00+00:00"
CONGRESS = "Съезд крымских татар единогласно поддержал президента и специальную операцию"


@pytest.fixture
def filled(tmp_path: Path, feed_server: FeedServer, monitor: Monitor) -> Monitor:
    dated = {"pubDate": "Fri, 20 Nov 2026 10:00:00 GMT"}
    feed_server.documents = {
        "/agency.xml": make_rss([{"title": CONGRESS, "link": "https://a.example/1", **dated}]),
        "/pier.xml": make_rss(
            [{"title": f"Паром номер {n} вышел в порт", "link": f"https://b.example/{n}", **dated} for n in range(30)]
            + [{"title": "Шторм [bold]закрыл[/bold] порт\x1b[31m", "link": "https://b.example/storm", **dated}]
        ),
    }
    feed_server.write_feeds(tmp_path / "feeds.yaml")
    assert monitor("run", "--now", NOW).returncode == 0
    return monitor


def ask(monitor: Monitor, *arguments: str) -> dict[str, object]:
    done = monitor("search", *arguments, "--json")
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


def urls(answer: dict[str, object]) -> list[str]:
    return [row["url"].rpartition("/")[2] for row in answer["rows"]]


def test_words_phrases_prefixes_and_exclusions(filled: Monitor) -> None:
    assert urls(ask(filled, "порт -паром")) == ["storm"]
    assert urls(ask(filled, '"номер 7"')) == ["7"]
    assert urls(ask(filled, "единоглас*")) == ["1"]
    assert ask(filled, "порт")["total"] == 31


def test_filters_stand_alone_or_with_words(filled: Monitor) -> None:
    (flagged,) = ask(filled, "--flagged")["rows"]
    assert flagged["title"] == CONGRESS
    assert flagged["narratives"][0]["stance"] == "promotes"
    best = flagged["narratives"][0]["id"]
    assert urls(ask(filled, "--narrative", best, "--stance", "promotes")) == ["1"]
    assert urls(ask(filled, "президента", "--outlet", "pier")) == []
    assert urls(ask(filled, "президента", "--feed", "agency", "--since", "2026-11-20", "--until", "2026-11-20")) == ["1"]
    assert ask(filled, "порт", "--until", "2026-11-19")["total"] == 0
    assert ask(filled, "--decision", "none")["total"] == 32
    assert ask(filled, "--decision", "confirmed")["total"] == 0


@pytest.mark.parametrize("sort", ["date", "rank"])
def test_pages_hold_every_article_once(filled: Monitor, sort: str) -> None:
    found: list[str] = []
    after: list[str] = []
    for _ in range(9):
        answer = ask(filled, "порт", "--limit", "7", "--sort", sort, *after)
        found += urls(answer)
        if answer["next"] is None:
            break
        after = ["--after", answer["next"]]
    assert sorted(found) == sorted([*(str(n) for n in range(30)), "storm"])


def test_the_page_for_people_marks_nothing_of_the_feed_s_own(filled: Monitor) -> None:
    shown = filled("search", "шторм").stdout.decode()
    assert "[bold]закрыл[/bold]" in shown
    assert "\x1b" not in shown
    assert "1 article; 1 shown" in shown
    assert "monitor explain" in shown


def test_what_was_only_collected_is_found(tmp_path: Path, feed_server: FeedServer, monitor: Monitor) -> None:
    feed_server.documents = {"/a.xml": make_rss([{"title": "Трамвай вышел на линию", "link": "https://a.example/1"}])}
    feed_server.write_feeds(tmp_path / "feeds.yaml")
    assert monitor("run", "--no-assess", "--now", NOW).returncode == 0
    assert urls(ask(monitor, "трамвай")) == ["1"]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        pytest.param([], "nothing to search for", id="nothing"),
        pytest.param(['"порт'], "not closed", id="open quotation"),
        pytest.param(["порт", "--after", "x"], "no search gave this", id="cursor"),
        pytest.param(["--narrative", "nosuch"], "codebook", id="narrative"),
        pytest.param(["--since", "2026-11-21", "--until", "2026-11-20"], "lies after", id="days"),
        pytest.param(["--since", "soon"], "is no day", id="no day"),
    ],
)
def test_what_cannot_be_asked_says_why(filled: Monitor, arguments: list[str], reason: str) -> None:
    done = filled("search", *arguments)
    assert done.returncode == 2
    assert reason in done.stderr.decode()
