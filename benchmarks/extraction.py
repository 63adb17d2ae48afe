"""How well and how fast articles are found on pages, beside trafilatura's own fast mode, in one run.

    python benchmarks/extraction.py FOLDER [--repeats 1] [--out FILE.json]

FOLDER holds ``evaldata.json`` and ``pages/`` of trafilatura's evaluation: segments that belong to the article (``with``)
and segments that do not (``without``). A segment counts as found where it is in the text, spaces aside. Pages take turns,
so both see the same machine; CPU seconds are this process's. The settings were chosen on the pages of even number.
"""

from __future__ import annotations

import argparse
import json
import logging
import platform
import re
import time
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trafilatura import extract

from monitor.errors import PageError
from monitor.stages.extract import extract_page

if TYPE_CHECKING:
    from collections.abc import Callable

Counts = dict[str, int]
# A page of little text in a long list makes either load all that it ever loads.
WARM_UP = b"<html><body><p>Short.</p><div>%b</div></body></html>" % (b"<span>Words and words.</span> " * 200)
_SPACES = re.compile(r"\s+")


def extract_ours(body: bytes) -> str:
    """The text of a page as this project finds it; nothing where it names a failure."""
    try:
        return extract_page(body, None, "https://page.example/").text
    except PageError:
        return ""


def extract_fast(body: bytes) -> str:
    """The text of a page as trafilatura finds it in its fast mode, with the options of its own evaluation."""
    return extract(body, fast=True, include_comments=False, include_tables=True, include_formatting=False) or ""


CONTENDERS: dict[str, Callable[[bytes], str]] = {"monitor": extract_ours, "trafilatura fast": extract_fast}


def count_segments(item: dict[str, Any], text: str) -> Counts:
    """Right and wrong segments found in the text, and right ones missed."""
    found = _squeeze(text)
    right = sum(_squeeze(segment) in found for segment in item["with"])
    wrong = sum(_squeeze(segment) in found for segment in item["without"])
    return {"right": right, "wrong": wrong, "missed": len(item["with"]) - right}


def _squeeze(text: str) -> str:
    return _SPACES.sub(" ", text).strip()


def measure_f(counts: list[Counts]) -> dict[str, float]:
    """Precision, recall and F over all segments."""
    right, wrong, missed = (sum(count[name] for count in counts) for name in ("right", "wrong", "missed"))
    return {
        "precision": round(right / (right + wrong), 4),
        "recall": round(right / (right + missed), 4),
        "f": round(2 * right / (2 * right + wrong + missed), 4),
    }


def compare(folder: Path, *, repeats: int) -> dict[str, Any]:
    """Figures of each contender on the even pages, the odd ones and all of them."""
    items = sorted(json.loads((folder / "evaldata.json").read_text()).items())
    counts: dict[str, list[Counts]] = {name: [] for name in CONTENDERS}
    cpu_s = dict.fromkeys(CONTENDERS, 0.0)
    for run in CONTENDERS.values():
        run(WARM_UP)
    for number, (_, item) in enumerate(items):
        body = (folder / "pages" / item["file"]).read_bytes()
        for repeat in range(repeats):
            # trafilatura remembers strings it has seen: who comes second has it easier.
            for name, run in sorted(CONTENDERS.items(), reverse=(number + repeat) % 2 == 1):
                start = time.process_time()
                text = run(body)
                cpu_s[name] += time.process_time() - start
                if repeat == 0:
                    counts[name].append(count_segments(item, text))
    return {name: _summarize(counts[name], cpu_s[name] / repeats) for name in CONTENDERS}


def _summarize(counts: list[Counts], cpu_s: float) -> dict[str, Any]:
    return {
        "even": measure_f(counts[::2]),
        "odd": measure_f(counts[1::2]),
        "all": measure_f(counts),
        "cpu_s": round(cpu_s, 2),
        "pages_per_cpu_s": round(len(counts) / cpu_s, 1),
    }


def main() -> None:
    """Print the figures, and write them where asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    logging.disable()
    figures = compare(options.folder, repeats=options.repeats)
    figures["cpu_ratio"] = round(figures["monitor"]["cpu_s"] / figures["trafilatura fast"]["cpu_s"], 3)
    figures["versions"] = {"python": platform.python_version(), "trafilatura": version("trafilatura"), "lxml": version("lxml")}
    text = json.dumps(figures, indent=2)
    print(text)
    if options.out:
        options.out.write_text(text + "\n")


if __name__ == "__main__":
    main()
