"""MISP events as JSON: one event a day, an object for each article and for each narrative that the day tells."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from monitor.export.decisions import read_verdict
from monitor.export.disarm import suggest_techniques
from monitor.export.ids import make_own_uuid
from monitor.export.selection import SOURCE, DayRows, Selection, describe_score, list_flagged, make_values
from monitor.text import show_controls, truncate
from monitor.urls import is_web_url

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from monitor.reports import ExportRow

    Json = dict[str, Any]

# Templates of misp-objects: name → (uuid, version).
TEMPLATES = {
    "narrative": ("83bea299-514a-4719-a84b-f6fd0997fac1", "4"),
    "news-media": ("691463c5-5302-4847-9bec-4c56ccfec677", "3"),
}
# MISP keeps a value in 65,535 bytes; no character takes more than four.
MAX_VALUE_CHARS = 16_000
# The template's own words for what an outlet is; the other kinds have none that fits.
OUTLET_TYPES = {"state": "State News"}
ONLY_OWN_ORGANISATION, INHERIT = "0", "5"
UNDEFINED_THREAT, ANALYSIS_BEGUN = "4", "0"


def export_misp(selection: Selection, days: Iterable[DayRows]) -> Iterator[bytes]:
    """An event for each day that has rows, in a list called ``response``, which MISP and PyMISP read."""
    yield b'{"response":['
    mark = b"\n"
    for day in days:
        if day.count:
            yield mark
            yield from _write_event(selection, day)
            mark = b",\n"
    yield b"\n]}\n"


def _write_event(selection: Selection, day: DayRows) -> Iterator[bytes]:
    event_id = make_own_uuid("misp event", day.day, selection.title)
    event = _make_event(selection, day, event_id)
    yield b'{"Event":' + _dump(event)[:-1] + b',"Object":[\n'
    told: dict[str, None] = {}
    for number, row in enumerate(day.rows):
        told |= dict.fromkeys(score.id for score in list_flagged(row))
        yield (b",\n" if number else b"") + _dump(make_news(selection, row, event_id))
    for narrative in told:
        yield b",\n" + _dump(make_narrative(selection, narrative, event_id, at=int(event["timestamp"])))
    yield b"\n]}}"


def _dump(found: Json) -> bytes:
    return json.dumps(found, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _make_event(selection: Selection, day: DayRows, event_id: str) -> Json:
    at = int((day.latest_at or day.starts_at).timestamp())
    return {
        "uuid": event_id,
        "info": f"{selection.title}, {day.day}: {day.count} articles (narrative-monitor, bundle {selection.bundle})",
        "date": day.day.isoformat(),
        "timestamp": str(at),
        "published": False,
        "threat_level_id": UNDEFINED_THREAT,
        "analysis": ANALYSIS_BEGUN,
        "distribution": ONLY_OWN_ORGANISATION,
        "Orgc": {"name": SOURCE, "uuid": make_own_uuid("organisation")},
        "Tag": [{"name": f'{SOURCE}:bundle="{selection.bundle}"'}],
    }


def make_narrative_id(event_id: str, narrative: str) -> str:
    """The UUID of a narrative's object; an event has one of its own."""
    return make_own_uuid("misp narrative", event_id, narrative)


def make_narrative(selection: Selection, narrative: str, event_id: str, *, at: int) -> Json:
    """An object for a narrative."""
    known = next((one for one in selection.codebook.narratives if one.id == narrative), None)
    name = selection.codebook.name_of(narrative)
    summary = f"{name} ({narrative}). {known.definition if known else ''}".strip()
    techniques = "; ".join(suggest_techniques(narrative))
    comment = f"{techniques} (not a finding on coordination or intent)" if techniques else ""
    maker = _Object("narrative", make_narrative_id(event_id, narrative), at)
    maker.add("narrative-summary", "text", summary, is_shared=True)
    return maker.make(comment)


def make_news(selection: Selection, row: ExportRow, event_id: str) -> Json:
    """An object for an article, with a reference to each narrative that it is flagged for."""
    article, values = row.article, make_values(row)
    object_id = make_own_uuid("misp article", event_id, article.article_id, article.revision)
    maker = _Object("news-media", object_id, int(article.fetched_at.timestamp()))
    maker.add("title", "text", article.title)
    maker.add("source", "text", article.outlet, is_shared=True)
    maker.add("link", "link", article.url if article.url and is_web_url(article.url) else "")
    maker.add("sub-type", "text", OUTLET_TYPES.get(article.kind or "", ""), is_shared=True)
    scores = list_flagged(row)
    maker.add("content", "text", _summarize(row))
    verdict = read_verdict(values)
    told = [
        f"article {article.article_id}, revision {article.revision}",
        f"language {article.language}",
        *(describe_score(score, score.id) for score in scores),
        *([f"analyst: {verdict.verdict} {verdict.note}".strip()] if verdict else []),
    ]
    references = [
        {
            "uuid": make_own_uuid("misp reference", object_id, score.id),
            "object_uuid": object_id,
            "referenced_uuid": make_narrative_id(event_id, score.id),
            "relationship_type": "related-to",
            "comment": f"{score.stance}, score {score.score:.4f}, by {row.bundle}; suggested by a classifier",
        }
        for score in scores
    ]
    seen = {"first_seen": values["cluster"]["first_seen_at"] or values["fetched_at"], "last_seen": values["fetched_at"]}
    return maker.make("; ".join(told)) | seen | {"ObjectReference": references}


def _summarize(row: ExportRow) -> str:
    return "\n\n".join(part for part in (row.article.summary, row.article.text) if part)


class _Object:
    """An object of a template, attribute by attribute."""

    def __init__(self, template: str, object_id: str, at: int) -> None:
        self._template, self._id, self._at = template, object_id, str(at)
        self._attributes: list[Json] = []

    def add(self, relation: str, kind: str, value: str, *, is_shared: bool = False) -> None:
        """Add an attribute that has a value. ``is_shared``: many objects have it, so that it correlates nothing."""
        shown = show_controls(value).strip()
        if not shown:
            return
        note = ""
        if len(shown) > MAX_VALUE_CHARS:
            note = f"shortened: the whole has {len(shown)} characters and is attached"
            self._attach(f"{relation}.txt", shown)
        category = "External analysis" if kind == "link" else "Other"
        self._put(relation, kind, category, truncate(shown, MAX_VALUE_CHARS), is_shared=is_shared, comment=note)

    def _attach(self, name: str, text: str) -> None:
        """What MISP takes no value of goes along as a file."""
        content = base64.b64encode(text.encode("utf-8", "replace")).decode()
        self._put("attachment", "attachment", "External analysis", name, data=content)

    def _put(self, relation: str, kind: str, category: str, value: str, **more: Any) -> None:
        is_shared = more.pop("is_shared", False)
        named = {"object_relation": relation, "type": kind, "category": category, "value": value}
        identifier = make_own_uuid("misp attribute", self._id, relation, value if relation == "attachment" else "")
        fixed = {"to_ids": False, "disable_correlation": is_shared, "distribution": INHERIT, "timestamp": self._at}
        self._attributes.append({"uuid": identifier} | named | fixed | more)

    def make(self, comment: str) -> Json:
        """The object."""
        uuid, version = TEMPLATES[self._template]
        return {
            "name": self._template,
            "meta-category": "misc",
            "template_uuid": uuid,
            "template_version": version,
            "uuid": self._id,
            "timestamp": self._at,
            "distribution": INHERIT,
            "comment": truncate(show_controls(comment), MAX_VALUE_CHARS),
            "Attribute": self._attributes,
        }
