"""Units that systemd accepts and cron lines that a shell runs, whatever the paths are called."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from monitor.errors import UsageError
from monitor.timers import Schedule, check_interval, install_units, make_cron_lines, make_units

ODD = ["plain", "with space", "100%h", "it's", 'say "x"', "a;b", "back\\slash", "$HOME", "Керч"]


def make_schedule(folder: Path, **changes) -> Schedule:
    program = str(folder / "bin" / "monitor")
    run = (program, "run", "--db", f"sqlite:///{folder / 'monitor.db'}")
    backup = (program, "backup", str(folder / "backups"), "--keep", "14")
    return replace(Schedule(folder, run, backup, 30, (folder,)), **changes)


def write_program(folder: Path, *, code: int = 0) -> None:
    """A program that notes what it was called with, and in which folder."""
    (folder / "bin").mkdir(parents=True)
    path = folder / "bin" / "monitor"
    path.write_text(
        f"#!{sys.executable}\nimport json, os, sys\n"
        "json.dump([sys.argv, os.getcwd(), os.environ.get('SECRET')], open('called.json', 'w'))\n"
        f"print('said'); sys.exit({code})\n"
    )
    path.chmod(0o755)


def run_as_cron(line: str) -> str:
    """What cron makes of a line: the command behind five fields, in which a plain percent sign would end it."""
    command = line.split(" ", 5)[5].replace("\\%", "\0")
    assert "%" not in command
    done = subprocess.run(["/bin/sh", "-c", command.replace("\0", "%")], capture_output=True, text=True, check=False, env={})
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize("name", ODD)
def test_cron_runs_the_very_command(tmp_path, name):
    folder = tmp_path / name
    write_program(folder)
    (folder / "monitor.env").write_text("SECRET='a b'\n")
    schedule = make_schedule(folder)
    for line, command in zip(make_cron_lines(schedule), (schedule.run, schedule.backup), strict=True):
        assert run_as_cron(line) == ""
        assert json.loads((folder / "called.json").read_text()) == [[*command, "-q"], str(folder), "a b"]


@pytest.mark.parametrize(("code", "said"), [(0, ""), (75, ""), (3, "said\n")])
def test_cron_says_something_only_where_something_is_wrong(tmp_path, code, said):
    write_program(tmp_path / "m", code=code)
    assert run_as_cron(make_cron_lines(make_schedule(tmp_path / "m"))[0]) == said


@pytest.mark.parametrize(
    ("minutes", "calendar", "cron"),
    [
        (5, "*-*-* *:00/5:00", "*/5 * * * *"),
        (15, "*-*-* *:00/15:00", "*/15 * * * *"),
        (60, "*-*-* 00/1:00:00", "0 * * * *"),
        (240, "*-*-* 00/4:00:00", "0 */4 * * *"),
        (1440, "*-*-* 00:00:00", "0 0 * * *"),
    ],
)
def test_intervals(tmp_path, minutes, calendar, cron):
    check_interval(minutes)
    schedule = make_schedule(tmp_path, every_min=minutes)
    assert f"\nOnCalendar={calendar}\n" in make_units(schedule)["narrative-monitor.timer"]
    assert make_cron_lines(schedule)[0].startswith(f"{cron} cd ")


@pytest.mark.parametrize("minutes", [7, 45, 90, 420])
def test_an_interval_that_does_not_fit_is_refused(minutes):
    with pytest.raises(UsageError, match="evenly"):
        check_interval(minutes)


def test_words_are_quoted_for_systemd():
    service = make_units(make_schedule(Path('/srv/a b/100%"\\')))["narrative-monitor.service"]
    assert '\nWorkingDirectory=/srv/a b/100%%"\\\n' in service
    assert (
        '\nExecStart=:/usr/bin/env "/srv/a b/100%%\\"\\\\/bin/monitor" run --db "sqlite:////srv/a b/100%%\\"\\\\/monitor.db" -q\n'
        in service
    )
    assert '\nReadWritePaths="/srv/a b/100%%\\"\\\\"\n' in service


def test_what_no_unit_can_hold_is_refused():
    for make in (make_units, make_cron_lines):
        with pytest.raises(UsageError, match="control character"):
            make(make_schedule(Path("/srv/a\nb")))


def test_a_store_without_file_has_no_backup(tmp_path):
    schedule = make_schedule(tmp_path, backup=None)
    assert set(make_units(schedule)) == {"narrative-monitor.service", "narrative-monitor.timer"}
    assert len(make_cron_lines(schedule)) == 1


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze")
@pytest.mark.parametrize("name", ODD)
def test_systemd_takes_the_units(tmp_path, name):
    folder = tmp_path / name
    write_program(folder)
    install_units(make_units(make_schedule(folder)), tmp_path / "units", force=False)
    units = sorted(map(str, (tmp_path / "units").iterdir()))
    assert len(units) == 4
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", *units], capture_output=True, text=True, check=False)
    about_ours = [line for line in done.stderr.splitlines() if "narrative-monitor" in line or str(tmp_path) in line]
    assert (done.returncode, about_ours) == (0, [])


def test_units_of_our_own_are_replaced_and_changed_ones_only_by_force(tmp_path):
    folder = tmp_path / "systemd/user"
    old, new = make_units(make_schedule(tmp_path)), make_units(make_schedule(tmp_path, every_min=15))
    assert len(install_units(old, folder, force=False)) == 4
    assert install_units(old, folder, force=False) == []
    assert [path.name for path in install_units(new, folder, force=False)] == ["narrative-monitor.timer"]
    service = folder / "narrative-monitor.service"
    service.write_text(service.read_text() + "Nice=19\n")
    with pytest.raises(UsageError, match=r"narrative-monitor\.service: was changed by hand"):
        install_units(old, folder, force=False)
    assert (folder / "narrative-monitor.timer").read_text() == new["narrative-monitor.timer"]
    assert len(install_units(old, folder, force=True)) == 2
    assert sorted(path.name for path in folder.iterdir()) == sorted(old)
