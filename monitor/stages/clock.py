"""What the times of earlier runs say of the clock. It cannot be known to be right, but what it says can be hard to believe."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

# Machines that share a store need not agree to the minute.
TOLERANCE = timedelta(hours=1)
# A pause that is longer is likelier a clock that jumped ahead.
LONGEST_PAUSE = timedelta(days=31)
# So many days with runs, and a time is believed even so.
TRUSTED_DAYS = 7


def doubt_clock(now: datetime, last_run_at: datetime | None) -> str | None:
    """Why the clock may be wrong, and what to do; None where nothing speaks against it."""
    if last_run_at is None or -LONGEST_PAUSE <= last_run_at - now <= TOLERANCE:
        return None
    last = f"the last run began at {last_run_at:%Y-%m-%d %H:%M} UTC"
    if last_run_at > now:
        told = f"{last}, and now it is {now:%Y-%m-%d %H:%M} UTC: the clock was wrong then, or is now"
    else:
        told = f"{last}, {(now - last_run_at).days} days ago: was there such a pause, or has the clock jumped ahead?"
    return f"{told}; articles stand in the digest of the day that the clock said, so set it (time synchronisation) if it is wrong"


def choose_pruning_time(now: datetime, run_days: Sequence[datetime]) -> datetime:
    """The time from which the age of evidence is counted: what is dropped by a clock that jumped ahead does not come back.

    After a long pause the time before it counts, until there were runs on `TRUSTED_DAYS` days. ``run_days``: a run of each of
    these last days, last first.
    """
    trusted = run_days[:TRUSTED_DAYS]
    return trusted[-1] if trusted and now - trusted[-1] > LONGEST_PAUSE else now
