"""`monitor classify`: JSON Lines in, JSON Lines out, in constant memory."""

from __future__ import annotations

import json
import re
from itertools import islice
from typing import TYPE_CHECKING, Any, BinaryIO, TextIO

from monitor.stages.answers import make_answer
from monitor.train.corpus import parse_document

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitor.ports import Classifier
    from monitor.records import (
        Document,
    )

BATCH_LINES = 64
_SURROGATE = re.compile("[\ud800-\udfff]")
MAX_LINE_BYTES = 8 * 1024 * 1024


def classify_stream(classifier: Classifier, source: BinaryIO, sink: TextIO) -> int:
    """Answer every line of ``source`` on ``sink``, in order; gives how many could not be read.

    A line that is blank counts as one that cannot be read, so that output lines match input lines.
    """
    bad = 0
    lines = _read_lines(source)
    while batch := list(islice(lines, BATCH_LINES)):
        read = [_read(raw) for _, raw in batch]
        answers = iter(_assess_batch(classifier, [item[1] for item in read if isinstance(item, tuple)]))
        for (number, _), item in zip(batch, read, strict=True):
            answer = next(answers) if isinstance(item, tuple) else item
            if isinstance(item, tuple) and not isinstance(answer, str):
                answer = make_answer(item[0], answer, classifier.bundle_id)
            if isinstance(answer, str):
                bad += 1
                answer = {"line": number, "error": answer}
            sink.write(_dump(answer) + "\n")
        sink.flush()
    return bad


def _dump(answer: dict[str, Any]) -> str:
    line = json.dumps(answer, ensure_ascii=False)
    # Half a surrogate pair, as JSON may hold one, can only be written escaped.
    return line if not _SURROGATE.search(line) else json.dumps(answer)


def _assess_batch(classifier: Classifier, documents: list[Document]) -> list[Any]:
    """Assessments, or what went wrong as text in the place of the one text that broke the model."""
    try:
        return list(classifier.assess(documents))
    except Exception as error:  # noqa: BLE001 - one bad text must cost only its own line
        if len(documents) == 1:
            return [f"the text cannot be assessed ({type(error).__name__}: {error}); please report it"]
        return [answer for document in documents for answer in _assess_batch(classifier, [document])]


def _read_lines(source: BinaryIO) -> Iterator[tuple[int, bytes | None]]:
    """Numbered lines; None for one that is too long, whose bytes are passed over."""
    number = 0
    while line := source.readline(MAX_LINE_BYTES + 1):
        number += 1
        if len(line) <= MAX_LINE_BYTES or line.endswith(b"\n"):
            yield number, line
            continue
        while line and not line.endswith(b"\n"):
            line = source.readline(MAX_LINE_BYTES)
        yield number, None


def _read(raw: bytes | None) -> tuple[object, Document] | str:
    """The id as given and the document, or what is wrong with the line."""
    if raw is None:
        return f"the line is longer than {MAX_LINE_BYTES} bytes"
    try:
        row = json.loads(raw)
    except (ValueError, RecursionError) as error:
        return f"not JSON: {error}"
    if not isinstance(row, dict):
        return "not a JSON object"
    try:
        return row.get("id"), parse_document(row)
    except ValueError as error:
        return str(error)
