"""`monitor export`: every format, from a store that `monitor run` filled, read back by the programs that it is for."""

from __future__ import annotations

import hashlib
import io
import json
import os
import pty
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import feedparser
import openpyxl
import pandas as pd
import pytest
import stix2
import stix2validator
from pymisp import MISPEvent

from monitor.text import show_controls
from monitor.wiring.articles import write_digest_again
from monitor.wiring.exports import KINDS, Request, export_rows
from monitor.wiring.parts import Clock, Places
from monitor.wiring.run import run_once
from tests.functional.servers import make_rss, serve

if TYPE_CHECKING:
    from tests.functional.conftest import Monitor

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY = date(2026, 11, 20)
CLAIM = "Съезд крымских татар единогласно поддержал президента и специальную операцию"
DEBUNK = "Фейк: кадры «съезда крымских татар», который якобы единогласно поддержал президента, постановочные"
TITLES = {
    "plain": CLAIM,
    "formula": f'=HYPERLINK("https://evil.example","{CLAIM}")',
    "plus": f"+{CLAIM}",
    "right to left": f"\u202e{CLAIM}\u202c",
    "emoji": f"🌉 {CLAIM} 👩‍👩‍👧",
    "markup": f"<script>alert(1)</script> {CLAIM} &amp; ]]&gt;",
    "control": f"{CLAIM} 1",
    "long": f"{CLAIM} 2",
}
# What no feed gets past the reader: put into the store behind its back.
SMUGGLED = {TITLES["control"]: f"{CLAIM}\x00\x1b[31m конец", TITLES["long"]: "слово🌉 " * 5_000 + "конец"}


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Places:
    """A store with hostile titles that are flagged, a debunk and the weather, and its digest."""
    folder = tmp_path_factory.mktemp("exports")
    items = [
        {"title": title, "link": f"https://agency.example/{n}?a=1&b={n}", "description": f"{CLAIM}. Номер {n}."}
        for n, title in enumerate([*TITLES.values(), DEBUNK, "Погода на завтра: дождь"])
    ]
    with serve() as server:
        server.documents = {"/a.xml": make_rss(items)}
        server.write_feeds(folder / "feeds.yaml")
        made = Places(
            folder / "feeds.yaml", f"sqlite:///{folder / 'monitor.db'}", folder / "digests", None, Path.cwd(), archive=folder / "a"
        )
        run_once(made, make_clock(), run_id="r1")
    with closing(sqlite3.connect(folder / "monitor.db")) as connection, connection:
        connection.executemany("UPDATE revisions SET title = ? WHERE title = ?", [(new, old) for old, new in SMUGGLED.items()])
    write_digest_again(made, make_clock(), None)
    return made


def make_clock() -> Clock:
    return Clock(lambda: NOW, lambda: 0.0)


def export(places: Places, kind: str, **chosen: Any) -> bytes:
    file = io.BytesIO()
    exported = export_rows(places, make_clock(), Request(kind, **chosen), file)
    assert exported.sha256 == hashlib.sha256(file.getvalue()).hexdigest()
    return file.getvalue()


def read_digest(places: Places) -> list[dict[str, Any]]:
    lines = (places.digests / "2026-11-20/digest.jsonl").read_text(encoding="utf-8").split("\n")
    return [json.loads(line) for line in lines[:-1]]


def find_best(row: dict[str, Any]) -> dict[str, Any]:
    return next(score for score in row["narratives"] if score["flagged"])


def list_flagged(row: dict[str, Any]) -> set[str]:
    return {score["id"] for score in row["narratives"] if score["flagged"]}


def test_the_store_holds_what_these_tests_are_about(places: Places) -> None:
    titles = [row["title"] for row in read_digest(places)]
    assert set(SMUGGLED.values()) < set(titles)
    assert [title for title in titles if title.startswith("=")]
    assert DEBUNK not in titles


def test_csv_is_the_digests_own_and_pandas_reads_every_row(places: Places) -> None:
    content = export(places, "csv")
    assert content == (places.digests / "2026-11-20/digest.csv").read_bytes()
    table = pd.read_csv(io.BytesIO(content), encoding="utf-8-sig", keep_default_na=False)
    rows = read_digest(places)
    assert table["article_id"].tolist() == [row["article_id"] for row in rows]
    assert [title.removeprefix("'") for title in table["title"]] == [show_controls(row["title"]) for row in rows]
    assert table["score"].tolist() == [find_best(row)["score"] for row in rows]
    assert all(table[name].astype(bool).all() for name in ("url", "outlet", "language"))


def test_json_lines_are_the_digests_own(places: Places) -> None:
    assert export(places, "jsonl") == (places.digests / "2026-11-20/digest.jsonl").read_bytes()


def test_the_workbook_is_typed_and_whole(places: Places) -> None:
    book = openpyxl.load_workbook(io.BytesIO(export(places, "xlsx")))
    head, *rows = book["Articles"].iter_rows()
    columns = [cell.value for cell in head]
    long_texts: dict[tuple[object, object], str] = {}
    for _, row, column, _, _, text in book["Long texts"].iter_rows(min_row=2, values_only=True):
        long_texts[row, column] = long_texts.get((row, column), "") + str(text)
    expected = read_digest(places)
    assert len(rows) == len(expected)
    for number, (cells, row) in enumerate(zip(rows, expected, strict=True), start=2):
        found = dict(zip(columns, cells, strict=True))
        assert long_texts.get((number, "title"), found["title"].value) == show_controls(row["title"])
        assert found["score"].value == find_best(row)["score"]
        assert found["published_at"].value == datetime.fromisoformat(row["published_at"]).replace(tzinfo=None)
        assert found["day"].value.date() == DAY
        assert found["url"].hyperlink.target == found["url"].value == row["url"]
        assert "f" not in {cell.data_type for cell in cells}


def test_stix_is_valid_and_has_every_row(places: Places) -> None:
    content = export(places, "stix").decode()
    result = stix2validator.validate_string(content, stix2validator.ValidationOptions(version="2.1"))
    assert result.is_valid, result.errors
    by_id = {found["id"]: found for found in stix2.parse(content, allow_custom=True).objects}
    found = {}
    for content_id, media in ((i, one) for i, one in by_id.items() if one["type"] == "media-content"):
        uses = [one for one in by_id.values() if one["type"] == "relationship" and one["source_ref"] == content_id]
        found[media["url"]] = media.get("title", ""), {by_id[one["target_ref"]]["aliases"][0] for one in uses}
    assert found == {row["url"]: (row["title"], list_flagged(row)) for row in read_digest(places)}


def test_misp_has_every_row(places: Places) -> None:
    event = MISPEvent()
    event.load(export(places, "misp"))
    found = {}
    for news in event.get_objects_by_name("news-media"):
        (title,) = news.get_attributes_by_relation("title")
        attached = [
            one.data.getvalue().decode() for one in news.get_attributes_by_relation("attachment") if one.value == "title.txt"
        ]
        references = {reference.comment.split(",")[0] for reference in news.ObjectReference}
        found[news.get_attributes_by_relation("link")[0].value] = attached[0] if attached else title.value
        assert references == {"promotes"}
    assert found == {row["url"]: show_controls(row["title"]) for row in read_digest(places)}
    assert f"{len(found)} articles" in event.info


def test_both_feeds_have_every_row(places: Places) -> None:
    expected = [(row["url"], show_controls(row["title"]), list_flagged(row)) for row in read_digest(places)]
    atom = feedparser.parse(export(places, "atom"))
    assert not atom.bozo
    assert [(one.link, one.title, {tag.term for tag in one.tags}) for one in atom.entries] == expected
    feed = json.loads(export(places, "jsonfeed"))
    assert [(one["url"], show_controls(one["title"]), set(one["tags"])) for one in feed["items"]] == expected
    assert [one["id"] for one in feed["items"]] == [one.id for one in atom.entries]


def test_label_studio_has_every_article_of_the_day(places: Places) -> None:
    tasks = json.loads(export(places, "label-studio", flagged_only=False))
    expected = read_digest(places)
    assert len(tasks) == len(TITLES) + 2
    for task, row in zip(tasks, expected, strict=False):
        assert (task["data"]["article_id"], task["data"]["revision"]) == (row["article_id"], row["revision"])
        assert task["data"]["text"].startswith(show_controls(row["title"]))
        spans = [one["value"] for one in task["predictions"][0]["result"] if one["type"] == "labels"]
        assert spans
        assert all(task["data"]["text"][span["start"] : span["end"]] == span["text"] for span in spans)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_store_gives_the_same_bytes(places: Places, kind: str) -> None:
    assert export(places, kind) == export(places, kind)


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_day_is_a_file_too(places: Places, kind: str) -> None:
    file = io.BytesIO()
    assert export_rows(places, make_clock(), Request(kind, day=date(2026, 1, 1)), file).rows == 0
    assert bool(file.getvalue()) == (kind != "jsonl")


def test_a_span_of_days_holds_all_of_them(places: Places) -> None:
    assert export(places, "jsonl", since=date(2026, 11, 1)) == export(places, "jsonl")
    assert export(places, "jsonl", day=date(2026, 11, 19), since=date(2026, 11, 1)) == b""


def test_the_count_is_told_and_the_file_is_there_whole_or_not_at_all(tmp_path: Path, places: Places, monitor: Monitor) -> None:
    common = ("--feeds", str(places.feeds), "--db", places.db_url, "--day", "2026-11-20")
    rows = len(read_digest(places))
    done = monitor("export", "stix", *common, "--out", "day.json", "--json")
    told = json.loads(done.stdout)
    assert (told["kind"], told["rows"], told["file"]) == ("stix", rows, "day.json")
    assert told["sha256"] == hashlib.sha256((tmp_path / "day.json").read_bytes()).hexdigest()
    done = monitor("export", "csv", *common)
    assert done.stdout == export(places, "csv")
    assert done.stderr.decode() == f"monitor: {rows} rows of 2026-11-20 as csv\n"
    assert monitor("export", "csv", *common, "-q").stderr == b""
    assert monitor("export", "csv", *common, "--out", "no/where.csv").returncode == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["day.json"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(("csv", "--narrative", "weather"), "--narrative weather: not in", id="unknown-narrative"),
        pytest.param(("csv", "--since", "2026-11-21", "--day", "2026-11-20"), "--since 2026-11-21: is after", id="order"),
        pytest.param(("csv", "--day", "yesterday"), "'yesterday' is no day", id="no-day"),
        pytest.param(("stix", "--all"), "--all: stix holds flagged articles only", id="all"),
        pytest.param(("csv", "--json"), "give --out FILE", id="json-without-file"),
        pytest.param(("csv", "--config"), "--config: csv has none", id="config"),
        pytest.param(("pdf",), "'pdf' is not one of", id="kind"),
    ],
)
def test_what_cannot_be_asked_for_is_refused(places: Places, monitor: Monitor, arguments: tuple[str, ...], message: str) -> None:
    done = monitor("export", *arguments, "--feeds", str(places.feeds), "--db", places.db_url)
    assert (done.returncode, done.stdout) == (2, b"")
    assert message in done.stderr.decode()


def test_without_a_store_nothing_is_written(places: Places, monitor: Monitor, tmp_path: Path) -> None:
    done = monitor("export", "csv", "--feeds", str(places.feeds), "--out", "x.csv")
    assert done.returncode == 4
    assert list(tmp_path.iterdir()) == []


def test_a_workbook_is_not_written_to_a_terminal(places: Places) -> None:
    leader, follower = pty.openpty()
    try:
        command = [sys.executable, "-m", "monitor", "export", "xlsx", "--feeds", str(places.feeds), "--db", places.db_url]
        done = subprocess.run(command, stdout=follower, stderr=subprocess.PIPE, check=False)
    finally:
        os.close(follower)
        os.close(leader)
    assert done.returncode == 2
    assert "is no text for a terminal" in done.stderr.decode()


def test_the_labelling_configuration_needs_no_store(monitor: Monitor) -> None:
    done = monitor("export", "label-studio", "--config")
    assert done.returncode == 0
    assert done.stdout.startswith(b"<View>")
