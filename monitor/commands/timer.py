"""``monitor install-timer``: runs on a schedule."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from monitor.console import Options, common_options, print_json
from monitor.errors import EXIT_DONE, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.timers import Schedule


@click.command("install-timer")
@click.option("--print", "only_print", is_flag=True, help="Print units and cron lines; change nothing.")
@click.option("--systemd", is_flag=True, help="Only units of systemd.")
@click.option("--cron", is_flag=True, help="Only lines for cron, with --print.")
@click.option("--every", type=click.IntRange(5, 1440), default=30, show_default=True, metavar="MINUTES", help="Between two runs.")
@click.option(
    "--backups", type=click.Path(path_type=Path), default=Path("backups"), show_default=True, help="Folder of the nightly backups."
)
@click.option("--keep", type=click.IntRange(1), default=14, show_default=True, help="So many backups stay.")
@click.option("--metrics", type=click.Path(path_type=Path), help="File (*.prom) that each run writes figures into.")
@click.option("--force", is_flag=True, help="Overwrite units that were changed by hand.")
@common_options
def install_timer(  # noqa: PLR0913 - one argument per option
    options: Options,
    *,
    only_print: bool,
    systemd: bool,
    cron: bool,
    every: int,
    backups: Path,
    keep: int,
    metrics: Path | None,
    force: bool,
) -> int:
    """Run this installation on a schedule: units for systemd, or lines for cron, with its paths and the options given here."""
    from monitor.timers import check_interval  # noqa: PLC0415
    from monitor.wiring.timers import make_schedule  # noqa: PLC0415

    check_interval(every)
    if cron and not only_print:
        raise UsageError("--cron: lines for cron are only printed; add --print, then put them in with `crontab -e`")
    schedule = make_schedule(options.places, every_min=every, backups=backups, keep=keep, metrics=metrics)
    if only_print:
        _print(options, schedule, with_units=systemd or not cron, with_cron=cron or not systemd)
    else:
        _install(options, schedule, force=force)
    return EXIT_DONE


def _print(options: Options, schedule: Schedule, *, with_units: bool, with_cron: bool) -> None:
    from monitor.timers import make_cron_lines, make_units  # noqa: PLC0415

    units = make_units(schedule) if with_units else {}
    lines = make_cron_lines(schedule) if with_cron else []
    if options.as_json:
        print_json({"units": units, "cron": lines, "notes": _note(options, schedule)})
        return
    for note in _note(options, schedule):
        print(f"# {note}")
    for name, text in units.items():
        print(f"\n# {name}\n{text}", end="")
    if lines:
        print("\n# crontab", *lines, sep="\n")


def _install(options: Options, schedule: Schedule, *, force: bool) -> None:
    from monitor.timers import install_units, make_units  # noqa: PLC0415
    from monitor.wiring.timers import find_unit_folder  # noqa: PLC0415

    folder, units = find_unit_folder(), make_units(schedule)
    changed = install_units(units, folder, force=force)
    next_steps = _list_commands(schedule, units)
    if options.as_json:
        said = {"folder": str(folder), "written": [path.name for path in changed], "commands": next_steps}
        print_json(said | {"notes": _note(options, schedule)})
        return
    for name in units:
        print(f"{folder / name}{'' if folder / name in changed else ' (as it was)'}")
    for note in _note(options, schedule):
        print(note)
    print("Now run:", *next_steps, sep="\n  ")


def _list_commands(schedule: Schedule, units: Sequence[str] | dict[str, str]) -> list[str]:
    timers = " ".join(name for name in units if name.endswith(".timer"))
    return [
        f"mkdir -p {' '.join(shlex.quote(str(path)) for path in schedule.writable)}",
        "systemctl --user daemon-reload",
        f"systemctl --user enable --now {timers}",
        "loginctl enable-linger  # so that it runs while you are logged out",
    ]


def _note(options: Options, schedule: Schedule) -> list[str]:
    from monitor.wiring.timers import holds_password  # noqa: PLC0415

    secrets = schedule.environment_file
    notes = [f"Secrets (MONITOR_NOTIFY_…, the health check) go into {secrets}, NAME=value a line, readable for you alone."]
    if holds_password(options.places):
        notes.append(f"The store's URL holds a password: write it into {secrets} as MONITOR_DB=…; it is left out here.")
    if schedule.backup is None:
        notes.append("The store is no file: back it up with its own tools, such as pg_dump.")
    return notes
