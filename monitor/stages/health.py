"""How a feed is doing: everything that is wrong with it, each in one plain sentence with what to do about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

Level = Literal["ok", "warning", "error"]
State = Literal[
    "gone", "blocked", "failing", "never_visited", "paused", "silent", "stale", "lying", "moved", "clipped", "disabled", "healthy"
]
# The worst first; of two notes of one level, the one that stands earlier in `State` comes first.
LEVELS: tuple[Level, ...] = ("error", "warning", "ok")
# One failure may be chance, three in a row are not.
FAILURES_OF_AN_ERROR = 3
SILENT_RHYTHMS = 4
SILENT_AT_LEAST = timedelta(days=1)
# For feeds that give too little for a rhythm.
STALE_AFTER = timedelta(days=14)

BLOCKED_BY: Mapping[str, tuple[str, str]] = {
    "challenge": ("answers with a check for browsers", "Ask the outlet to let this program in, or set `proxy` for this feed."),
    "block_page": (
        "answers with a page that refuses visitors",
        "Ask the outlet to let this program in, or set `proxy` for this feed.",
    ),
    "login_page": (
        "answers with a log-in page",
        "Look for a public address of the feed, or set `headers` that let this program in.",
    ),
    "http_401": ("wants a log-in", "Look for a public address of the feed, or set `headers` that let this program in."),
    "http_403": ("refuses this program or this network", "Ask the outlet to let this program in, or set `proxy` for this feed."),
    "http_451": ("refuses for legal reasons, often by country", "Set `proxy` to one in a country where the outlet may be read."),
    "robots": ("asks robots to stay away from this address", "Ask the outlet for leave, or disable the feed."),
}
PAUSED_BY: Mapping[str, str] = {"http_429": "is asked too often", "http_503": "is overloaded"}
_REMEDIES: Mapping[str, str] = {
    "dns": "Check the address: its name may be misspelt or given up.",
    "tls": "Open the address in a browser: its certificate may have run out.",
    "connect": "Wait if the outlet is down for everybody; else it may block this network: set `proxy` for this feed.",
    "timeout": "Wait, or raise `timeout_s` in settings.fetch if the outlet is always slow.",
    "too_large": "Raise `max_bytes` in settings.fetch if the document is a feed indeed.",
    "redirect": "Open the address in a browser and write down where it leads.",
    "html_page": "Open the address in a browser: the feed may have another one now.",
    "http_404": "Look for the feed's new address; some come back after a while.",
}
_ANY_REMEDY = "Try it with `monitor feeds check`; if it goes on, look at the address in a browser."


@dataclass(frozen=True, slots=True)
class FeedRecord:
    """What is known of one feed.

    ``failures_by_kind``, ``visits`` and ``entries_in_window`` count what happened within some last days; the other fields are as
    the last visit left them. ``last_kind`` and ``last_message`` are of the last failure. ``rhythm_s`` is how many seconds
    usually lie between two new items, ``clipped`` how many items of the last document lay beyond the cap, ``lies`` how many 304
    answers were false. ``last_status_gone``: the last answer was 410.
    """

    feed_id: str
    outlet: str
    url: str
    enabled: bool = True
    last_success_at: datetime | None = None
    last_visit_at: datetime | None = None
    failures_by_kind: Mapping[str, int] = field(default_factory=dict)
    consecutive_failures: int = 0
    last_kind: str | None = None
    last_message: str | None = None
    not_before: datetime | None = None
    rhythm_s: float | None = None
    last_new_at: datetime | None = None
    clipped: int = 0
    lies: int = 0
    moved_to: str | None = None
    last_status_gone: bool = False
    entries_in_window: int = 0
    visits: int = 0


@dataclass(frozen=True, slots=True)
class FeedHealthNote:
    """One thing to know of a feed: what it is (``sentence``) and what to do (``remedy``, empty where nothing is to be done)."""

    level: Level
    state: State
    sentence: str
    remedy: str


def judge_feed(record: FeedRecord, *, now: datetime) -> tuple[FeedHealthNote, ...]:
    """Everything to know of a feed, the worst first; at least one note."""
    if not record.enabled:
        return (FeedHealthNote("ok", "disabled", "It is disabled, so nobody visits it.", "Set `enabled: true` to visit it again."),)
    if record.last_visit_at is None:
        remedy = "Start `monitor run`; if it ran, see its report."
        return (FeedHealthNote("warning", "never_visited", "It was never visited.", remedy),)
    found = (
        _judge_failures(record, now),
        _judge_pause(record, now),
        _judge_silence(record),
        _judge_lies(record),
        _judge_address(record),
        _judge_size(record),
    )
    notes = [note for note in found if note is not None]
    # Sorting keeps the order of notes that are equally bad.
    return tuple(sorted(notes, key=lambda note: LEVELS.index(note.level))) or (_praise(record, now),)


def _praise(record: FeedRecord, now: datetime) -> FeedHealthNote:
    since = f", the last {describe_span(now - record.last_success_at)} ago" if record.last_success_at else ""
    return FeedHealthNote("ok", "healthy", f"Its visits succeed{since}; items in these days: {record.entries_in_window}.", "")


def _judge_failures(record: FeedRecord, now: datetime) -> FeedHealthNote | None:
    if record.last_status_gone:
        remedy = "Remove the feed, or look for its successor on the outlet's site."
        return FeedHealthNote("error", "gone", "The server says that the feed is gone for good (410).", remedy)
    if not record.consecutive_failures:
        return _judge_past_failures(record)
    kind = record.last_kind or ""
    if kind in BLOCKED_BY:
        what, remedy = BLOCKED_BY[kind]
        return FeedHealthNote("error", "blocked", f"The server {what}, {_count_failures(record, now)}.", remedy)
    if kind in PAUSED_BY and record.consecutive_failures < FAILURES_OF_AN_ERROR and _is_waiting(record, now):
        return None  # the pause says it all
    level: Level = "error" if record.consecutive_failures >= FAILURES_OF_AN_ERROR else "warning"
    reason = f": {record.last_message.rstrip('.')}" if record.last_message else ""
    sentence = f"It failed {_count_failures(record, now)}{reason}."
    return FeedHealthNote(level, "failing", sentence, _REMEDIES.get(kind, _ANY_REMEDY))


def _judge_past_failures(record: FeedRecord) -> FeedHealthNote | None:
    """A feed whose last visit succeeded, but most others did not."""
    failures = sum(record.failures_by_kind.values())
    if 2 * failures <= record.visits:
        return None
    kind = max(record.failures_by_kind, key=lambda name: (record.failures_by_kind[name], name))
    sentence = f"Its last visit succeeded, but {failures} of {record.visits} visits failed, most often with {kind}."
    return FeedHealthNote("warning", "failing", sentence, _REMEDIES.get(kind, _ANY_REMEDY))


def _count_failures(record: FeedRecord, now: datetime) -> str:
    times = "at the last visit" if record.consecutive_failures == 1 else f"{record.consecutive_failures} visits in a row"
    if record.last_success_at is None:
        return f"{times} (it never succeeded)"
    return f"{times} (it last succeeded {describe_span(now - record.last_success_at)} ago)"


def _is_waiting(record: FeedRecord, now: datetime) -> bool:
    return record.not_before is not None and record.not_before > now


def _judge_pause(record: FeedRecord, now: datetime) -> FeedHealthNote | None:
    # A time for the next visit is nothing special: only a server that said so, by failing, is a pause.
    reason = PAUSED_BY.get(record.last_kind or "") if record.consecutive_failures else None
    if reason is None or record.not_before is None or record.not_before <= now:
        return None
    wait = describe_span(record.not_before - now)
    sentence = f"The server {reason} and is left alone for another {wait}."
    return FeedHealthNote("warning", "paused", sentence, "Nothing now; visit it less often if this comes back.")


def _judge_silence(record: FeedRecord) -> FeedHealthNote | None:
    """Silence counts to the last success: what a feed did while it could not be read is not known."""
    if record.last_success_at is None:
        return None
    remedy = "Look at the outlet's site: where it publishes, the feed has another address now or was given up."
    if record.last_new_at is None:
        return FeedHealthNote("warning", "stale", "Its visits succeed, but it never gave an item.", remedy)
    silence = record.last_success_at - record.last_new_at
    if record.rhythm_s is None:
        sentence = f"Its visits succeed, but its newest item came {describe_span(silence)} before the last one."
        return FeedHealthNote("warning", "stale", sentence, remedy) if silence > STALE_AFTER else None
    # In seconds, since a rhythm may be too long for a timedelta.
    if silence.total_seconds() <= SILENT_RHYTHMS * record.rhythm_s or silence < SILENT_AT_LEAST:
        return None
    usual = describe_seconds(record.rhythm_s)
    sentence = f"It gave nothing new for {describe_span(silence)}, although something usually comes every {usual}."
    return FeedHealthNote("warning", "silent", sentence, remedy)


def _judge_lies(record: FeedRecord) -> FeedHealthNote | None:
    if not record.lies:
        return None
    times = "once" if record.lies == 1 else f"{record.lies} times"
    sentence = f"The server said {times} that nothing had changed (304) when something had."
    return FeedHealthNote("warning", "lying", sentence, "Nothing: its 304 answers are checked. Tell the outlet if you can.")


def _judge_address(record: FeedRecord) -> FeedHealthNote | None:
    if record.moved_to is None or record.moved_to == record.url:
        return None
    remedy = "Write the new address into feeds.yaml, after a look at where it leads."
    return FeedHealthNote("warning", "moved", f"It has moved for good to {record.moved_to}.", remedy)


def _judge_size(record: FeedRecord) -> FeedHealthNote | None:
    if not record.clipped:
        return None
    items = "1 item was" if record.clipped == 1 else f"{record.clipped} items were"
    remedy = "Look for a shorter feed of this outlet, such as one for each section."
    return FeedHealthNote("warning", "clipped", f"Its last document was too long, and {items} left out.", remedy)


def describe_span(span: timedelta) -> str:
    """A length of time in its largest whole unit, as people say it: ``3 days``."""
    return describe_seconds(span.total_seconds())


def describe_seconds(seconds: float) -> str:
    """As `describe_span`; what is shorter than a minute is ``1 minute``."""
    minutes = max(1, int(seconds // 60))
    for unit, length in (("day", 24 * 60), ("hour", 60)):
        # One of a unit is said in the next smaller one, which is more exact.
        if minutes >= 2 * length:
            return f"{minutes // length} {unit}s"
    return f"{minutes} minute{'s' if minutes > 1 else ''}"
