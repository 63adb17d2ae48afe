"""Labelled JSON Lines: the corpus, files to evaluate on, and (later) analysts' decisions."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from monitor.errors import CorpusError
from monitor.records import (
    STANCES,
    Document,
    LabelledText,
    Stance,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

MAX_PROBLEMS = 20


def load_labelled(paths: Iterable[Path], narrative_ids: frozenset[str]) -> tuple[LabelledText, ...]:
    """All texts of these files, in order. Folders stand for their ``*.jsonl``.

    Raises `CorpusError` naming file, line and mistake for every line that is not as the reference says (the first 20).
    """
    texts: list[LabelledText] = []
    problems: list[str] = []
    seen: dict[str, str] = {}
    for path in _expand(paths):
        for number, raw in _read_lines(path):
            where = f"{path}:{number}"
            try:
                text = _parse_line(raw, narrative_ids)
            except ValueError as error:
                problems.append(f"{where}: {error}")
                continue
            if text.document.id in seen:
                problems.append(
                    f"{where}: id {text.document.id!r} is used twice, first in {seen[text.document.id]}; ids are unique"
                )
            seen.setdefault(text.document.id, where)
            texts.append(text)
    _raise_problems(problems)
    if not texts:
        raise CorpusError(f"no labelled texts in {', '.join(map(str, paths))}; give JSON Lines files or folders that hold some")
    return tuple(texts)


def stream_texts(paths: Iterable[Path], narrative_ids: frozenset[str]) -> Iterator[Document | LabelledText]:
    """Texts with or without ``labels``, one by one. Raises `CorpusError` on the first line that `check_texts` would name."""
    for path in _expand(paths):
        for number, raw in _read_lines(path):
            try:
                yield _parse_text(raw, narrative_ids)
            except ValueError as error:
                raise CorpusError(f"{path}:{number}: {error}") from error


def check_texts(paths: Iterable[Path], narrative_ids: frozenset[str]) -> int:
    """How many texts, with or without ``labels``, these files hold; nothing of them is kept.

    Raises `CorpusError` naming file, line and mistake (the first 20), and where there is no text at all.
    """
    count, problems = 0, []
    for path in _expand(paths):
        for number, raw in _read_lines(path):
            try:
                _parse_text(raw, narrative_ids)
                count += 1
            except ValueError as error:
                problems.append(f"{path}:{number}: {error}")
    _raise_problems(problems)
    if not count:
        raise CorpusError(f"no texts in {', '.join(map(str, paths))}; give JSON Lines files or folders that hold some")
    return count


def hash_corpus(paths: Iterable[Path]) -> str:
    """Hex SHA-256 over the files' names and bytes."""
    digest = hashlib.sha256()
    for path in _expand(paths):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _raise_problems(problems: list[str]) -> None:
    if problems:
        more = f"\n… and {len(problems) - MAX_PROBLEMS} more" if len(problems) > MAX_PROBLEMS else ""
        raise CorpusError("\n".join(problems[:MAX_PROBLEMS]) + more)


def _expand(paths: Iterable[Path]) -> list[Path]:
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            files += sorted(path.glob("*.jsonl"))
        elif path.is_file():
            files.append(path)
        else:
            raise CorpusError(f"{path}: no such file or folder; give labelled JSON Lines")
    return files


def _read_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    try:
        with path.open("rb") as file:
            yield from ((number, line) for number, line in enumerate(file, 1) if line.strip())
    except OSError as error:
        raise CorpusError(f"{path}: cannot be read: {error.strerror}; check its permissions") from error


def _parse_line(raw: bytes, narrative_ids: frozenset[str]) -> LabelledText:
    """Raises ValueError saying what is wrong with the line."""
    return _parse_labelled(_parse_object(raw), narrative_ids)


def _parse_text(raw: bytes, narrative_ids: frozenset[str]) -> Document | LabelledText:
    """Raises ValueError saying what is wrong with the line. A line without ``labels`` is a text of which nothing is known."""
    row = _parse_object(raw)
    return _parse_labelled(row, narrative_ids) if "labels" in row else parse_document(row)


def _parse_object(raw: bytes) -> dict[str, Any]:
    try:
        row = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not JSON ({error}); write one object per line") from error
    if not isinstance(row, dict):
        raise ValueError("not a JSON object; write one object per line")
    return row


def _parse_labelled(row: dict[str, Any], narrative_ids: frozenset[str]) -> LabelledText:
    document = parse_document(row)
    labels = row.get("labels")
    if not isinstance(labels, list):
        raise ValueError("has no list `labels`; write [] for a text that carries no narrative")
    return LabelledText(
        document=document,
        labels=dict(_parse_label(label, narrative_ids) for label in labels),
        group=str(row.get("group") or document.id),
        kind=str(row.get("kind") or ""),
    )


def parse_document(row: dict[str, Any]) -> Document:
    """The text of a JSON object with id, title, summary, text, lang; all but id may be null or absent.

    Raises ValueError saying what is wrong.
    """
    identifier = row.get("id")
    if not isinstance(identifier, str | int) or isinstance(identifier, bool):
        raise ValueError("has no `id`; give each line a string")
    fields: dict[str, str] = {}
    for name in ("title", "summary", "text", "lang"):
        value = row.get(name)
        if value is not None and not isinstance(value, str):
            raise ValueError(f"`{name}` is {type(value).__name__}; it must be a string or null")
        fields[name] = value or ""
    return Document(str(identifier), fields["title"], fields["summary"], fields["text"], fields["lang"] or None)


def _parse_label(label: object, narrative_ids: frozenset[str]) -> tuple[str, Stance]:
    if not isinstance(label, dict) or label.get("id") not in narrative_ids:
        named = label.get("id") if isinstance(label, dict) else label
        raise ValueError(f"label {named!r} is not in the codebook")
    if label.get("stance") not in STANCES:
        raise ValueError(f"stance {label.get('stance')!r} is none of {', '.join(STANCES)}")
    return label["id"], label["stance"]
