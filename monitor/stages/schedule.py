"""When a feed is visited next, and how. Pure decisions: they take the time, and give what a visit leaves behind.

A feed is never given up: failures and quiet only make visits rarer, at most a day apart.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.errors import FetchError
    from monitor.records import (
        FeedState,
        FetchedFeed,
    )

Grade = Literal["temporary", "soft", "hard"]

# However often the server says 304, the whole document is asked for after so many visits.
FULL_GET_EVERY = 24
# So many 304 answers that were shown to be wrong, and the server is no longer asked whether anything changed.
LIES_UNTIL_DISTRUST = 2
# A 304 contradicts the rhythm where the feed has been quiet for so many times what it usually lets pass.
QUIET_RHYTHMS = 3.0
MIN_RHYTHM_S, MAX_RHYTHM_S = 300.0, 7 * 86_400.0
# Whatever rhythm or hint a feed has, a new item is not waited for longer than this: a document may hold only the last few.
MAX_WAIT_S = 6 * 3_600.0
MAX_HINT_S = 86_400.0
# No visit is put off for longer: what lies further ahead was written by a clock that was wrong.
LONGEST_WAIT = timedelta(days=1)
_FIRST_WAIT_S = {"temporary": 120.0, "soft": 300.0, "hard": 1_800.0}
_LAST_WAIT_S = {"temporary": 3_600.0, "soft": 6 * 3_600.0, "hard": 86_400.0}
_TEMPORARY = frozenset(["timeout", "connect", "protocol", "incomplete", "http_429", "host_paused", "bad_encoding", "empty_body"])
_HARD = frozenset(["http_410", "dns", "tls", "blocked_address"])


@dataclass(frozen=True, slots=True)
class VisitPlan:
    """Whether a feed is visited now. ``is_forced``: it is asked for the whole document; ``reason`` says why."""

    is_due: bool
    is_forced: bool = False
    reason: str = ""


def plan_visit(state: FeedState, now: datetime) -> VisitPlan:
    """What to do about a feed now."""
    if state.not_before is not None and now < state.not_before <= now + LONGEST_WAIT:
        return VisitPlan(is_due=False, reason="waits")
    if not (state.etag or state.last_modified):
        return VisitPlan(is_due=True, reason="nothing to compare with")
    if state.lies >= LIES_UNTIL_DISTRUST:
        return VisitPlan(is_due=True, is_forced=True, reason="the server has said wrongly that nothing changed")
    if state.unchanged >= FULL_GET_EVERY:
        return VisitPlan(is_due=True, is_forced=True, reason=f"unchanged {state.unchanged} times")
    if _is_suspiciously_quiet(state, now):
        return VisitPlan(is_due=True, is_forced=True, reason="quiet for longer than it ever is")
    return VisitPlan(is_due=True)


def _is_suspiciously_quiet(state: FeedState, now: datetime) -> bool:
    # At 2, 4, 8 and 16 unchanged answers: a feed that really is quiet is not fetched whole at each visit.
    is_turn = state.unchanged >= 2 and state.unchanged & (state.unchanged - 1) == 0
    if not is_turn or state.rhythm_s is None or state.last_new_at is None:
        return False
    return (now - state.last_new_at).total_seconds() > QUIET_RHYTHMS * state.rhythm_s


def after_success(
    state: FeedState, fetched: FetchedFeed, *, new_entries: int, published: Sequence[datetime], hint_s: float | None
) -> FeedState:
    """What a visit that gave a document leaves behind. ``published`` are the stated times of its entries."""
    is_changed = fetched.sha256 != state.document_sha256
    # Without new entries a changed document may be a changed date on top of it: no lie worth the name.
    has_lied = fetched.was_forced and state.unchanged > 0 and is_changed and new_entries > 0
    rhythm_s = _read_rhythm(published, fetched.fetched_at)
    last_new_at = fetched.fetched_at if new_entries else state.last_new_at
    after = replace(
        state,
        etag=fetched.etag,
        last_modified=fetched.last_modified,
        moved_to=fetched.moved_to or state.moved_to,
        failures=0,
        unchanged=0,
        rhythm_s=rhythm_s if rhythm_s is not None else state.rhythm_s,
        hint_s=hint_s,
        last_new_at=last_new_at,
        last_success_at=fetched.fetched_at,
        lies=state.lies + has_lied,
        document_sha256=fetched.sha256,
    )
    return replace(after, not_before=_next_visit(after, fetched.fetched_at))


def after_unchanged(state: FeedState, *, now: datetime) -> FeedState:
    """What a 304 leaves behind."""
    after = replace(state, failures=0, unchanged=state.unchanged + 1, last_success_at=now)
    return replace(after, not_before=_next_visit(after, now))


def after_failure(state: FeedState, *, now: datetime, error: FetchError, jitter: float) -> FeedState:
    """What a failure leaves behind: a wait that grows with each one, by its grade. ``jitter`` in 0..1 spreads the feeds."""
    grade = grade_failure(error.kind)
    grown_s = _FIRST_WAIT_S[grade] * 2.0 ** min(state.failures, 20)
    wait_s = min(grown_s, _LAST_WAIT_S[grade]) * (0.75 + 0.25 * jitter)
    asked_s = error.retry_after_s or 0.0
    # A feed that was sent on for good and is not found there is tried at its own address again.
    moved_to = None if error.kind in {"http_404", "http_410", "dns"} else state.moved_to
    not_before = now + timedelta(seconds=max(wait_s if state.failures else 0.0, asked_s))
    return replace(state, failures=state.failures + 1, moved_to=moved_to, not_before=not_before)


def grade_failure(kind: str) -> Grade:
    """How long a failure is likely to last: minutes, hours, or for good."""
    if kind in _TEMPORARY or kind.startswith("http_5"):
        return "temporary"
    return "hard" if kind in _HARD else "soft"


def _read_rhythm(published: Sequence[datetime], fetched_at: datetime) -> float | None:
    """Seconds that usually pass between two items; None where the document does not tell."""
    times = sorted({at for at in published if at <= fetched_at})
    if len(times) < 3:
        return None
    gaps = [(later - earlier).total_seconds() for earlier, later in pairwise(times)]
    return min(max(median(gaps), MIN_RHYTHM_S), MAX_RHYTHM_S)


def _next_visit(state: FeedState, now: datetime) -> datetime | None:
    """When to come again after a success: half the rhythm, or what the document asks for, whichever is longer."""
    rhythm_wait_s = min((state.rhythm_s or 0.0) / 2, MAX_WAIT_S)
    hint_wait_s = min(state.hint_s or 0.0, MAX_HINT_S)
    wait_s = max(rhythm_wait_s, hint_wait_s)
    # A little early rather than a whole turn of cron late.
    return now + timedelta(seconds=0.9 * wait_s) if wait_s else None
