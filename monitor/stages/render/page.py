"""What the pages of a digest show: the digest's values as words, links and places, ready for the templates."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from monitor.stages.edits import diff_texts, shorten_diff
from monitor.stages.render.blindspots import BlindSpot, find_blind_spots
from monitor.stages.render.cards import DECISIONS, Card, make_card
from monitor.stages.render.trendrows import TrendRow, list_spikes, make_narrative_rows, make_outlet_rows
from monitor.stages.render.words import local_time, say_count, say_likelihood, show_title, web_link

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from monitor.dayreports import GrownStory, Mention, Precision
    from monitor.reports import Digest, NarrativeEdit, Removal, Story
    from monitor.stages.charts import Chart
    from monitor.stages.edits import Change

MAX_SHOWN_DIFF = 600
# Beyond these many, stories of one narrative get a line each instead of a card.
MAX_CARDS = 25
MAX_MENTIONS = 8
MAX_SECOND_LOOKS = 12
MAX_GROWN = 10


@dataclass(frozen=True, slots=True)
class Picture:
    """A drawn chart: its files by name, and an SVG element to put into the page."""

    chart: Chart
    files: dict[str, bytes]
    svg: str


@dataclass(frozen=True, slots=True)
class Section:
    """All stories of one narrative, best first; ``rest`` are those that only get a line."""

    id: str
    name: str
    cards: tuple[Card, ...]
    rest: tuple[Card, ...]
    is_priority: bool


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
class MentionNote:
    """An unflagged article worth a look, with the reason."""

    article_id: str
    title: str
    link: str | None
    outlet: str
    language: str
    narrative: str
    stance: str
    why: str


@dataclass(frozen=True, slots=True)
class CounterSection:
    """Who refuted or reported one narrative; ``more`` of them are not shown."""

    name: str
    is_flagged: bool
    refuting: int
    reporting: int
    notes: tuple[MentionNote, ...]
    more: int


@dataclass(frozen=True, slots=True)
class GrowthNote:
    """An older story that was seen in more places."""

    article_id: str
    title: str
    link: str | None
    language: str
    what: str


@dataclass(frozen=True, slots=True)
class OutletRow:
    """One outlet in the index: its trend, and its stories as (anchor, title, language)."""

    trend: TrendRow
    stories: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class PrecisionRow:
    """How right a narrative's flags were of late: the share with its interval in words, and on how many draws it rests."""

    name: str
    share: str
    interval: str
    decided: int


@dataclass(frozen=True, slots=True)
class Page:
    """Everything that the templates are given."""

    digest: Digest
    day: str
    period: str
    blind_spots: tuple[BlindSpot, ...]
    stances: tuple[tuple[str, int, int, int], ...]
    narratives: tuple[TrendRow, ...]
    quiet: tuple[TrendRow, ...]
    spikes: tuple[tuple[str, str, str], ...]
    new_outlets: tuple[str, ...]
    grown: tuple[GrowthNote, ...]
    more_grown: int
    pictures: tuple[Picture, ...]
    sections: tuple[Section, ...]
    edits: tuple[EditNote, ...]
    removals: tuple[RemovalNote, ...]
    counters: tuple[CounterSection, ...]
    near: tuple[MentionNote, ...]
    more_near: int
    outlets: tuple[OutletRow, ...]
    decided: str
    precision: tuple[PrecisionRow, ...]


def make_page(
    digest: Digest, name_of: Callable[[str], str], *, priority: Sequence[str] = (), pictures: Sequence[Picture] = ()
) -> Page:
    """What the page shows. Stories of the ``priority`` narratives come first, in their order."""
    zone = ZoneInfo(digest.timezone)
    sections = _make_sections(digest, name_of, zone, priority)
    rows = make_narrative_rows(digest, name_of)
    counted = sorted(digest.stances, key=lambda s: (-s.promotes, -(s.reports + s.refutes), s.narrative))
    near = [_note_mention(one, name_of) for one in digest.near]
    grown = digest.comparison.grown
    return Page(
        digest=digest,
        day=digest.span.replace("_", " to "),
        period="these days" if digest.since else "this day",
        blind_spots=find_blind_spots(digest),
        stances=tuple((name_of(s.narrative), s.promotes, s.reports, s.refutes) for s in counted),
        narratives=tuple(row for row in rows if row.is_shown),
        quiet=tuple(row for row in rows if not row.is_shown),
        spikes=list_spikes(digest, name_of),
        new_outlets=digest.comparison.new_outlets,
        grown=tuple(_note_growth(one, name_of, zone) for one in grown[:MAX_GROWN]),
        more_grown=max(0, len(grown) - MAX_GROWN),
        pictures=tuple(pictures),
        sections=sections,
        edits=tuple(_note_edit(edit, name_of, zone) for edit in digest.changes.edits),
        removals=tuple(_note_removal(removal, name_of, zone) for removal in digest.changes.removals),
        counters=_make_counters(digest, name_of),
        near=tuple(near[:MAX_SECOND_LOOKS]),
        more_near=max(0, len(near) - MAX_SECOND_LOOKS),
        outlets=_make_outlets(digest, sections),
        decided=_count_decided(digest),
        precision=tuple(_rate(one, name_of) for one in digest.precision),
    )


def _count_decided(digest: Digest) -> str:
    """What analysts have decided of the stories; empty where they have decided nothing."""
    counts = Counter(story.lead.decision for story in digest.stories if story.lead.decision)
    if not counts:
        return ""
    parts = ", ".join(f"{counts[word]} {word}" for word in DECISIONS if counts[word])
    return f"{counts.total()} of {say_count(len(digest.stories), 'story', 'stories')} decided by analysts: {parts}"


def _rate(one: Precision, name_of: Callable[[str], str]) -> PrecisionRow:
    if one.value is None or one.low is None or one.high is None:
        return PrecisionRow(name_of(one.narrative), "too few", "", one.decided)
    return PrecisionRow(name_of(one.narrative), f"{one.value:.0%}", f"{one.low:.0%} to {one.high:.0%}", one.decided)


def _make_sections(digest: Digest, name_of: Callable[[str], str], zone: ZoneInfo, priority: Sequence[str]) -> tuple[Section, ...]:
    places = {narrative: place for place, narrative in enumerate(priority)}
    by_narrative: dict[str, list[Story]] = defaultdict(list)
    for story in digest.stories:
        by_narrative[story.narrative].append(story)
    ordered = sorted(by_narrative.items(), key=lambda item: (places.get(item[0], len(places)), -len(item[1]), item[0]))
    found = []
    for narrative, stories in ordered:
        cards = sorted((make_card(story, name_of, zone) for story in stories), key=lambda card: (-card.best.score, card.anchor))
        shown, rest = tuple(cards[:MAX_CARDS]), tuple(cards[MAX_CARDS:])
        found.append(Section(narrative, name_of(narrative), shown, rest, narrative in places))
    return tuple(found)


def _make_outlets(digest: Digest, sections: Sequence[Section]) -> tuple[OutletRow, ...]:
    stories: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
    for section in sections:
        for card in (*section.cards, *section.rest):
            for outlet in dict.fromkeys(row.outlet for row in card.story.rows):
                stories[outlet].append((card.anchor, card.title, card.row.language))
    return tuple(OutletRow(row, tuple(stories[row.name])) for row in make_outlet_rows(digest, stories) if stories[row.name])


def _note_edit(edit: NarrativeEdit, name_of: Callable[[str], str], zone: ZoneInfo) -> EditNote:
    parts = [f"appeared: {', '.join(map(name_of, edit.appeared))}"] if edit.appeared else []
    parts += [f"vanished: {', '.join(map(name_of, edit.vanished))}"] if edit.vanished else []
    return EditNote(
        edit.article_id,
        show_title(edit.title),
        web_link(edit.url),
        edit.outlet,
        local_time(edit.edited_at, zone),
        f"narrative {'; '.join(parts)} (revision {edit.before_revision} to {edit.revision})",
        shorten_diff(diff_texts(edit.before_text, edit.text), max_chars=MAX_SHOWN_DIFF),
    )


def _note_removal(removal: Removal, name_of: Callable[[str], str], zone: ZoneInfo) -> RemovalNote:
    how = "its page is gone" if removal.is_page else "its feed no longer lists it, although it lists older items"
    return RemovalNote(
        removal.article_id,
        show_title(removal.title),
        web_link(removal.url),
        removal.outlet,
        local_time(removal.removed_at, zone),
        f"{how}; it promoted {', '.join(map(name_of, removal.narratives))}",
    )


def _note_growth(story: GrownStory, name_of: Callable[[str], str], zone: ZoneInfo) -> GrowthNote:
    now = f"from {story.before} to {story.before + story.added} places"
    fresh = f"; new: {', '.join(story.new_outlets)}" if story.new_outlets else ""
    first = f"first seen in {story.outlet}, {local_time(story.first_seen_at, zone)}"
    what = f"{now}{fresh}; {first}; {', '.join(map(name_of, story.narratives))}"
    return GrowthNote(story.id, show_title(story.title), web_link(story.url), story.language, what)


def _make_counters(digest: Digest, name_of: Callable[[str], str]) -> tuple[CounterSection, ...]:
    by_narrative: dict[str, list[Mention]] = defaultdict(list)
    for one in digest.counters:
        by_narrative[one.narrative].append(one)
    promoted = {s.narrative: s.promotes for s in digest.stances}
    ordered = sorted(by_narrative.items(), key=lambda item: (-promoted.get(item[0], 0), -len(item[1]), item[0]))
    return tuple(_make_counter(name_of(key), found, promoted.get(key, 0) > 0, name_of) for key, found in ordered)


def _make_counter(name: str, found: Sequence[Mention], is_flagged: bool, name_of: Callable[[str], str]) -> CounterSection:  # noqa: FBT001
    refuting = sum(one.stance == "refutes" for one in found)
    notes = tuple(_note_mention(one, name_of) for one in found[:MAX_MENTIONS])
    return CounterSection(name, is_flagged, refuting, len(found) - refuting, notes, max(0, len(found) - MAX_MENTIONS))


def _note_mention(one: Mention, name_of: Callable[[str], str]) -> MentionNote:
    if one.threshold is not None:
        why = f"score {one.score:.2f}, just under this narrative's threshold of {one.threshold:.2f}"
    else:
        sure = f"{one.stance}: {say_likelihood(one.stance_score)} {one.stance_score:.2f}"
        why = f"carries it: {say_likelihood(one.score)} {one.score:.2f}; {sure}"
    title, link = show_title(one.title), web_link(one.url)
    return MentionNote(one.article_id, title, link, one.outlet, one.language, name_of(one.narrative), one.stance, why)
