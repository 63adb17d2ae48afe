"""A digest to files: Markdown and HTML to read, CSV and JSON Lines to work with, the run's report.

Only what the digest says is rendered, so the same digest gives the same bytes.
"""

from __future__ import annotations

import html
import json
import re
from dataclasses import asdict, dataclass
from functools import cache
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from monitor.stages.edits import diff_texts, shorten_diff
from monitor.stages.rows import iso, make_row_values, write_csv
from monitor.text import truncate
from monitor.urls import is_web_url

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from monitor.records import (
        Evidence,
        NarrativeScore,
    )
    from monitor.reports import (
        Digest,
        DigestRow,
        FeedHealth,
        NarrativeEdit,
        Removal,
        RunReport,
    )
    from monitor.stages.edits import Change

CONTEXT_CHARS = 220
MAX_SHOWN_TITLE = 300
MAX_SHOWN_DIFF = 600
_MARKDOWN_MARKS = re.compile(r"[\\`*_{}\[\]#|~!]")
_MARKDOWN_LIST = re.compile(r"^(\d*)([-+.)=])")


@dataclass(frozen=True, slots=True)
class Marked:
    """Evidence in its context: what stands before it, itself, and after it."""

    before: str
    evidence: str
    after: str


@dataclass(frozen=True, slots=True)
class Card:
    """One article as the digest's page shows it, under its strongest flagged narrative."""

    row: DigestRow
    title: str
    link: str | None
    published: str
    first_seen: str
    best: NarrativeScore
    others: tuple[str, ...]
    marked: Marked | None
    title_is_evidence: bool
    other_outlets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Section:
    """All cards of one narrative, best first."""

    id: str
    name: str
    cards: tuple[Card, ...]


@dataclass(frozen=True, slots=True)
class BlindSpot:
    """Something that this digest did not see: what, and why."""

    what: str
    why: str


@dataclass(frozen=True, slots=True)
class EditNote:
    """An edit that changed what an article promotes: a sentence, and what was cut and put in."""

    article_id: str
    title: str
    link: str | None
    outlet: str
    at: str
    what: str
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class RemovalNote:
    """A flagged article that was taken down."""

    article_id: str
    title: str
    link: str | None
    outlet: str
    at: str
    what: str


@dataclass(frozen=True, slots=True)
class Page:
    """Everything that the templates are given."""

    digest: Digest
    day: str
    blind_spots: tuple[BlindSpot, ...]
    sections: tuple[Section, ...]
    stances: tuple[tuple[str, int, int, int], ...]
    most_stances: int
    edits: tuple[EditNote, ...]
    removals: tuple[RemovalNote, ...]


def render_digest(digest: Digest, name_of: Callable[[str], str]) -> dict[str, bytes]:
    """File name → bytes. ``name_of`` gives a narrative's name. ``run.json`` is there once a run has finished."""
    page = make_page(digest, name_of)
    files = {
        "digest.md": _environment().get_template("digest.md.j2").render(page=page).encode(),
        "digest.html": _environment().get_template("digest.html.j2").render(page=page).encode(),
        "digest.csv": render_csv(digest),
        "digest.jsonl": "".join(_dump(make_json_row(digest, row)) + "\n" for row in digest.rows).encode(),
    }
    if digest.last_run is not None:
        files["run.json"] = render_report(digest.last_run)
    return files


def render_report(report: RunReport) -> bytes:
    """``run.json``."""
    times = {"started_at": iso(report.started_at), "finished_at": iso(report.finished_at)}
    return (json.dumps(asdict(report) | times, indent=1, ensure_ascii=False) + "\n").encode()


def make_page(digest: Digest, name_of: Callable[[str], str]) -> Page:
    """What the page shows: blind spots, counts, and the articles by narrative."""
    zone = ZoneInfo(digest.timezone)
    by_narrative: dict[str, list[Card]] = {}
    for row in digest.rows:
        card = _make_card(row, name_of, zone)
        by_narrative.setdefault(card.best.id, []).append(card)
    sections = tuple(
        Section(narrative, name_of(narrative), tuple(sorted(cards, key=lambda c: (-c.best.score, c.row.article_id))))
        for narrative, cards in sorted(by_narrative.items(), key=lambda item: (-len(item[1]), item[0]))
    )
    counted = sorted(digest.stances, key=lambda s: (-s.promotes, -(s.reports + s.refutes), s.narrative))
    return Page(
        digest=digest,
        day=digest.day.isoformat(),
        blind_spots=find_blind_spots(digest),
        sections=sections,
        stances=tuple((name_of(s.narrative), s.promotes, s.reports, s.refutes) for s in counted),
        most_stances=max((s.promotes + s.reports + s.refutes for s in counted), default=1),
        edits=tuple(_note_edit(edit, name_of, zone) for edit in digest.changes.edits),
        removals=tuple(_note_removal(removal, name_of, zone) for removal in digest.changes.removals),
    )


def _note_edit(edit: NarrativeEdit, name_of: Callable[[str], str], zone: ZoneInfo) -> EditNote:
    parts = [f"appeared: {', '.join(map(name_of, edit.appeared))}"] if edit.appeared else []
    parts += [f"vanished: {', '.join(map(name_of, edit.vanished))}"] if edit.vanished else []
    return EditNote(
        edit.article_id,
        truncate(edit.title, MAX_SHOWN_TITLE),
        _web(edit.url),
        edit.outlet,
        _local(edit.edited_at, zone),
        f"narrative {'; '.join(parts)} (revision {edit.before_revision} to {edit.revision})",
        shorten_diff(diff_texts(edit.before_text, edit.text), max_chars=MAX_SHOWN_DIFF),
    )


def _note_removal(removal: Removal, name_of: Callable[[str], str], zone: ZoneInfo) -> RemovalNote:
    how = "its page is gone" if removal.is_page else "its feed no longer lists it, although it lists older items"
    return RemovalNote(
        removal.article_id,
        truncate(removal.title, MAX_SHOWN_TITLE),
        _web(removal.url),
        removal.outlet,
        _local(removal.removed_at, zone),
        f"{how}; it promoted {', '.join(map(name_of, removal.narratives))}",
    )


def _web(url: str | None) -> str | None:
    return url if url and is_web_url(url) else None


def find_blind_spots(digest: Digest) -> tuple[BlindSpot, ...]:
    """What the day's digest could not see, the weightiest first."""
    spots: list[BlindSpot] = []
    if digest.last_run is None:
        spots.append(BlindSpot("The day", "no run has finished on it: nothing was collected"))
    elif digest.runs and digest.last_run.bundle != digest.bundle:
        spots.append(BlindSpot("The model", f"the day's last run used {digest.last_run.bundle}; this digest is by {digest.bundle}"))
    if digest.counts.pending:
        spots.append(BlindSpot(f"{digest.counts.pending} articles", "not assessed yet; the next run does it"))
    if digest.counts.failed:
        spots.append(BlindSpot(f"{digest.counts.failed} articles", "the model failed on them; `monitor explain` says why"))
    active = [health for health in digest.health if health.enabled]
    spots += [_failing(health) for health in active if health.failures and health.failures == health.visits]
    spots += [
        BlindSpot(f"{health.outlet} ({health.feed_id})", f"failed on {health.failures} of {health.visits} visits")
        for health in active
        if 0 < health.failures < health.visits
    ]
    spots += [
        BlindSpot(f"{health.outlet} ({health.feed_id})", health.last_message)
        for health in active
        if not health.failures and health.last_message
    ]
    spots += _never_visited(active, has_run=digest.last_run is not None)
    if off := [health.feed_id for health in digest.health if not health.enabled]:
        spots.append(BlindSpot(f"{len(off)} feeds", f"switched off or no longer listed: {truncate(', '.join(off), 300)}"))
    return tuple(spots)


def _failing(health: FeedHealth) -> BlindSpot:
    return BlindSpot(f"{health.outlet} ({health.feed_id})", f"not read at all: {health.last_message or health.last_outcome}")


def _never_visited(active: Sequence[FeedHealth], *, has_run: bool) -> list[BlindSpot]:
    silent = [health.feed_id for health in active if not health.visits]
    if not silent or not has_run:
        return []
    return [BlindSpot(f"{len(silent)} feeds", f"not visited on this day: {truncate(', '.join(silent), 300)}")]


def _make_card(row: DigestRow, name_of: Callable[[str], str], zone: ZoneInfo) -> Card:
    flagged = [score for score in row.narratives if score.flagged]
    best = flagged[0]
    shown = row.title or truncate(row.summary or row.text, 120)
    outlets = dict.fromkeys(copy.outlet for copy in row.copies if copy.outlet != row.outlet)
    return Card(
        row=row,
        title=truncate(shown, MAX_SHOWN_TITLE),
        link=_web(row.url),
        published=_local(row.published_at, zone),
        first_seen=_local(row.copies[0].first_seen_at if row.copies else row.fetched_at, zone),
        best=best,
        others=tuple(name_of(score.id) for score in flagged[1:]),
        marked=_mark_body(row, best.evidence),
        title_is_evidence=any(e.field == "title" for e in best.evidence),
        other_outlets=tuple(outlets),
    )


def _mark_body(row: DigestRow, evidence: Sequence[Evidence]) -> Marked | None:
    """The strongest evidence beyond the title; where that is all in the title, how the body begins (nothing marked)."""
    in_body = next((e for e in evidence if e.field != "title"), None)
    if in_body is not None:
        return _mark(row, in_body)
    begins = truncate(row.summary or row.text, 2 * CONTEXT_CHARS)
    return Marked(begins, "", "") if begins else None


def _mark(row: DigestRow, evidence: Evidence) -> Marked:
    value = {"title": row.title, "summary": row.summary, "text": row.text}[evidence.field]
    start, end = evidence.start, evidence.end
    before, after = value[max(0, start - CONTEXT_CHARS) : start], value[end : end + CONTEXT_CHARS]
    if start > CONTEXT_CHARS:
        before = "…" + before.partition(" ")[2]
    if end + CONTEXT_CHARS < len(value):
        after = after.rpartition(" ")[0] + "…"
    return Marked(before, truncate(value[start:end], 1_000), after)


def _local(at: datetime, zone: ZoneInfo) -> str:
    return at.astimezone(zone).strftime("%Y-%m-%d %H:%M")


def make_json_row(digest: Digest, row: DigestRow) -> dict[str, Any]:
    """One row of ``digest.jsonl``. See the reference for the fields."""
    return make_row_values(row, day=digest.day, bundle=digest.bundle)


def render_csv(digest: Digest) -> bytes:
    """The same rows, flat: UTF-8 with BOM; cells that a spreadsheet would take for formulas are disarmed."""
    return b"".join(write_csv(make_json_row(digest, row) for row in digest.rows))


def _dump(row: dict[str, Any]) -> str:
    return json.dumps(row, ensure_ascii=False)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("monitor", "templates"),
        autoescape=select_autoescape(enabled_extensions=("html.j2",)),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["md"] = _escape_markdown
    return environment


def _escape_markdown(text: str) -> str:
    """Text that Markdown shows as it is: on one line, no markup, no HTML, no link, no list."""
    flat = html.escape(" ".join(text.split()), quote=False)
    flat = _MARKDOWN_MARKS.sub(r"\\\g<0>", flat)
    return _MARKDOWN_LIST.sub(r"\g<1>\\\g<2>", flat)
