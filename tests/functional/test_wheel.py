"""The wheel: all that an installed `monitor` needs, and a checkout's own models before the shipped ones."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING

import pytest

from tests.functional.conftest import REPOSITORY
from tests.functional.test_cli import current_bundle

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    built, site = tmp_path_factory.mktemp("built"), tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(built)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    return site


def run_installed(site: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith("MONITOR_")} | {"PYTHONPATH": str(site)}
    return subprocess.run(
        [sys.executable, "-P", "-m", "monitor", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        env=env,
        check=False,
    )


def test_the_wheel_carries_bundle_codebook_samples_and_feeds(unpacked: Path) -> None:
    shipped = unpacked / "monitor/shipped"
    for name in ("feeds.yaml", "models/CURRENT", "models/codebook.yaml", f"models/{current_bundle()}/weights.npz"):
        assert (shipped / name).is_file(), name
    assert len(list((unpacked / "monitor/samples").glob("*.xml"))) == 7
    assert (unpacked / "monitor/templates/digest.html.j2").is_file()
    assert (unpacked / "monitor/storage/migrations/versions/0001_first_tables.py").is_file()


def test_an_installed_monitor_works_from_any_folder(unpacked: Path, tmp_path: Path) -> None:
    done = run_installed(unpacked, tmp_path, "demo", "--out", "out")
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.glob("out/digests/*/digest.html"))
    shown = run_installed(unpacked, tmp_path, "bundle", "show", "--json")
    assert str(unpacked / "monitor/shipped/models") in shown.stdout


def test_models_and_feeds_of_the_working_folder_win(unpacked: Path, tmp_path: Path) -> None:
    (tmp_path / "feeds.yaml").write_text("feeds:\n  - id: mine\n    url: https://mine.example/rss\n")
    (tmp_path / "models").mkdir()
    (tmp_path / "models/CURRENT").write_text("cb1-000000000000\n")
    assert '"mine"' in run_installed(unpacked, tmp_path, "feeds", "list", "--json").stdout
    done = run_installed(unpacked, tmp_path, "bundle", "show")
    assert done.returncode == 5
    assert "cb1-000000000000" in done.stderr
