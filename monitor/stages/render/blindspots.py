"""What a digest could not see, in a line each, the weightiest first."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from monitor.stages.render.words import say_count
from monitor.text import truncate

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from monitor.dayreports import FeedNote
    from monitor.reports import Digest, FeedHealth

MAX_WHY = 300
_LANGUAGES = {"bg": "Bulgarian", "en": "English", "ru": "Russian", "uk": "Ukrainian", "und": "no language that could be told"}


@dataclass(frozen=True, slots=True)
class BlindSpot:
    """Something that this digest did not see: what, why, and what to do; ``command`` shows the evidence."""

    what: str
    why: str
    remedy: str = ""
    command: str = ""
    level: Literal["warning", "error"] = "warning"


def find_blind_spots(digest: Digest) -> tuple[BlindSpot, ...]:
    """Everything that the digest could not see or judge."""
    spots = [*_judge_day(digest), *_judge_feeds(digest), *_judge_gaps(digest)]
    return tuple(sorted(spots, key=lambda spot: spot.level != "error"))


def _judge_day(digest: Digest) -> Iterable[BlindSpot]:
    if digest.last_run is None:
        yield BlindSpot("The day", "no run has finished on it: nothing was collected", "Start `monitor run`.", level="error")
    elif digest.runs and digest.last_run.bundle != digest.bundle:
        yield BlindSpot("The model", f"the day's last run used {digest.last_run.bundle}; this digest is by {digest.bundle}")
    if digest.counts.pending:
        yield BlindSpot(f"{digest.counts.pending} articles", "not assessed yet; the next run does it", level="error")
    if digest.waiting:
        why = "not assessed by this bundle yet, so trends and earlier copies may be incomplete; each run does some of them"
        yield BlindSpot(f"{digest.waiting} articles of earlier days", why)
    if digest.counts.failed:
        why = "the model failed on them; `monitor explain` says why"
        yield BlindSpot(f"{digest.counts.failed} articles", why, level="error")


def _judge_feeds(digest: Digest) -> Iterable[BlindSpot]:
    by_feed: dict[str, list[FeedNote]] = defaultdict(list)
    for note in digest.feed_notes:
        by_feed[note.feed_id].append(note)
    yield from (_join_notes(notes) for notes in by_feed.values())
    active = [health for health in digest.health if health.enabled]
    others = [health for health in active if health.feed_id not in by_feed]
    yield from (_unread(health) for health in others if health.failures and health.failures == health.visits)
    yield from (
        BlindSpot(_name(health), f"failed on {health.failures} of {health.visits} visits")
        for health in others
        if 0 < health.failures < health.visits
    )
    yield from (
        BlindSpot(_name(health), truncate(health.last_message, MAX_WHY))
        for health in active
        if not health.failures and health.last_message
    )
    if digest.last_run is not None:
        yield from _list_feeds([h.feed_id for h in active if not h.visits], "not visited on this day")
    yield from _list_feeds([h.feed_id for h in digest.health if not h.enabled], "switched off or no longer listed")


def _join_notes(notes: Sequence[FeedNote]) -> BlindSpot:
    first = notes[0]
    why = truncate(" ".join(note.sentence for note in notes), MAX_WHY)
    level: Literal["warning", "error"] = "error" if first.level == "error" else "warning"
    return BlindSpot(f"{first.outlet} ({first.feed_id})", why, first.remedy, f"monitor feeds check {first.feed_id}", level)


def _name(health: FeedHealth) -> str:
    return f"{health.outlet} ({health.feed_id})"


def _unread(health: FeedHealth) -> BlindSpot:
    why = f"not read at all: {truncate(health.last_message or health.last_outcome or '', MAX_WHY)}"
    return BlindSpot(_name(health), why, command=f"monitor feeds check {health.feed_id}", level="error")


def _list_feeds(feed_ids: Sequence[str], why: str) -> Iterable[BlindSpot]:
    if feed_ids:
        yield BlindSpot(say_count(len(feed_ids), "feed"), f"{why}: {truncate(', '.join(feed_ids), MAX_WHY)}")


def _judge_gaps(digest: Digest) -> Iterable[BlindSpot]:
    if digest.gaps.languages:
        total = sum(number for _, number in digest.gaps.languages)
        parts = ", ".join(f"{number} in {_LANGUAGES.get(one, one)}" for one, number in digest.gaps.languages)
        yield BlindSpot(
            say_count(total, "article"), f"in languages that the model was not trained on ({parts}): it may miss what they promote"
        )
    if digest.gaps.pages:
        total = sum(number for _, number in digest.gaps.pages)
        parts = ", ".join(f"{kind} {number}" for kind, number in digest.gaps.pages)
        why = f"not fetched, so that only the feed's text was judged ({truncate(parts, MAX_WHY)})"
        yield BlindSpot(say_count(total, "article page"), why)
