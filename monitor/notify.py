"""Tells channels (e-mail, chat, webhooks) what is new, through Apprise.

A channel is a name in ``settings.notify.channels``; where it leads, secrets and all, stands only in the environment, as
``MONITOR_NOTIFY_<NAME>``. Nothing here ever stops a run, and no message or error shows an address of a channel.
"""

from __future__ import annotations

import logging
import re
import threading
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from monitor.errors import MonitorError, NotifyError, RunLockedError
from monitor.stages.summary import Message, summarize_crash, summarize_day, summarize_failure

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import date
    from pathlib import Path

    from monitor.reports import RunReport, UntoldArticle

VARIABLE = "MONITOR_NOTIFY_"
# What a channel did not take is offered again for so long.
MEMORY = timedelta(days=2)
# That every feed fails is told so often.
FAILURE_EVERY = timedelta(days=1)
DEADLINE_S = 20.0
STAMP = ".failure-told"
_STATUS = re.compile(r"error=(\d{3})")


class Told(Protocol):
    """What is known of what channels were told: a part of the store."""

    def load_untold(self, channel: str, *, bundle: str, since: datetime) -> tuple[UntoldArticle, ...]:
        """Flagged articles since a time that a channel was not told of yet, best first."""
        ...

    def load_last_told(self, channel: str, kind: str) -> datetime | None:
        """When a channel last took a message of a kind."""
        ...

    def save_told(self, channel: str, *, kind: str, subject: str, article_ids: Sequence[str], told_at: datetime) -> None:
        """Note that a channel took a message."""
        ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a channel: ``sent`` messages (0 where there was nothing to tell), or the ``error``."""

    channel: str
    sent: int = 0
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Occasion:
    """What there may be to tell of: a run's report and day, where its digest is, and what counts as enough."""

    report: RunReport
    day: date
    where: str
    name_of: Callable[[str], str]
    min_flagged: int = 1
    on_failure: bool = True


def name_variable(channel: str) -> str:
    """The environment variable that says where a channel leads."""
    return VARIABLE + channel.upper().replace("-", "_")


def tell_channels(
    channels: Sequence[str], environment: Mapping[str, str], told: Told, occasion: Occasion, *, now: datetime
) -> list[Outcome]:
    """Tell every channel what it was not told yet. A channel that does not take it is tried again by the next run."""
    return [_tell_channel(channel, environment, told, occasion, now) for channel in channels]


def tell_crash(
    channels: Sequence[str], environment: Mapping[str, str], error: MonitorError, *, day: date, now: datetime, digests: Path
) -> list[Outcome]:
    """Tell every channel that a run broke, once a day. The store may be what broke, so a file remembers it."""
    stamp = digests / STAMP
    if isinstance(error, RunLockedError) or not channels or _was_just_told(stamp, now):
        return []
    outcomes = []
    for channel in channels:
        try:
            send_message(channel, environment, summarize_crash(day, str(error)))
            outcomes.append(Outcome(channel, 1))
        except NotifyError as refused:
            outcomes.append(Outcome(channel, 0, str(refused)))
    if any(outcome.sent for outcome in outcomes) and digests.is_dir():
        # Where the disk is full, which may be what broke the run, it is told once too often.
        with suppress(OSError):
            stamp.write_text(now.isoformat(), encoding="utf-8")
    return outcomes


def _was_just_told(stamp: Path, now: datetime) -> bool:
    try:
        return not _is_due(datetime.fromisoformat(stamp.read_text(encoding="utf-8")), now)
    except (OSError, ValueError):  # none, or not ours: to tell once too often is better than never
        return False


def send_test(channels: Sequence[str], environment: Mapping[str, str]) -> list[Outcome]:
    """Send each channel a message that says that it works."""
    outcomes = []
    for channel in channels:
        try:
            send_message(channel, environment, Message("Narrative monitor: a test", f"The channel {channel} works."))
            outcomes.append(Outcome(channel, 1))
        except NotifyError as error:
            outcomes.append(Outcome(channel, 0, str(error)))
    return outcomes


def send_message(channel: str, environment: Mapping[str, str], message: Message, *, deadline_s: float = DEADLINE_S) -> None:
    """Send one message to one channel. Raises `NotifyError`, which does not show where the channel leads."""
    variable = name_variable(channel)
    address = environment.get(variable, "").strip()
    if not address:
        raise NotifyError(f"channel {channel}: {variable} is not set; put the channel's Apprise address there")
    failures: list[str] = []
    # Apprise has time-outs for single reads only: a server that drips could hold it for ever.
    sender = threading.Thread(target=_send, args=(address, message, failures), name=f"notify-{channel}", daemon=True)
    sender.start()
    sender.join(deadline_s)
    if sender.is_alive():
        raise NotifyError(f"channel {channel}: did not take the message within {deadline_s:.0f} s; the next run tries again")
    if failures:
        raise NotifyError(f"channel {channel}: {failures[0]}; look at {variable}, then try `monitor notify {channel}`")


def _tell_channel(channel: str, environment: Mapping[str, str], told: Told, occasion: Occasion, now: datetime) -> Outcome:
    sent = 0
    try:
        untold = told.load_untold(channel, bundle=occasion.report.bundle, since=now - MEMORY)
        if untold and len(untold) >= occasion.min_flagged:
            message = summarize_day(occasion.day, untold, occasion.report, name_of=occasion.name_of, where=occasion.where)
            send_message(channel, environment, message)
            article_ids = [article.article_id for article in untold]
            told.save_told(channel, kind="flagged", subject=message.title, article_ids=article_ids, told_at=now)
            sent += 1
        if occasion.on_failure and _every_feed_failed(occasion.report) and _is_due(told.load_last_told(channel, "failure"), now):
            message = summarize_failure(occasion.day, occasion.report, where=occasion.where)
            send_message(channel, environment, message)
            told.save_told(channel, kind="failure", subject=message.title, article_ids=(), told_at=now)
            sent += 1
    except NotifyError as error:
        return Outcome(channel, sent, str(error))
    return Outcome(channel, sent)


def _every_feed_failed(report: RunReport) -> bool:
    return report.feeds.due > 0 and report.feeds.failed == report.feeds.due


def _is_due(last: datetime | None, now: datetime) -> bool:
    # A time to come is of a clock that was wrong.
    return last is None or abs(now - last) >= FAILURE_EVERY


class _Reasons(logging.Handler):
    """What Apprise logs of failures. It may name addresses, so only what is known to be harmless is taken from it."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a status, or the sort of failure."""
        text = record.getMessage()
        if status := _STATUS.search(text):
            self.found.append(f"answered {status[1]}")
        elif "onnection" in text or "Socket" in text:
            self.found.append("could not be reached")


def _send(address: str, message: Message, failures: list[str]) -> None:
    """Appends what went wrong, without the address."""
    import apprise  # noqa: PLC0415 - slow to import, and most runs have nothing to tell

    log, reasons = logging.getLogger("apprise"), _Reasons()
    log.propagate = False  # what it logs may hold what is secret in an address
    log.addHandler(reasons)
    try:
        sender = apprise.Apprise(asset=apprise.AppriseAsset(app_id="narrative-monitor", secure_logging=True, async_mode=False))
        if not sender.add(address):
            failures.append("its address is none that Apprise understands")
        elif not sender.notify(body=message.body, title=message.title, body_format=apprise.NotifyFormat.TEXT):
            failures.append(next(iter(reasons.found), "did not take the message"))
    except Exception as error:  # noqa: BLE001 - whatever a plug-in does, the run goes on; its text may hold the address
        failures.append(f"broke ({type(error).__name__})")
    finally:
        log.removeHandler(reasons)
