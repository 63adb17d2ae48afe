"""A digest as rows for other programs: JSON Lines, CSV, and the run's report."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from monitor.stages.answers import make_score

if TYPE_CHECKING:
    from datetime import date, datetime

    from monitor.reports import (
        Digest,
        DigestRow,
        RunReport,
    )

MIN_EXPORTED_SCORE = 0.1
CSV_COLUMNS = (
    "day", "article_id", "url", "title", "outlet", "feed_id", "kind", "language", "published_at", "fetched_at", "narrative",
    "score", "stance", "evidence", "other_narratives", "cluster_id", "cluster_size", "cluster_outlets", "first_seen_at",
    "first_seen_outlet",
    "revision", "decision", "bundle", "sha256",
)  # fmt: skip
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def render_jsonl(digest: Digest) -> bytes:
    """``digest.jsonl``: one object per flagged article."""
    return "".join(json.dumps(make_json_row(digest, row), ensure_ascii=False) + "\n" for row in digest.rows).encode()


def render_report(report: RunReport) -> bytes:
    """``run.json``."""
    times = {"started_at": iso(report.started_at), "finished_at": iso(report.finished_at)}
    return (json.dumps(asdict(report) | times, indent=1, ensure_ascii=False) + "\n").encode()


def iso(at: datetime) -> str:
    """A time as the machine formats write it: UTC, ISO 8601, seconds."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def _day_of(digest: Digest, row: DigestRow) -> date:
    return digest.day if digest.since is None else row.fetched_at.astimezone(ZoneInfo(digest.timezone)).date()


def make_json_row(digest: Digest, row: DigestRow) -> dict[str, Any]:
    """One row of ``digest.jsonl``. See the reference for the fields."""
    first = row.copies[0] if row.copies else None
    return {
        "day": _day_of(digest, row).isoformat(),
        "article_id": row.article_id,
        "url": row.url,
        "title": row.title,
        "outlet": row.outlet,
        "feed_id": row.feed_id,
        "kind": row.kind,
        "language": row.language,
        "published_at": iso(row.published_at),
        "published_how": row.published_how,
        "fetched_at": iso(row.fetched_at),
        "narratives": [make_score(score) for score in row.narratives if score.score >= MIN_EXPORTED_SCORE],
        "cluster": {
            "id": row.cluster_id or row.article_id,
            "size": len(row.copies),
            "outlets": list(dict.fromkeys(copy.outlet for copy in row.copies)),
            "first_seen_at": iso(first.first_seen_at) if first else None,
            "first_seen_outlet": first.outlet if first else None,
        },
        "revision": row.revision,
        "decision": None,
        "bundle": digest.bundle,
        "sha256": row.sha256,
    }


def render_csv(digest: Digest) -> bytes:
    """The same rows, flat: UTF-8 with BOM; cells that a spreadsheet would take for formulas are disarmed."""
    lines = io.StringIO()
    # The standard module, as pandas alone would take half a second and 60 MB of every run.
    table = csv.DictWriter(lines, CSV_COLUMNS, lineterminator="\r\n")
    table.writeheader()
    for row in digest.rows:
        table.writerow({name: _disarm(cell) for name, cell in _flatten(make_json_row(digest, row)).items()})
    return b"\xef\xbb\xbf" + lines.getvalue().encode()


def _flatten(row: dict[str, Any]) -> dict[str, Any]:
    flagged = [score for score in row["narratives"] if score["flagged"]]
    best, cluster = flagged[0], row["cluster"]
    return {
        **{name: row[name] for name in CSV_COLUMNS if name in row},
        "narrative": best["id"],
        "score": best["score"],
        "stance": best["stance"],
        "evidence": " … ".join(e["text"] for e in best["evidence"]),
        "other_narratives": "; ".join(score["id"] for score in flagged[1:]),
        "cluster_id": cluster["id"],
        "cluster_size": cluster["size"],
        "cluster_outlets": "; ".join(cluster["outlets"]),
        "first_seen_at": cluster["first_seen_at"],
        "first_seen_outlet": cluster["first_seen_outlet"],
    }


def _disarm(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA_STARTS) else cell
