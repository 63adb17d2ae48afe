"""Tasks for Label Studio with the model's answers as predictions, and the labelling configuration that they belong to.

A task's ``data`` names article and revision, so that what is decided there finds the way back. Offsets count characters (code
points) of ``data.text``, as Label Studio does.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from monitor.export.ids import make_own_uuid
from monitor.export.selection import DayRows, Selection, iterate_rows
from monitor.records import STANCES
from monitor.stages.rows import iso
from monitor.text import show_controls

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from monitor.codebook import Codebook
    from monitor.records import NarrativeScore
    from monitor.reports import DigestRow, ExportRow

    Json = dict[str, Any]

TEXT, NARRATIVES, EVIDENCE, STANCE = "text", "narratives", "evidence", "stance"
PARAGRAPH = "\n\n"


def stance_field(narrative: str) -> str:
    """The name of the choice of stance for a narrative."""
    return f"{STANCE}_{narrative}"


def export_labelstudio(_selection: Selection, days: Iterable[DayRows]) -> Iterator[bytes]:
    """A list of tasks, one for each row."""
    yield b"["
    for number, row in enumerate(iterate_rows(days)):
        task = json.dumps(make_task(row), ensure_ascii=False).encode("utf-8", "replace")
        yield (b",\n" if number else b"\n") + task
    yield b"\n]\n"


def make_task(row: ExportRow) -> Json:
    """A task: title, summary and text in one, and what the model said of it, if it said anything."""
    article = row.article
    text, starts = join_fields(article)
    data = {
        TEXT: text,
        "article_id": article.article_id,
        "revision": article.revision,
        "sha256": article.sha256,
        "day": row.day.isoformat(),
        "url": article.url,
        "outlet": article.outlet,
        "feed_id": article.feed_id,
        "kind": article.kind,
        "language": article.language,
        "published_at": iso(article.published_at),
        "starts": starts,
    }
    return {"data": data, "predictions": [make_prediction(row, text, starts)] if row.bundle else []}


def join_fields(article: DigestRow) -> tuple[str, dict[str, int]]:
    """The fields that have a text, parted by an empty line, and where each begins."""
    parts, starts, position = [], {}, 0
    for name, value in (("title", article.title), ("summary", article.summary), ("text", article.text)):
        if value:
            starts[name] = position
            parts.append(show_controls(value))
            position += len(value) + len(PARAGRAPH)
    return PARAGRAPH.join(parts), starts


def make_prediction(row: ExportRow, text: str, starts: dict[str, int]) -> Json:
    """What the model said: the narratives that it found carried, the stance to each, and the evidence."""
    carried = [score for score in row.article.narratives if score.is_carried]
    results = [_make_choice(row, NARRATIVES, [score.id for score in carried])] if carried else []
    for score in carried:
        results.append(_make_choice(row, stance_field(score.id), [score.stance]))
        results += _mark_evidence(row, score, text, starts)
    best = max((score.score for score in row.article.narratives), default=0.0)
    return {"model_version": row.bundle, "score": best, "result": results}


def _make_result(row: ExportRow, field: str, kind: str, value: Json) -> Json:
    identifier = make_own_uuid("label-studio", row.article.article_id, row.article.revision, field, json.dumps(value))
    return {"id": identifier[:8], "from_name": field, "to_name": TEXT, "type": kind, "value": value}


def _make_choice(row: ExportRow, field: str, choices: list[str]) -> Json:
    return _make_result(row, field, "choices", {"choices": choices})


def _mark_evidence(row: ExportRow, score: NarrativeScore, text: str, starts: dict[str, int]) -> list[Json]:
    spans = [
        (starts[passage.field] + passage.start, starts[passage.field] + passage.end)
        for passage in score.evidence
        if passage.field in starts
    ]
    return [
        _make_result(row, EVIDENCE, "labels", {"start": start, "end": end, "text": text[start:end], "labels": [score.id]})
        | {"score": score.score}
        for start, end in spans
    ]


def make_config(codebook: Codebook) -> str:
    """The labelling configuration (XML): narratives to choose, the stance to each that was chosen, evidence to mark."""
    from lxml import etree  # noqa: PLC0415

    view = etree.Element("View")
    # The outlet is not shown: whose voice it is must not sway the answer.
    labels = etree.SubElement(view, "Labels", name=EVIDENCE, toName=TEXT, choice="single")
    etree.SubElement(view, "Text", name=TEXT, value=f"${TEXT}", granularity="word")
    chosen = etree.SubElement(view, "Choices", name=NARRATIVES, toName=TEXT, choice="multiple", showInline="false")
    for narrative in codebook.narratives:
        name = codebook.name_of(narrative.id)
        etree.SubElement(labels, "Label", value=narrative.id, hint=name)
        etree.SubElement(chosen, "Choice", value=narrative.id, hint=name)
        shown = {"visibleWhen": "choice-selected", "whenTagName": NARRATIVES, "whenChoiceValue": narrative.id}
        group = etree.SubElement(view, "View", **shown)
        etree.SubElement(group, "Header", value=name, size="5")
        stance = {"name": stance_field(narrative.id), "toName": TEXT, "choice": "single", "showInline": "true"}
        stances = etree.SubElement(group, "Choices", **stance)
        for value in STANCES:
            etree.SubElement(stances, "Choice", value=value)
    etree.indent(view)
    return str(etree.tostring(view, encoding="unicode")) + "\n"
