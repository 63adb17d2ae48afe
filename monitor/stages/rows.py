"""One article of a day as a row: the object of ``digest.jsonl``, and the same flat, for tables."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

from monitor.stages.answers import make_score
from monitor.text import show_controls

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import date, datetime

    from monitor.reports import DigestRow

MIN_EXPORTED_SCORE = 0.1
CSV_COLUMNS = (
    "day", "article_id", "url", "title", "outlet", "feed_id", "kind", "language", "published_at", "fetched_at", "narrative",
    "score", "stance", "evidence", "other_narratives", "cluster_id", "cluster_size", "cluster_outlets", "first_seen_at",
    "first_seen_outlet",
    "revision", "decision", "bundle", "sha256",
)  # fmt: skip
BOM = b"\xef\xbb\xbf"
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def iso(at: datetime) -> str:
    """A time as the machine formats write it: UTC, ISO 8601, seconds."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def make_row_values(row: DigestRow, *, day: date, bundle: str | None) -> dict[str, Any]:
    """One row of ``digest.jsonl``. See the reference for the fields."""
    first = row.copies[0] if row.copies else None
    return {
        "day": day.isoformat(),
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
        "decision": row.decision,
        "bundle": bundle,
        "sha256": row.sha256,
    }


def flatten_row(values: Mapping[str, Any]) -> dict[str, Any]:
    """A row with one value for each of `CSV_COLUMNS`, and ``flagged``.

    The narrative is the best flagged one; of an article that is not flagged it is the best at all, if there is one.
    """
    flagged = [score for score in values["narratives"] if score["flagged"]]
    told = flagged or values["narratives"][:1]
    best, cluster = told[0] if told else None, values["cluster"]
    return {
        **{name: values[name] for name in CSV_COLUMNS if name in values},
        "narrative": best and best["id"],
        "score": best and best["score"],
        "stance": best and best["stance"],
        "evidence": " … ".join(e["text"] for e in best["evidence"]) if best else "",
        "other_narratives": "; ".join(score["id"] for score in flagged[1:]),
        "cluster_id": cluster["id"],
        "cluster_size": cluster["size"],
        "cluster_outlets": "; ".join(cluster["outlets"]),
        "first_seen_at": cluster["first_seen_at"],
        "first_seen_outlet": cluster["first_seen_outlet"],
        "flagged": bool(flagged),
    }


def write_csv(rows: Iterable[Mapping[str, Any]], columns: Sequence[str] = CSV_COLUMNS) -> Iterator[bytes]:
    """Rows of `make_row_values` as CSV, piece by piece: UTF-8 with BOM, CRLF, no cell that a spreadsheet takes for a formula."""
    lines = io.StringIO()
    # The standard module, as pandas alone would take half a second and 60 MB of every run.
    table = csv.DictWriter(lines, columns, lineterminator="\r\n", extrasaction="ignore")
    table.writeheader()
    yield BOM + lines.getvalue().encode()
    for values in rows:
        lines.seek(0)
        lines.truncate()
        table.writerow({name: _disarm(cell) for name, cell in flatten_row(values).items()})
        yield lines.getvalue().encode()


def _disarm(cell: object) -> object:
    if not isinstance(cell, str):
        return cell
    shown = show_controls(cell)
    return f"'{shown}" if shown.startswith(_FORMULA_STARTS) else shown
