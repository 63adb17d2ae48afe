"""What looks after scheduled runs: the log, metrics, pings, and the keeping of old records."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from prometheus_client.parser import text_string_to_metric_families

from tests.functional.servers import FeedServer, make_rss
from tests.pings import serve_pings

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


# Metrics


def read_metrics(path: Path) -> dict[str, float]:
    families = text_string_to_metric_families(path.read_text(encoding="utf-8"))
    return {" ".join((one.name, *one.labels.values())): one.value for family in families for one in family.samples}


def test_metrics_are_written_after_each_run_also_one_that_broke(tmp_path: Path, monitor: Monitor, feed_server: FeedServer) -> None:
    configure(tmp_path, feed_server, settings="  metrics: {textfile: monitor.prom}\n")
    assert monitor("run", "--now", NOW).returncode == 0
    good = read_metrics(tmp_path / "monitor.prom")
    assert good["monitor_run_success"] == 1
    assert (good["monitor_feed_failing good"], good["monitor_feed_failing bad"]) == (0, 1)
    assert (good["monitor_run_feeds fetched"], good["monitor_run_errors http_404"], good["monitor_run_entries new"]) == (1, 1, 1)
    assert good["monitor_store_bytes"] > 0 < good["monitor_archive_bytes"]
    assert f"monitor_bundle_info {read_report(tmp_path)['bundle']}" in good
    (tmp_path / "monitor.db").write_text("no database " * 100)
    assert monitor("run").returncode == 4
    broken = read_metrics(tmp_path / "monitor.prom")
    assert broken["monitor_run_success"] == 0
    assert broken["monitor_run_last_success_timestamp_seconds"] == good["monitor_run_last_success_timestamp_seconds"]
    assert broken["monitor_run_last_timestamp_seconds"] > good["monitor_run_last_timestamp_seconds"]


def test_metrics_that_cannot_be_written_are_a_line_in_the_report(tmp_path: Path, monitor: Monitor, feed_server: FeedServer) -> None:
    configure(tmp_path, feed_server, settings="  metrics: {textfile: monitor.prom}\n")
    done = monitor("run", "--now", NOW, "--metrics", "none/there.prom")
    assert done.returncode == 0
    assert b"none/there.prom: cannot be written" in done.stderr
    assert "metrics" in {error["kind"] for error in read_report(tmp_path)["errors"]}
    assert not (tmp_path / "monitor.prom").exists()


# Pings


def list_pings(server: object) -> list[str]:
    return [f"{method} {path}" for method, path, _ in server.taken]


def test_a_run_pings_begin_and_success(tmp_path: Path, monitor: Monitor, feed_server: FeedServer) -> None:
    configure(tmp_path, feed_server, settings="  healthcheck: ${PING}\n")
    with serve_pings() as server:
        done = monitor("run", "--now", NOW, env={"PING": f"{server.url}/uuid"})
    assert (done.returncode, done.stderr) == (0, b"")
    assert list_pings(server) == ["GET /uuid/start", "GET /uuid"]


def test_a_run_that_fails_or_breaks_pings_why(tmp_path: Path, monitor: Monitor, feed_server: FeedServer) -> None:
    configure(tmp_path, feed_server, settings="  healthcheck: ${PING}\n")
    with serve_pings() as server:
        environment = {"PING": f"{server.url}/uuid"}
        assert monitor("run", "--now", NOW, "--strict", env=environment).returncode == 3
        (tmp_path / "monitor.db").write_text("no database " * 100)
        assert monitor("run", env=environment).returncode == 4
    assert list_pings(server) == ["GET /uuid/start", "POST /uuid/fail", "POST /uuid/fail"]
    assert server.taken[1][2].startswith(b"1 of 2 feeds failed")
    assert b"not a database" in server.taken[2][2]


def test_pings_that_are_not_taken_never_break_a_run(tmp_path: Path, monitor: Monitor, feed_server: FeedServer) -> None:
    configure(tmp_path, feed_server, settings="  healthcheck: ${PING}\n")
    done = monitor("run", "--now", NOW, env={"PING": "http://127.0.0.1:9/5ecret"})
    assert done.returncode == 0
    errors = [error["message"] for error in read_report(tmp_path)["errors"] if error["kind"] == "healthcheck"]
    assert [message.split(" was ")[0] for message in errors] == ["health check: start", "health check: success"]
    assert done.stderr.decode().count("it could not be reached") == 2
    assert b"5ecret" not in done.stderr


def test_an_address_in_the_file_is_refused_and_not_repeated(tmp_path: Path, monitor: Monitor, feed_server: FeedServer) -> None:
    configure(tmp_path, feed_server, settings="  healthcheck: https://hc.example/5ecret\n")
    done = monitor("run")
    assert done.returncode == 2
    assert b"feeds.yaml:3: `settings.healthcheck` must name a variable" in done.stderr
    assert b"5ecret" not in done.stderr


# Retention


def test_a_run_folds_what_is_old_and_says_so(tmp_path: Path, monitor: Monitor, feed_server: FeedServer) -> None:
    configure(tmp_path, feed_server)
    for hour in (12, 13, 14):
        assert monitor("run", "--now", f"2026-01-20T{hour}:00:00+00:00").returncode == 0
    monitor("digest", "--day", "2026-01-20")
    before = (tmp_path / "digests/2026-01-20/digest.html").read_bytes()
    done = monitor("run", "--now", NOW, "--log-format", "json", "-v")
    # Of three visits to each feed: one that fetched, one that found nothing new twice; one that failed.
    assert "old records folded: 3 visits, 0 runs, 0 messages" in {line["message"] for line in read_log(done.stderr)}
    monitor("digest", "--day", "2026-01-20")
    assert (tmp_path / "digests/2026-01-20/digest.html").read_bytes() == before


# Doctor


def diagnose(monitor: Monitor, *arguments: str) -> dict[str, tuple[str, str]]:
    findings = json.loads(monitor("doctor", "--json", *arguments).stdout)
    return {finding["subject"]: (finding["level"], finding["state"]) for finding in findings}


def test_doctor_says_who_looks_after_the_runs(tmp_path: Path, monitor: Monitor, feed_server: FeedServer) -> None:
    configure(tmp_path, feed_server)
    found = diagnose(monitor)
    assert (found["metrics"][0], found["health check"][0]) == ("ok", "ok")
    configure(tmp_path, feed_server, settings="  metrics: {textfile: none/a.prom}\n  healthcheck: ${PING}\n")
    found = diagnose(monitor)
    assert found["metrics"] == ("error", f"{tmp_path / 'none'} is not there")
    assert found["health check"] == ("warning", "PING is not set")


def test_doctor_warns_where_runs_come_to_nothing(tmp_path: Path, monitor: Monitor, feed_server: FeedServer) -> None:
    configure(tmp_path, feed_server)
    assert monitor("run", "--now", "2026-11-18T10:00:00+00:00").returncode == 0
    feed_server.statuses = {"/good.xml": 500}
    assert monitor("run", "--now", NOW).returncode == 3
    found = diagnose(monitor, "--now", NOW)
    assert found["store"][0] == "ok"
    assert found["last success"][0] == "warning"
    assert "2026-11-18 10:00 UTC, more than 26 hours ago" in found["last success"][1]


# Timers


def test_the_schedule_is_printed_with_this_installations_paths(tmp_path: Path, monitor: Monitor, feed_server: FeedServer) -> None:
    configure(tmp_path, feed_server, settings="  metrics: {textfile: /var/lib/node/monitor.prom}\n")
    said = json.loads(monitor("install-timer", "--print", "--json", "--every", "15", "--db", "sqlite:///data/m.db").stdout)
    service = said["units"]["narrative-monitor.service"]
    assert f" run --feeds {tmp_path}/feeds.yaml --db sqlite:///{tmp_path}/data/m.db --digests {tmp_path}/digests " in service
    assert service.endswith(f"ReadWritePaths={tmp_path} /var/lib/node\n")
    assert f" backup {tmp_path}/backups --keep 14 " in said["units"]["narrative-monitor-backup.service"]
    assert [line.split(" cd ")[0] for line in said["cron"]] == ["*/15 * * * *", "20 3 * * *"]
    assert list(tmp_path.glob("monitor.*")) == []


def test_units_are_installed_and_the_next_commands_told(tmp_path: Path, monitor: Monitor, feed_server: FeedServer) -> None:
    configure(tmp_path, feed_server)
    home = {"XDG_CONFIG_HOME": str(tmp_path / "config")}
    done = monitor("install-timer", env=home)
    assert done.returncode == 0, done.stderr
    assert b"systemctl --user enable --now narrative-monitor.timer narrative-monitor-backup.timer" in done.stdout
    timer = tmp_path / "config/systemd/user/narrative-monitor.timer"
    timer.write_text(timer.read_text().replace("00/30", "00/10"))
    refused = monitor("install-timer", env=home)
    assert refused.returncode == 2
    assert b"was changed by hand; --force overwrites it" in refused.stderr
    assert monitor("install-timer", "--force", env=home).returncode == 0
    assert "00/30" in timer.read_text()


def test_a_password_stands_in_no_unit(tmp_path: Path, monitor: Monitor, feed_server: FeedServer) -> None:
    configure(tmp_path, feed_server)
    done = monitor("install-timer", "--print", "--db", "postgresql+psycopg://monitor:geheim@db/monitor")
    assert done.returncode == 0, done.stderr
    assert b"geheim" not in done.stdout
    assert b"as MONITOR_DB=" in done.stdout
    assert b"pg_dump" in done.stdout
