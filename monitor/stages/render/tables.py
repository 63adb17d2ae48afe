"""A digest as rows for other programs: JSON Lines, CSV, and the run's report."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from monitor.stages.rows import iso, make_row_values, write_csv

if TYPE_CHECKING:
    from datetime import date

    from monitor.reports import (
        Digest,
        DigestRow,
        RunReport,
    )


def render_jsonl(digest: Digest) -> bytes:
    """``digest.jsonl``: one object per flagged article."""
    return "".join(json.dumps(make_json_row(digest, row), ensure_ascii=False) + "\n" for row in digest.rows).encode()


def render_report(report: RunReport) -> bytes:
    """``run.json``."""
    times = {"started_at": iso(report.started_at), "finished_at": iso(report.finished_at)}
    return (json.dumps(asdict(report) | times, indent=1, ensure_ascii=False) + "\n").encode()


def make_json_row(digest: Digest, row: DigestRow) -> dict[str, Any]:
    """One row of ``digest.jsonl``. See the reference for the fields."""
    return make_row_values(row, day=_day_of(digest, row), bundle=digest.bundle)


def render_csv(digest: Digest) -> bytes:
    """The same rows, flat: UTF-8 with BOM; cells that a spreadsheet would take for formulas are disarmed."""
    return b"".join(write_csv(make_json_row(digest, row) for row in digest.rows))


def _day_of(digest: Digest, row: DigestRow) -> date:
    return digest.day if digest.since is None else row.fetched_at.astimezone(ZoneInfo(digest.timezone)).date()
