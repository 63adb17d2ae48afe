"""Units for systemd and lines for cron that run this installation on a schedule."""

from __future__ import annotations

import hashlib
import os
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

NAME = "narrative-monitor"
ENVIRONMENT_FILE = "monitor.env"
_MARK = "# Written by `monitor install-timer`; SHA-256 of what follows: "
_HARDENING = """\
Nice=10
UMask=0022
NoNewPrivileges=true
PrivateTmp=true
ProtectSystem=strict
ProtectHome=read-only
RestrictSUIDSGID=true
RestrictRealtime=true
LockPersonality=true
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
"""


@dataclass(frozen=True, slots=True)
class Schedule:
    """What is to be run, and how often. All paths are absolute; ``run`` and ``backup`` are whole commands.

    ``backup`` is None where the store has tools of its own. ``writable`` are the folders that are written to.
    """

    working_folder: Path
    run: tuple[str, ...]
    backup: tuple[str, ...] | None
    every_min: int
    writable: tuple[Path, ...]

    @property
    def environment_file(self) -> Path:
        """Where secrets stand, for the runs alone."""
        return self.working_folder / ENVIRONMENT_FILE


def check_interval(minutes: int) -> None:
    """Raises `UsageError` where an interval in minutes does not fill hours, or days, evenly."""
    if not (60 % minutes == 0 if minutes <= 60 else minutes % 60 == 0 and 1440 % minutes == 0):
        raise UsageError(f"--every {minutes}: does not fill an hour or a day evenly; write 10, 15, 30, 60 or 120, for instance")


def make_units(schedule: Schedule) -> dict[str, str]:
    """The units by file name, each marked with its hash. Raises `UsageError` for paths with control characters."""
    units = {
        f"{NAME}.service": _make_service(schedule, "one pass over the feeds", (*schedule.run, "-q"), "30min"),
        f"{NAME}.timer": _make_timer(f"run every {schedule.every_min} minutes", _say_calendar(schedule.every_min), "2min"),
    }
    if schedule.backup is not None:
        units |= {
            f"{NAME}-backup.service": _make_service(schedule, "backup", (*schedule.backup, "-q"), "2h"),
            f"{NAME}-backup.timer": _make_timer("backup every night", "*-*-* 03:20:00", "20min"),
        }
    return {name: f"{_MARK}{_hash(text)}\n{text}" for name, text in units.items()}


def make_cron_lines(schedule: Schedule) -> list[str]:
    """The lines for ``crontab -e``. They say something only where something is wrong."""
    minutes = schedule.every_min
    when = f"*/{minutes} * * * *" if minutes < 60 else f"0 {f'*/{minutes // 60}' if minutes > 60 else '*'} * * *"
    lines = [_make_cron_line(schedule, "0 0 * * *" if minutes == 1440 else when, schedule.run)]
    if schedule.backup is not None:
        lines.append(_make_cron_line(schedule, "20 3 * * *", schedule.backup))
    return lines


def install_units(units: Mapping[str, str], folder: Path, *, force: bool) -> list[Path]:
    """Write units aside and rename each; gives those that changed.

    Raises `UsageError` where one was changed by hand, unless ``force``, or where the folder cannot be written. Then none is.
    """
    changed = {folder / name: text for name, text in units.items() if _read(folder / name) != text}
    foreign = [path for path in changed if not _is_ours(_read(path))]
    if foreign and not force:
        raise UsageError(f"{', '.join(map(str, foreign))}: was changed by hand; --force overwrites it, --print shows what would")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, text in changed.items():
            aside = path.with_name(f".{path.name}.{os.getpid()}")
            aside.write_text(text, encoding="utf-8")
            aside.replace(path)
    except OSError as error:
        raise UsageError(f"{folder}: cannot be written ({error.strerror}); use --print and put the units elsewhere") from error
    return list(changed)


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError):
        return ""  # something is there, and not ours


def _is_ours(text: str | None) -> bool:
    """Whether a unit is missing, or as some earlier call wrote it."""
    if text is None:
        return True
    mark, _, rest = text.partition("\n")
    return mark == f"{_MARK}{_hash(rest)}"


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _make_service(schedule: Schedule, what: str, command: Sequence[str], longest: str) -> str:
    if any(char in command[0] for char in "'\"\\"):
        command = ("/usr/bin/env", *command)  # systemd itself starts no program whose name holds these
    # The colon: nothing of the command is taken for a variable.
    return (
        f"[Unit]\nDescription=Narrative monitor: {what}\nWants=network-online.target\nAfter=network-online.target\n\n"
        f"[Service]\nType=oneshot\nWorkingDirectory={_escape(schedule.working_folder)}\n"
        f"EnvironmentFile=-{_escape(schedule.environment_file)}\n"
        f"ExecStart=:{' '.join(_quote(word) for word in command)}\nSuccessExitStatus=75\nTimeoutStartSec={longest}\n"
        f"{_HARDENING}ReadWritePaths={' '.join(_quote(str(path)) for path in schedule.writable)}\n"
    )


def _make_timer(what: str, calendar: str, delay: str) -> str:
    return (
        f"[Unit]\nDescription=Narrative monitor: {what}\n\n"
        f"[Timer]\nOnCalendar={calendar}\nRandomizedDelaySec={delay}\nPersistent=true\n\n[Install]\nWantedBy=timers.target\n"
    )


def _say_calendar(minutes: int) -> str:
    if minutes < 60:
        return f"*-*-* *:00/{minutes}:00"
    return "*-*-* 00:00:00" if minutes == 1440 else f"*-*-* 00/{minutes // 60}:00:00"


def _check(text: str) -> str:
    if any(ord(char) < 32 or ord(char) == 127 for char in text):
        raise UsageError(f"{text!r}: holds a control character, which no unit or crontab can hold; rename it")
    return text


def _escape(path: Path) -> str:
    """A path that stands alone: only what systemd puts in for a percent sign is to be kept from it."""
    return _check(str(path)).replace("%", "%%")


def _quote(word: str) -> str:
    """One word among several, for systemd."""
    escaped = _check(word).replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    plain = escaped == word and not any(char in word for char in " '\t;")
    return word if plain and word else f'"{escaped}"'


def _make_cron_line(schedule: Schedule, when: str, command: Sequence[str]) -> str:
    words = " ".join(shlex.quote(_check(word)) for word in (*command, "-q"))
    folder, secrets = shlex.quote(_check(str(schedule.working_folder))), f"./{ENVIRONMENT_FILE}"
    settings = f"{{ [ ! -r {secrets} ] || {{ set -a; . {secrets}; set +a; }}; }}"
    line = f'cd {folder} && {settings} && {{ said=$({words} 2>&1) || [ $? -eq 75 ] || echo "$said"; }}'
    # To cron a percent sign is the end of the line.
    return f"{when} {line}".replace("%", "\\%")
