"""What the pages show of an article: marked passages, sentences to choose from, differences, all as plain values. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from monitor.records import Document
from monitor.stages.edits import Change, diff_texts, shorten_diff
from monitor.stages.windows import split_sentences
from monitor.urls import is_web_url

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.decisions import Decision, Item, Span
    from monitor.records import FieldName, NarrativeScore
    from monitor.reports import ArticleHistory, RevisionHistory

MAX_SHOWN_CHARS = 20_000
MAX_SENTENCES = 150
MAX_DIFF_CHARS = 2_000
MAX_SHOWN_COPIES = 50
_MARKABLE: tuple[FieldName, ...] = ("title", "summary", "text")


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of text, marked as evidence or not."""

    text: str
    is_marked: bool


@dataclass(frozen=True, slots=True)
class Choice:
    """A sentence that an analyst may mark. ``value`` is how a form names it."""

    value: str
    text: str


@dataclass(frozen=True, slots=True)
class Edit:
    """A revision with what it changed against the one before from the same source."""

    revision: RevisionHistory
    is_current: bool
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class ItemView:
    """Everything that the page of an item says of its article. ``link`` is set where the address is safe to follow."""

    item: Item
    history: ArticleHistory
    revision: RevisionHistory
    asked: NarrativeScore | None
    others: tuple[NarrativeScore, ...]
    threshold: float | None
    title: tuple[Piece, ...]
    summary: tuple[tuple[Piece, ...], ...]
    text: tuple[tuple[Piece, ...], ...]
    is_cut: bool
    choices: tuple[Choice, ...]
    edits: tuple[Edit, ...]
    link: str | None
    language: str | None


def make_view(item: Item, history: ArticleHistory, *, thresholds: dict[str, float], marked: Sequence[Span] = ()) -> ItemView | None:
    """The view of an item; None where its revision is not in the history. ``marked`` are passages that analysts marked."""
    revision = next((one for one in history.revisions if one.number == item.revision), None)
    if revision is None:
        return None
    assessment = next((one for one in revision.assessments if one.bundle == item.bundle), None)
    scores = assessment.narratives if assessment else ()
    asked = next((score for score in scores if score.id == item.narrative), None)
    spans = [(e.field, e.start, e.end) for e in (asked.evidence if asked else ())] + [(s.field, s.start, s.end) for s in marked]
    language = assessment.language if assessment else None
    return ItemView(
        item=item,
        history=history,
        revision=revision,
        asked=asked,
        others=tuple(score for score in scores if score.id != item.narrative and score.score >= 0.05),
        threshold=thresholds.get(item.narrative),
        title=mark_passages(revision.title, [(s, e) for f, s, e in spans if f == "title"]),
        summary=_mark_paragraphs(revision.summary, [(s, e) for f, s, e in spans if f == "summary"]),
        text=_mark_paragraphs(revision.text, [(s, e) for f, s, e in spans if f == "text"]),
        is_cut=max(len(revision.summary), len(revision.text)) > MAX_SHOWN_CHARS,
        choices=list_sentences(revision, language or "uk"),
        edits=list_edits(history),
        link=revision.url if revision.url and is_web_url(revision.url) else None,
        language=language,
    )


def mark_passages(text: str, spans: Sequence[tuple[int, int]]) -> tuple[Piece, ...]:
    """The text in pieces that join to it again; what lies in any of the spans is marked. Spans may overlap or lie outside."""
    edges = sorted({0, len(text), *(min(max(at, 0), len(text)) for span in spans for at in span)})
    pieces: list[Piece] = []
    for start, end in pairwise(edges):
        is_marked = any(first <= start and end <= last for first, last in spans)
        if pieces and pieces[-1].is_marked == is_marked:
            pieces[-1] = Piece(pieces[-1].text + text[start:end], is_marked)
        else:
            pieces.append(Piece(text[start:end], is_marked))
    return tuple(pieces)


def _mark_paragraphs(text: str, spans: Sequence[tuple[int, int]]) -> tuple[tuple[Piece, ...], ...]:
    found, start = [], 0
    for line in text[:MAX_SHOWN_CHARS].split("\n"):
        if line.strip():
            found.append(mark_passages(line, [(first - start, last - start) for first, last in spans]))
        start += len(line) + 1
    return tuple(found)


def list_sentences(revision: RevisionHistory, language: str) -> tuple[Choice, ...]:
    """The sentences that an analyst may mark, in reading order."""
    document = Document("", revision.title, revision.summary[:MAX_SHOWN_CHARS], revision.text[:MAX_SHOWN_CHARS])
    sentences = split_sentences(document, language)[:MAX_SENTENCES]
    return tuple(Choice(f"{one.field}:{one.start}:{one.end}", one.text) for one in sentences)


def list_edits(history: ArticleHistory) -> tuple[Edit, ...]:
    """Every text that the article had, the newest first, each against the one before from the same source."""
    last: dict[str, RevisionHistory] = {}
    found = []
    for revision in history.revisions:
        before = None if revision.is_variant else last.get(revision.source)
        changes = diff_texts(_flatten(before), _flatten(revision)) if before else ()
        found.append(Edit(revision, revision.number == history.current_revision, shorten_diff(changes, max_chars=MAX_DIFF_CHARS)))
        if not revision.is_variant:
            last[revision.source] = revision
    return tuple(reversed(found))


def _flatten(revision: RevisionHistory) -> str:
    return f"{revision.title}\n{revision.summary}\n{revision.text}"[:MAX_SHOWN_CHARS]


def read_span(value: str, revision: RevisionHistory) -> Span | None:
    """The passage that a form names; None where it names none of this revision."""
    from monitor.decisions import Span  # noqa: PLC0415

    parts = value.split(":")
    if len(parts) != 3 or not all(part.isdecimal() and len(part) < 9 for part in parts[1:]):
        return None
    name = next((one for one in _MARKABLE if one == parts[0]), None)
    start, end = int(parts[1]), int(parts[2])
    if name is None or not 0 <= start < end <= len(getattr(revision, name)):
        return None
    return Span(name, start, end)


def quote_span(span: Span, revision: RevisionHistory | None) -> str:
    """What a marked passage says; empty where the revision is not known."""
    return str(getattr(revision, span.field))[span.start : span.end] if revision else ""


def choose_visible(found: Sequence[Decision], item: Item, *, account_id: int, is_lead: bool) -> tuple[tuple[Decision, ...], bool]:
    """The decisions on an article that an analyst may see, and whether others are kept back.

    Who gives a second opinion must not know the first one: they see only their own until they have answered.
    """
    on_item = [one for one in found if one.asked == item.narrative and one.revision == item.revision and one.is_live]
    has_answered = any(one.account_id == account_id and one.answer.verdict != "skip" for one in on_item)
    if is_lead or has_answered or item.state == "decided":
        return tuple(found), False
    others = [one for one in found if one.asked == item.narrative and one.account_id != account_id]
    return tuple(one for one in found if one not in others), bool(others)
