"""What people answered in Label Studio: the way back of `monitor.export.labelstudio`.

Read is Label Studio's JSON export: a list of tasks, each with the ``data`` that it was given, and its ``annotations``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from monitor.decisions import Answer, ImportedAnswers, Span
from monitor.errors import UsageError
from monitor.export.labelstudio import EVIDENCE, NARRATIVES, stance_field
from monitor.records import FIELD_NAMES, STANCES

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping, Sequence

    from monitor.records import FieldName

MAX_PROBLEM_CHARS = 200


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An annotation that cannot be taken, and why."""

    where: str
    reason: str


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A task that nobody has annotated."""

    where: str


def read_annotations(content: bytes, *, narratives: Container[str]) -> list[ImportedAnswers | Unreadable | Unanswered]:
    """All annotations of an export, in order; what cannot be taken is named in its place. Raises `UsageError` for another file."""
    try:
        tasks = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"not JSON ({error}); export the project from Label Studio as JSON") from error
    if not isinstance(tasks, list):
        raise UsageError("no list of tasks; export the project from Label Studio as JSON, not JSON_MIN or CSV")
    return [found for number, task in enumerate(tasks, 1) for found in _read_task(number, task, narratives)]


def _read_task(number: int, task: object, narratives: Container[str]) -> Iterator[ImportedAnswers | Unreadable | Unanswered]:
    where = f"task {number}"
    if not isinstance(task, dict) or not isinstance(task.get("data"), dict):
        yield Unreadable(where, "has no `data`")
        return
    annotations = task.get("annotations")
    if not isinstance(annotations, list):
        yield Unreadable(where, "has no list `annotations`; export the project as JSON, not JSON_MIN")
        return
    if not annotations:
        yield Unanswered(where)
    for place, annotation in enumerate(annotations, 1):
        named = f"{where}, annotation {place}"
        try:
            yield _read_annotation(named, task, annotation, narratives)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            reason = f"lacks {error}" if isinstance(error, KeyError) else str(error)
            yield Unreadable(named, reason[:MAX_PROBLEM_CHARS])


def _read_annotation(
    where: str, task: Mapping[str, Any], annotation: Mapping[str, Any], narratives: Container[str]
) -> ImportedAnswers:
    """Raises KeyError, TypeError, ValueError or AttributeError where something is not as Label Studio writes it."""
    data = task["data"]
    asked, bundle = _read_prediction(task.get("predictions"))
    if annotation.get("was_cancelled"):
        answers = [(narrative, Answer("skip")) for narrative in asked or [""]]
    else:
        answers = _read_answers(annotation["result"], asked, data, narratives)
    return ImportedAnswers(
        where,
        article_id=_text(data["article_id"]),
        revision=int(data["revision"]),
        sha256=_text(data["sha256"]),
        bundle=bundle,
        author=_name_author(annotation.get("completed_by")),
        made_at=_read_time(annotation.get("updated_at") or annotation["created_at"]),
        answers=tuple(answers),
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _read_time(raw: object) -> datetime:
    at = datetime.fromisoformat(_text(raw).replace("Z", "+00:00"))
    if at.tzinfo is None:
        raise ValueError(f"the time {raw!r} has no zone")
    return at


def _name_author(raw: object) -> str:
    """Label Studio gives a number, or a person with number and address."""
    if isinstance(raw, dict):
        raw = raw.get("email") or raw.get("id")
    return "" if raw is None else str(raw)


def _read_prediction(predictions: object) -> tuple[list[str], str]:
    """The narratives that the model had found, which is what people were asked about, and the model."""
    if not isinstance(predictions, list) or not predictions:
        return [], ""
    # Label Studio exports predictions as numbers where it is not asked for more; then there is nothing to compare with.
    first = predictions[0]
    if not isinstance(first, dict):
        return [], ""
    return _choices(first.get("result") or [], NARRATIVES), str(first.get("model_version") or "")


def _choices(results: Sequence[Mapping[str, Any]], field: str) -> list[str]:
    """What was chosen in a field; nothing where it was left alone."""
    chosen = [one["value"]["choices"] for one in results if one.get("from_name") == field and one.get("type") == "choices"]
    return [_text(name) for names in chosen for name in names]


def _read_answers(
    results: Sequence[Mapping[str, Any]], asked: Sequence[str], data: Mapping[str, Any], narratives: Container[str]
) -> list[tuple[str, Answer]]:
    chosen = list(dict.fromkeys(_choices(results, NARRATIVES)))
    if unknown := [name for name in chosen if name not in narratives]:
        raise ValueError(f"narrative {unknown[0]!r} is not in the codebook")
    answers = [(name, Answer("confirm", name, _read_stance(results, name), _find_span(results, name, data))) for name in chosen]
    answers += [(name, Answer("reject")) for name in asked if name not in chosen]
    return answers or [("", Answer("reject"))]


def _read_stance(results: Sequence[Mapping[str, Any]], narrative: str) -> Any:
    stances = _choices(results, stance_field(narrative))
    if len(stances) != 1 or stances[0] not in STANCES:
        raise ValueError(f"narrative {narrative} was chosen without one stance; answer `{stance_field(narrative)}` too")
    return stances[0]


def _find_span(results: Sequence[Mapping[str, Any]], narrative: str, data: Mapping[str, Any]) -> Span | None:
    """The first passage marked for a narrative that lies within one field, in characters of that field."""
    marks = (
        one["value"]
        for one in results
        if one.get("from_name") == EVIDENCE and one.get("type") == "labels" and narrative in one["value"]["labels"]
    )
    spans = (_place_span(int(mark["start"]), int(mark["end"]), data) for mark in marks)
    return next((span for span in spans if span is not None), None)


def _place_span(start: int, end: int, data: Mapping[str, Any]) -> Span | None:
    starts = {name: int(data["starts"][name]) for name in FIELD_NAMES if name in data["starts"]}
    ends = [*list(starts.values())[1:], len(_text(data["text"])) + 2]
    for (name, begin), behind in zip(starts.items(), ends, strict=True):
        field: FieldName = name
        # Fields are parted by an empty line.
        if begin <= start < end <= behind - 2:
            return Span(field, start - begin, end - begin)
    return None
