"""`monitor digest` on a filled store: past days, spans, and the same bytes every time."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.filled_store import NARRATIVES, Burst, Plan, fill_store
from tests.functional.conftest import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

    from tests.functional.conftest import Monitor

BUNDLE = (REPOSITORY / "models/CURRENT").read_text(encoding="utf-8").strip()
PLAN = Plan(days=14, per_day=150, outlets=6, bundle=BUNDLE, bursts=(Burst(NARRATIVES[4], 12, 12),))


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    fill_store(f"sqlite:///{tmp_path / 'monitor.db'}", PLAN)
    return tmp_path


def read(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_past_day_gives_the_same_bytes_again_pictures_too(filled: Path, monitor: Monitor) -> None:
    first = monitor("digest", "--day", "2026-05-13")
    assert (first.returncode, first.stderr) == (0, b"")
    files = read(filled / "digests/2026-05-13")
    assert {"digest.html", "digest.md", "digest.csv", "digest.jsonl", "run.json"} <= set(files)
    assert {name for name in files if name.endswith((".svg", ".png"))} >= {
        "heatmap.svg",
        "heatmap.png",
        "outlets.svg",
        "outlets.png",
    }
    assert "More than chance explains" in files["digest.html"].decode()
    assert monitor("digest", "--day", "2026-05-14").returncode == 0
    assert monitor("digest", "--day", "2026-05-13", "--digests", "again").returncode == 0
    assert read(filled / "again/2026-05-13") == files


def test_a_span_has_a_folder_of_its_own_and_tells_of_all_its_days(filled: Path, monitor: Monitor) -> None:
    done = monitor("digest", "--since", "2026-05-11", "--day", "2026-05-14", "--json")
    assert done.returncode == 0, done.stderr.decode()
    assert json.loads(done.stdout)["folder"] == "digests/2026-05-11_2026-05-14"
    folder = filled / "digests/2026-05-11_2026-05-14"
    rows = [json.loads(line) for line in (folder / "digest.jsonl").read_text(encoding="utf-8").splitlines()]
    assert {row["day"] for row in rows} == {f"2026-05-{day}" for day in range(11, 15)}
    page = (folder / "digest.html").read_text(encoding="utf-8")
    assert "2026-05-13: 1" in page[page.index("More than chance explains") :]
    assert "Narratives of these days" in page


def test_a_span_that_begins_after_its_end_is_refused(filled: Path, monitor: Monitor) -> None:
    done = monitor("digest", "--since", "2026-05-14", "--day", "2026-05-13")
    assert done.returncode == 2
    assert "give an earlier day, or a later --day" in done.stderr.decode()
    assert not (filled / "digests").exists()
