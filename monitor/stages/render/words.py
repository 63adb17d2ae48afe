"""How figures and times are said in a digest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.text import strip_invisible, truncate
from monitor.urls import is_web_url

if TYPE_CHECKING:
    from datetime import datetime, timedelta
    from zoneinfo import ZoneInfo

    from monitor.dayreports import Movement, Spike

MAX_SHOWN_TITLE = 300
# From this score on, this is how sure it is. Below all of them it is possible.
_LIKELIHOODS = ((0.95, "very likely"), (0.85, "likely"), (0.7, "rather likely"))
MOVEMENTS: dict[Movement, str] = {
    "new": "✦ new",
    "growing": "▲ growing",
    "fading": "▼ fading",
    "steady": "● steady",
    "unknown": "· no trend yet",
}


def say_likelihood(score: float) -> str:
    """A probability in words."""
    return next((words for least, words in _LIKELIHOODS if score >= least), "possible")


def say_count(number: int, noun: str, plural: str | None = None) -> str:
    """``1 story``, ``2 stories``."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def say_span(span: timedelta) -> str:
    """A length of time, short: ``25 min``, ``3 h``, ``2 days``."""
    minutes = int(span.total_seconds() // 60)
    if minutes < 90:
        return f"{minutes} min"
    return f"{round(minutes / 60)} h" if minutes < 36 * 60 else f"{round(minutes / 60 / 24)} days"


def say_spike(spike: Spike) -> str:
    """What makes a day stand out, with how often chance alone does that."""
    odds = "less than once in a million" if spike.chance < 1e-6 else f"once in {round(1 / spike.chance):,}"
    expected = f"{spike.expected:.1f}" if spike.expected < 10 else f"{spike.expected:.0f}"
    return f"{spike.articles} flagged where about {expected} were to be expected; chance alone gives as many {odds} such days"


def local_time(at: datetime, zone: ZoneInfo) -> str:
    """A time in the digest's zone, to the minute."""
    return at.astimezone(zone).strftime("%Y-%m-%d %H:%M")


def web_link(url: str | None) -> str | None:
    """The address, if it leads to the web."""
    return url if url and is_web_url(url) else None


def show_title(*texts: str) -> str:
    """The first of these that is not empty, on one line, cut where it is too long."""
    shown = next((line for line in (" ".join(strip_invisible(text).split()) for text in texts) if line), "(no title)")
    return truncate(shown, MAX_SHOWN_TITLE)
