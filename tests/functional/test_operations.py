"""What looks after scheduled runs: the log, metrics, pings, and the keeping of old records."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.functional.servers import FeedServer, make_rss

if TYPE_CHECKING:
    from pathlib import Path

    from tests.functional.conftest import Monitor

NOW = "2026-11-20T12:00:00+00:00"
ITEM = {"title": "Троллейбусы вернулись на маршрут", "link": "https://a.example/1", "pubDate": "Fri, 20 Nov 2026 10:00:00 GMT"}


def configure(tmp_path: Path, server: FeedServer, *, settings: str = "") -> None:
    server.documents = {"/good.xml": make_rss([ITEM])}
    (tmp_path / "feeds.yaml").write_text(
        f"settings:\n  fetch: {{min_delay_s: 0, allow_private_networks: true, full_text: never}}\n{settings}"
        f"feeds:\n  - {{id: good, url: '{server.url}/good.xml'}}\n  - {{id: bad, url: '{server.url}/bad.xml'}}\n",
        encoding="utf-8",
    )


def read_report(tmp_path: Path) -> dict[str, object]:
    (path,) = tmp_path.glob("digests/*/run.json")
    return json.loads(path.read_text(encoding="utf-8"))


def read_log(stderr: bytes) -> list[dict[str, object]]:
    return [json.loads(line) for line in stderr.splitlines()]


def test_every_line_of_a_run_carries_its_id(tmp_path: Path, monitor: Monitor, feed_server: FeedServer) -> None:
    configure(tmp_path, feed_server)
    done = monitor("run", "--now", NOW, "--log-format", "json", "-v", "--strict")
    assert done.returncode == 3
    lines = read_log(done.stderr)
    assert {line["run_id"] for line in lines} == {read_report(tmp_path)["run_id"]}
    assert [line["feed_id"] for line in lines if "http_404" in line["message"]] == ["bad"]
    assert lines[-1]["level"] == "error"


def test_a_run_that_cannot_work_says_so_in_one_object(tmp_path: Path, monitor: Monitor, feed_server: FeedServer) -> None:
    configure(tmp_path, feed_server)
    (tmp_path / "monitor.db").write_text("no database " * 100)
    done = monitor("run", "--log-format", "json")
    assert done.returncode == 4
    (line,) = read_log(done.stderr)
    assert line["level"] == "error"
    assert "not a database" in line["message"]
    assert line["run_id"]
