"""`monitor backfill` and `monitor rescore`: articles from files, on processes and on a cluster."""

from __future__ import annotations

import gzip
import json
import random
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from monitor import scoring
from monitor.wiring.backfill import Job, backfill, rescore
from monitor.wiring.parts import Clock, Places
from monitor.wiring.run import run_once
from tests.functional.dask_cluster import serve_cluster
from tests.functional.servers import make_rss, serve

REPOSITORY = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
CLAIM = "Съезд крымских татар единогласно поддержал президента и специальную операцию"
WORDS = [
    "утром",
    "город",
    "мост",
    "открыли",
    "школа",
    "порт",
    "новый",
    "старый",
    "рынок",
    "суд",
    "завод",
    "парк",
    "дождь",
    "снег",
    "автобус",
]
FEEDS = "feeds:\n  - {id: agency, url: 'https://agency.example/rss'}\n"


def make_places(folder: Path, db: str = "monitor.db") -> Places:
    (folder / "feeds.yaml").write_text(FEEDS, "utf-8")
    url = f"sqlite:///{folder / db}"
    return Places(folder / "feeds.yaml", url, folder / "digests", None, REPOSITORY, use_encoder=False, archive=folder / "archive")


def call(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    make_places(folder)
    bundle = REPOSITORY / "models" / (REPOSITORY / "models/CURRENT").read_text("utf-8").strip()
    common = ["--db", f"sqlite:///{folder / 'monitor.db'}", "--bundle", str(bundle), "--no-encoder", "--now", NOW.isoformat()]
    command = [sys.executable, "-m", "monitor", *words, "--feeds", str(folder / "feeds.yaml"), *common]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env=environment())


def environment() -> dict[str, str]:
    import os  # noqa: PLC0415

    return os.environ | {"PYTHONPATH": str(REPOSITORY)}


def write_rows(path: Path, rows: list[dict[str, Any]], *, extra: str = "") -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows) + extra, "utf-8")
    return path


def make_row(number: int) -> dict[str, Any]:
    dice = random.Random(number)
    words = dice.choices(WORDS, k=40)
    return {
        "id": f"n{number}",
        "url": f"https://old.example/{number}",
        "title": f"Новость {number} {CLAIM if number % 5 == 0 else words[0]}",
        "text": f"{CLAIM if number % 5 == 0 else words[1]}. {' '.join(words)}",
        "published_at": f"2024-03-{1 + number % 28:02}T10:00:00Z",
        "feed_id": "old-paper",
        "outlet": "Старая газета",
    }


def query(folder: Path, sql: str, db: str = "monitor.db") -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(folder / db)) as connection:
        return connection.execute(sql).fetchall()


def test_rows_of_json_lines_add_up_and_are_found_explained_and_in_their_days_digest(tmp_path: Path) -> None:
    rows = [make_row(n) for n in range(20)]
    rows.append(rows[3] | {"id": "again", "url": "https://copy.example/3"})  # a copy under another address
    path = write_rows(tmp_path / "old.jsonl", rows, extra='{broken\n[1]\n{"id": "empty"}\n{"title": "x", "url": "ftp://x"}\n')
    done = call(tmp_path, "backfill", str(path), "--json", "--jobs", "1")
    assert done.returncode == 3, done.stderr
    report = json.loads(done.stdout)
    (progress,) = report["files"].values()
    assert progress["counts"] == {"rows": 25, "new": 20, "updated": 0, "seen": 0, "copies": 1, "rejected": 4}
    assert progress["is_finished"]
    assert (report["scoring"]["assessed"], report["scoring"]["pending"]) == (20, 0)
    for line in (22, 23, 24, 25):
        assert f"{path}:{line}: " in done.stderr
    found = call(tmp_path, "search", "Новость", "--json")
    assert len(json.loads(found.stdout)["rows"]) == 20
    assert "Старая газета" in call(tmp_path, "explain", "https://old.example/0").stdout
    assert call(tmp_path, "digest", "--day", "2024-03-01").returncode == 0
    digest = (tmp_path / "digests/2024-03-01/digest.jsonl").read_text("utf-8")
    assert "https://old.example/0" in digest


def test_a_finished_file_is_not_read_again_and_a_grown_one_gives_what_is_new(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "old.jsonl", [make_row(n) for n in range(5)])
    places = make_places(tmp_path)
    first = run_backfill(places, path)
    assert first == run_backfill(places, path)
    write_rows(path, [make_row(n) for n in range(7)])
    counts = run_backfill(places, path)["counts"]
    assert (counts["rows"], counts["seen"], counts["new"]) == (7, 5, 2)


def run_backfill(places: Places, *paths: Path, max_seconds: float | None = None, timer: Any = lambda: 0.0) -> dict[str, Any]:
    from dataclasses import asdict  # noqa: PLC0415

    job = Job(places, Clock(lambda: NOW, timer), max_seconds=max_seconds, report_progress=lambda _: None)
    report = backfill(job, paths, feed_id="backfill", engine="local", scheduler=None, jobs=1, assesses=False)
    return asdict(report.files[str(paths[0])])


def test_what_was_stopped_goes_on_and_ends_as_if_it_had_not_been(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitor.wiring.backfill.ROWS_AT_ONCE", 3)
    path = write_rows(tmp_path / "old.jsonl", [make_row(n) for n in range(10)], extra="broken\n")
    whole = make_places(tmp_path, "whole.db")
    expected = run_backfill(whole, path)
    places, ticks = make_places(tmp_path), iter(range(1000))
    states = []
    while not states or not states[-1]["is_finished"]:
        states.append(run_backfill(places, path, max_seconds=1, timer=lambda: float(next(ticks))))
    assert len(states) > 2, "it was stopped at least twice"
    assert states[-1] == expected
    for sql in ("SELECT article_id, number, title, fetched_at FROM revisions ORDER BY article_id", "SELECT count(*) FROM entries"):
        assert query(tmp_path, sql) == query(tmp_path, sql, "whole.db")


def test_csv_in_the_dialects_of_spreadsheets(tmp_path: Path) -> None:
    comma = tmp_path / "a.csv"
    rows = 'url,title,text\nhttps://a.example/1,"Раз, два","Строка один\nстрока два"\nhttps://a.example/2,Три,\n'
    comma.write_text(rows, "utf-8-sig")
    semicolon = tmp_path / "b.csv.gz"
    rows = "link;title;date\nhttps://a.example/3;Четыре;2024-05-01\nhttps://a.example/4;Пять;;шесть\n"
    semicolon.write_bytes(gzip.compress(rows.encode()))
    places = make_places(tmp_path)
    assert run_backfill(places, comma)["counts"]["new"] == 2
    counts = run_backfill(places, semicolon)["counts"]
    assert (counts["new"], counts["rejected"]) == (1, 1)
    assert query(tmp_path, "SELECT text FROM revisions WHERE title = 'Раз, два'") == [("Строка один\nстрока два",)]


# The library that writes the file here leaves its buffers open.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_crawl_of_others_gives_pages_and_feeds(tmp_path: Path) -> None:
    paragraphs = "".join(f"<p>Абзац {n}: утром в городе открыли мост, по нему пошли автобусы и люди.</p>" for n in range(6))
    page = f"<html><head><title>Мост открыт</title></head><body><article><h1>Мост открыт</h1>{paragraphs}</article></body></html>"
    records = [
        ("https://crawl.example/bridge", "text/html; charset=utf-8", page.encode()),
        ("https://crawl.example/rss", "application/rss+xml", make_rss([{"title": "Из ленты", "link": "https://crawl.example/9"}])),
        ("https://crawl.example/logo.png", "image/png", b"\x89PNG"),
    ]
    path = tmp_path / "crawl.warc.gz"
    with path.open("wb") as file:
        writer = WARCWriter(file, gzip=True)
        for url, kind, body in records:
            head = StatusAndHeaders("200 OK", [("Content-Type", kind)], protocol="HTTP/1.1")
            dated = {"WARC-Date": "2024-02-03T04:05:06Z"}
            writer.write_record(
                writer.create_warc_record(url, "response", payload=BytesIO(body), http_headers=head, warc_headers_dict=dated)
            )
    counts = run_backfill(make_places(tmp_path), path)["counts"]
    assert (counts["rows"], counts["new"]) == (2, 2)
    found = dict(query(tmp_path, "SELECT url, title || ' ' || text FROM revisions"))
    assert "пошли автобусы" in found["https://crawl.example/bridge"]
    assert found["https://crawl.example/9"].startswith("Из ленты")


def test_our_own_archive_makes_the_store_again(tmp_path: Path) -> None:
    items = [{"title": f"{CLAIM} {n}", "link": f"https://agency.example/{n}", "description": CLAIM} for n in range(4)]
    home = tmp_path / "home"
    home.mkdir()
    places = make_places(home)
    with serve() as server:
        server.documents = {"/a.xml": make_rss(items)}
        server.write_feeds(home / "feeds.yaml")
        run_once(places, Clock(lambda: NOW, lambda: 0.0), run_id="r1")
    (tmp_path / "again").mkdir()
    again = make_places(tmp_path / "again")
    warcs = sorted((home / "archive").glob("*.warc.gz"))
    assert run_backfill(again, *warcs)["counts"]["new"] == 4
    sql = "SELECT article_id, title, text, published_at, document_sha256 FROM revisions ORDER BY article_id"
    assert query(home, sql) == query(tmp_path / "again", sql)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        pytest.param(["backfill", "nothing.jsonl"], "there is no such file", id="no-file"),
        pytest.param(["backfill", "feeds.yaml"], "is none of .csv", id="no-format"),
        pytest.param(["backfill", "torn.jsonl.gz"], "cannot be read on", id="torn"),
        pytest.param(["backfill", "headless.csv"], "names no column `title`", id="csv-without-head"),
        pytest.param(["rescore", "--engine", "dask"], "needs --scheduler", id="no-scheduler"),
        pytest.param(["rescore", "--scheduler", "tcp://127.0.0.1:1"], "--scheduler is for --engine dask", id="scheduler-alone"),
        pytest.param(["rescore", "--engine", "dask", "--scheduler", "tcp://127.0.0.1:1"], "cannot be reached", id="unreachable"),
    ],
)
def test_what_cannot_be_done_is_said(tmp_path: Path, words: list[str], message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "torn.jsonl.gz").write_bytes(gzip.compress(b'{"title": "x"}\n' * 999)[:-20])
    (tmp_path / "headless.csv").write_text("1,2\n3,4\n", "utf-8")
    run_backfill(make_places(tmp_path), write_rows(tmp_path / "old.jsonl", [make_row(1)]))
    done = call(tmp_path, *words)
    assert done.returncode == 2, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture
def waiting(tmp_path: Path) -> tuple[Places, Places]:
    """Two equal stores with articles that wait."""
    path = write_rows(tmp_path / "old.jsonl", [make_row(n) for n in range(1_500)])
    pair = make_places(tmp_path, "local.db"), make_places(tmp_path, "cluster.db")
    for places in pair:
        run_backfill(places, path)
    return pair


@pytest.mark.filterwarnings("default")
def test_a_cluster_that_loses_a_worker_answers_as_this_machine_does_row_for_row(
    waiting: tuple[Places, Places], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scoring, "SCORED_AT_ONCE", 128)
    local, cluster = waiting
    clock = Clock(lambda: NOW, lambda: 0.0)
    rescore(Job(local, clock, max_seconds=None, report_progress=lambda _: None), engine="local", scheduler=None, jobs=2)
    with serve_cluster(tmp_path, 2) as (address, workers):
        job = Job(cluster, clock, max_seconds=None, report_progress=lambda _: workers[0].kill())
        report = rescore(job, engine="dask", scheduler=address, jobs=-1)
    assert (report.assessed, report.pending, report.failed) == (1_500, 0, 0)
    for sql in (
        "SELECT * FROM assessments ORDER BY revision_id",
        "SELECT * FROM narrative_scores ORDER BY revision_id, narrative",
        "SELECT * FROM assessed_ranges",
    ):
        rows = query(tmp_path, sql, "local.db")
        assert rows
        assert rows == query(tmp_path, sql, "cluster.db")
