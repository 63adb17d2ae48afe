"""The file for Prometheus, read back with Prometheus' own parser."""

from __future__ import annotations

from datetime import timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families

from monitor.errors import MetricsError
from monitor.metrics import LAST_SUCCESS, Facts, read_last_success, write_metrics
from monitor.records import FeedState
from monitor.reports import AssessmentCounts, EntryCounts, FeedCounts, RunError
from tests.factories import BUNDLE, NOON, make_report

ODD = 'a"b\\c\nd'


def read(path):
    families = list(text_string_to_metric_families(path.read_text(encoding="utf-8")))
    assert all(family.documentation and family.type == "gauge" for family in families)
    assert len({family.name for family in families}) == len(families)
    return {(sample.name, *sample.labels.values()): sample.value for family in families for sample in family.samples}


def make_facts(**changes):
    report = make_report(
        feeds=FeedCounts(due=3, fetched=1, not_modified=1, failed=1, skipped=2),
        entries=EntryCounts(10, 4, 1, 3, 2),
        assessments=AssessmentCounts(5, 7, 1),
        flagged=2,
        errors=(RunError("a", None, "timeout", "x"), RunError("b", None, "timeout", "x"), RunError(None, None, ODD, "x")),
        seconds={"fetch": 1.5, "digest": 0.25},
        started_at=NOON - timedelta(seconds=8),
        finished_at=NOON,
    )
    feeds = {"good": FeedState(last_success_at=NOON), "never": FeedState(failures=3)}
    given = {"report": report, "feeds": feeds, "store_bytes": 4096, "archive_bytes": 0} | changes
    return Facts("0.1.0", NOON, is_success=True, **given)


def test_everything_that_a_run_did_can_be_read(tmp_path):
    path = tmp_path / "monitor.prom"
    write_metrics(path, make_facts())
    found = read(path)
    at = NOON.timestamp()
    assert found[LAST_SUCCESS,] == found["monitor_run_last_timestamp_seconds",] == at
    assert (found["monitor_run_success",], found["monitor_run_duration_seconds",]) == (1, 8)
    assert found["monitor_run_stage_duration_seconds", "fetch"] == 1.5
    outcomes = ("due", "fetched", "not_modified", "failed", "skipped")
    assert [found["monitor_run_feeds", one] for one in outcomes] == [3, 1, 1, 1, 2]
    assert [found["monitor_run_entries", one] for one in ("new", "updated", "seen", "rejected")] == [4, 1, 3, 2]
    assert found["monitor_run_assessments",] == 5
    assert (found["monitor_assessments_pending",], found["monitor_assessments_failed",]) == (7, 1)
    assert found["monitor_run_flagged",] == 2
    assert (found["monitor_run_errors", "timeout"], found["monitor_run_errors", ODD]) == (2, 1)
    assert (found["monitor_feed_failing", "good"], found["monitor_feed_failing", "never"]) == (0, 1)
    assert found["monitor_feed_consecutive_failures", "never"] == 3
    assert found["monitor_feed_last_success_timestamp_seconds", "good"] == at
    assert ("monitor_feed_last_success_timestamp_seconds", "never") not in found
    assert (found["monitor_store_bytes",], found["monitor_archive_bytes",]) == (4096, 0)
    assert found["monitor_bundle_info", BUNDLE] == 1
    assert [one.name for one in tmp_path.iterdir()] == ["monitor.prom"]


def test_a_run_that_broke_keeps_the_time_of_the_last_success(tmp_path):
    path = tmp_path / "monitor.prom"
    write_metrics(path, make_facts())
    later = NOON + timedelta(hours=1)
    for _ in range(2):
        write_metrics(path, Facts("0.1.0", later, is_success=False, last_success=read_last_success(path)))
    found = read(path)
    assert found[LAST_SUCCESS,] == NOON.timestamp()
    assert (found["monitor_run_success",], found["monitor_run_last_timestamp_seconds",]) == (0, later.timestamp())
    assert not any(name.startswith("monitor_feed") for name, *_ in found)


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe", b"just words {", b"other_metric 1\n"])
def test_a_file_that_says_nothing_is_no_hindrance(tmp_path, content):
    path = tmp_path / "monitor.prom"
    if content is not None:
        path.write_bytes(content)
    assert read_last_success(path) is None
    write_metrics(path, Facts("0.1.0", NOON, is_success=False, last_success=None))
    assert (LAST_SUCCESS,) not in read(path)


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(MetricsError, match=r"none/monitor\.prom: cannot be written \(No such file or directory\)"):
        write_metrics(tmp_path / "none/monitor.prom", make_facts())
