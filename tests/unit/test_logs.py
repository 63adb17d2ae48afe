"""The log's two forms."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

import pytest

from monitor.errors import ConfigError
from monitor.logs import report_error, stamp_run, start_logging

if TYPE_CHECKING:
    from collections.abc import Iterator

log = logging.getLogger("monitor.run")


@pytest.fixture(autouse=True)
def _quiet_afterwards() -> Iterator[None]:
    top = logging.getLogger("monitor")
    kept = (top.handlers[:], top.level)
    yield
    stamp_run(None)
    top.handlers[:], top.level = kept


def read_lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, str]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_each_line_names_its_run_and_where_known_its_feed(capsys):
    start_logging("json", verbose=1)
    log.info("before")
    stamp_run("r1")
    log.info("стрічка %s", "a", extra={"feed_id": "a"})
    log.warning("no feed", extra={"feed_id": None})
    before, first, second = read_lines(capsys)
    assert "run_id" not in before
    assert first | {"ts": ""} == {
        "ts": "", "level": "info", "logger": "monitor.run", "message": "стрічка a", "run_id": "r1", "feed_id": "a"
    }  # fmt: skip
    assert first["ts"].endswith("+00:00")
    assert (second["level"], second["run_id"], "feed_id" in second) == ("warning", "r1", False)


def test_an_unforeseen_error_is_one_line_with_its_traceback(capsys):
    start_logging("json", quiet=True)
    stamp_run("r1")
    with pytest.raises(KeyError) as raised:
        raise KeyError("two\nlines")
    assert report_error(raised.value)
    (line,) = read_lines(capsys)
    assert (line["level"], line["run_id"]) == ("critical", "r1")
    assert line["exception"].startswith("Traceback")


def test_each_mistake_of_a_foreseen_error_is_a_line_without_traceback(capsys):
    start_logging("json")
    assert report_error(ConfigError(("feeds.yaml:1: a", "feeds.yaml:2: b")))
    lines = read_lines(capsys)
    assert [line["message"] for line in lines] == ["feeds.yaml:1: a", "feeds.yaml:2: b"]
    assert not any("exception" in line for line in lines)


@pytest.mark.parametrize(
    ("verbose", "said"), [pytest.param(0, "monitor: odd\n", id="plain"), pytest.param(1, "monitor: [r1] odd\n", id="verbose")]
)
def test_the_text_form_names_the_run_only_when_asked_for_more(capsys, verbose, said):
    start_logging("text", verbose=verbose)
    stamp_run("r1")
    log.warning("odd")
    assert not report_error(ValueError("told otherwise"))
    assert capsys.readouterr().err == said


def test_a_new_command_begins_without_a_run(capsys):
    stamp_run("old")
    start_logging("json")
    log.warning("odd")
    assert "run_id" not in read_lines(capsys)[0]
