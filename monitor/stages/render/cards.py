"""One story as the digest's pages show it: its title, the evidence in its context, and how it spread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor.stages.render.words import local_time, say_count, say_likelihood, say_span, show_title, web_link
from monitor.text import truncate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from zoneinfo import ZoneInfo

    from monitor.records import Evidence, NarrativeScore
    from monitor.reports import DigestRow, Story

CONTEXT_CHARS = 220
MAX_EVIDENCE = 1_000
# Beyond these many, places are counted instead of named.
MAX_PLACES = 60
# What analysts say of a story, by the word that exports have for it.
DECISIONS = {
    "confirmed": "confirmed by analysts",
    "rejected": "rejected by analysts",
    "disputed": "analysts differ",
    "unsure": "analysts are unsure",
}


@dataclass(frozen=True, slots=True)
class Marked:
    """Evidence in its context: what stands before it, itself, and after it."""

    before: str
    evidence: str
    after: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where a story was seen: how long after the first sight, and whether within the digest's days."""

    outlet: str
    link: str | None
    at: str
    later: str
    x: float
    is_new: bool


@dataclass(frozen=True, slots=True)
class Card:
    """One story, under the strongest flagged narrative of its best article (``row``)."""

    story: Story
    row: DigestRow
    anchor: str
    title: str
    link: str | None
    published: str
    first_seen: str
    best: NarrativeScore
    likelihood: str
    stance_likelihood: str
    others: tuple[str, ...]
    marked: Marked | None
    title_is_evidence: bool
    other_outlets: tuple[str, ...]
    places: tuple[Place, ...]
    more_places: int
    spread: str
    decision: str


def make_card(story: Story, name_of: Callable[[str], str], zone: ZoneInfo) -> Card:
    """What the page says of a story."""
    row = story.lead
    flagged = [score for score in row.narratives if score.flagged]
    best = flagged[0]
    also = {score.id: None for member in story.rows for score in member.narratives if score.flagged and score.id != best.id}
    return Card(
        story=story,
        row=row,
        anchor=f"s-{story.id}",
        title=show_title(row.title, truncate(row.summary or row.text, 120)),
        link=web_link(row.url),
        published=local_time(row.published_at, zone),
        first_seen=local_time(story.copies[0].first_seen_at if story.copies else row.fetched_at, zone),
        best=best,
        likelihood=say_likelihood(best.score),
        stance_likelihood=say_likelihood(best.stance_score),
        others=tuple(name_of(narrative) for narrative in also),
        marked=_mark_body(row, best.evidence),
        title_is_evidence=any(e.field == "title" for e in best.evidence),
        other_outlets=tuple(dict.fromkeys(copy.outlet for copy in story.copies if copy.outlet != row.outlet)),
        places=_list_places(story, zone),
        more_places=max(0, len(story.copies) - MAX_PLACES),
        spread=_describe_spread(story),
        decision=DECISIONS.get(row.decision or "", ""),
    )


def _list_places(story: Story, zone: ZoneInfo) -> tuple[Place, ...]:
    if len(story.copies) < 2:
        return ()
    begin, end = story.copies[0].first_seen_at, story.copies[-1].first_seen_at
    length = max(1.0, (end - begin).total_seconds())
    first_new = len(story.copies) - story.new_copies
    return tuple(
        Place(
            copy.outlet,
            web_link(copy.url),
            local_time(copy.first_seen_at, zone),
            f"+{say_span(copy.first_seen_at - begin)}" if place else "first",
            round(100 * (copy.first_seen_at - begin).total_seconds() / length, 2),
            place >= first_new,
        )
        for place, copy in enumerate(story.copies[:MAX_PLACES])
    )


def _describe_spread(story: Story) -> str:
    if len(story.copies) < 2:
        return ""
    outlets = len({copy.outlet for copy in story.copies})
    span = say_span(story.copies[-1].first_seen_at - story.copies[0].first_seen_at)
    fresh = "" if story.new_copies == len(story.copies) else f", {story.new_copies} of them new"
    return f"{len(story.copies)} places, {say_count(outlets, 'outlet')}, within {span}{fresh}"


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
    return Marked(before, truncate(value[start:end], MAX_EVIDENCE), after)
