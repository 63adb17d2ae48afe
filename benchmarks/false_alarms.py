"""How many spikes and movements the digest's test calls where nothing happens but chance, by how restless the counts are.

python benchmarks/false_alarms.py [--months 24] [--subjects 27] [--seed 1] [--json]

Simulated: days with 600 to 2,600 articles, fewer at weekends; subjects with 0.05 to 40 flagged articles a day in the mean, whose
counts are negative binomial with the dispersion named (0: Poisson; a day's variance is mean + dispersion x mean²).
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from datetime import date, timedelta

import numpy as np

from monitor.dayreports import DayCount
from monitor.stages.trends import WINDOW_DAYS, judge_trends

DAYS = 30
MEANS = (0.05, 0.1, 0.3, 0.5, 1, 1.5, 2, 3, 5, 8, 12, 20, 40)
RESTLESS = {"0": (0.0,), "0.2": (0.2,), "0.5": (0.5,), "1": (1.0,), "2": (2.0,), "mixed": (0.0, 0.2, 0.5, 1.0, 2.0)}
START = date(2026, 1, 5)


def make_month(rng: np.random.Generator, subjects: int, dispersions: tuple[float, ...]) -> list[DayCount]:
    """Counts of the window and the month after it."""
    days = WINDOW_DAYS + DAYS
    assessed = [int(rng.uniform(1000, 2600) * (0.6 if day % 7 > 4 else 1.0)) for day in range(days)]
    counts = []
    for subject in range(subjects):
        mean, dispersion = MEANS[subject % len(MEANS)], dispersions[subject % len(dispersions)]
        for day, many in enumerate(assessed):
            rate = mean * many / 1600
            drawn = rng.gamma(1 / dispersion, rate * dispersion) if dispersion else rate
            counts.append(DayCount(START + timedelta(days=day), f"s{subject}", int(rng.poisson(drawn)), many))
    return counts


def measure(rng: np.random.Generator, months: int, subjects: int, dispersions: tuple[float, ...]) -> dict[str, float]:
    """Spikes a month, and which share of the judged subjects and days seems to grow or to fade."""
    spikes, moves = 0, Counter[str]()
    for _ in range(months):
        counts = make_month(rng, subjects, dispersions)
        for number in range(DAYS):
            trends = judge_trends(counts, [], day=START + timedelta(days=WINDOW_DAYS + number))
            spikes += sum(len(trend.spikes) for trend in trends.narratives)
            moves.update(trend.movement for trend in trends.narratives)
    return {
        "spikes_a_month": round(spikes / months, 2),
        "growing": round(moves["growing"] / moves.total(), 4),
        "fading": round(moves["fading"] / moves.total(), 4),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--months", type=int, default=24)
    parser.add_argument("--subjects", type=int, default=27)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = {}
    for name, dispersions in RESTLESS.items():
        found[name] = measure(np.random.default_rng(options.seed), options.months, options.subjects, dispersions)
        if not options.json:
            print(f"dispersion {name:6}", "  ".join(f"{key} {value}" for key, value in found[name].items()), flush=True)
    if options.json:
        print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
