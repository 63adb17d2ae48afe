"""A few days of the soak benchmark: everything that is tried in it works, and nothing is lost."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # benchmarks lie beside the package

from benchmarks.soak import START, run_soak
from benchmarks.soak_faults import FAULTS
from benchmarks.soak_world import World


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="limits of a process are POSIX")
def test_a_few_days_on_which_everything_goes_wrong(tmp_path: Path) -> None:
    result = run_soak(tmp_path, days=9, feeds=4, seed=1, fault_share=1.0)
    assert result["problems"] == []
    assert {name for name in FAULTS if result.get(f"fault: {name}")} == set(FAULTS)
    assert result["served"] > 100


def test_the_world_is_the_same_for_the_same_seed() -> None:
    one, other = World(3, seed=5), World(3, seed=5)
    for feed in range(3):
        listed = one.list_items(feed, START)
        assert listed == other.list_items(feed, START)
        assert len({item.key for item in listed}) == len(listed)
        assert all(item.at <= START for item in listed)
    assert one.list_items(0, START) != World(3, seed=6).list_items(0, START)
