"""Against peers, all in one run: ``python -m benchmarks.peers [--out FILE.json] [--rounds 3]``. Inputs are generated from a seed.

- feedparser reads the same 200 feed documents (a tenth windows-1251, a third with HTML, a quarter with whole articles);
- trafilatura (its fast mode) reads the same 100 article pages;
- a plain scikit-learn pipeline (TF-IDF of words and pairs, one logistic regression for each narrative, trained on the same corpus)
  classifies the same 2,000 texts; our first stage, our whole model, and what classification costs within `monitor run`;
- reader (where it is installed) takes the same 200 feeds over HTTP into its store, first empty and then with 304 answers.

CPU seconds, the median of the rounds, and how many times the peer's time ours takes. A picture is drawn beside FILE.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import platform
import random
import statistics
import subprocess
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.feed_farm import RUSSIAN, SMALL, make_feed
from monitor.records import Document, Feed, FetchedFeed

if TYPE_CHECKING:
    from collections.abc import Callable

REPOSITORY = Path(__file__).resolve().parents[1]
NEWEST = datetime(2026, 5, 14, 9, tzinfo=UTC)
SEED = 7


def time_both(ours: Callable[[], Any], peers: Callable[[], Any], rounds: int) -> dict[str, float]:
    """CPU seconds of both, in turn; the medians and their ratio."""
    took: dict[str, list[float]] = {"ours_s": [], "peer_s": []}
    for number in range(rounds + 1):
        for name, work in (("ours_s", ours), ("peer_s", peers)):
            begun = time.process_time()
            work()
            if number:  # the first one imports and compiles
                took[name].append(time.process_time() - begun)
    found = {name: statistics.median(values) for name, values in took.items()}
    return found | {"ratio": found["ours_s"] / found["peer_s"]}


def compare_feedparser(rounds: int) -> dict[str, float]:
    """Reading feed documents."""
    import feedparser  # noqa: PLC0415

    from monitor.wiring.parts import open_readers  # noqa: PLC0415

    bodies = [make_feed(number, seed=SEED, newest_at=NEWEST) for number in range(200)]
    with open_readers() as readers:
        feed = Feed("f", "https://f.example/rss", "F", timezone="Europe/Kyiv")
        documents = [FetchedFeed("f", feed.url, 200, "application/rss+xml", body, "0" * 64, None, None, NEWEST) for body in bodies]
        counts = [len(readers.parse(feed, one).entries) for one in documents]
        if counts != [len(feedparser.parse(body).entries) for body in bodies]:
            raise SystemExit("not the same entries")
        return time_both(
            lambda: [readers.parse(feed, one) for one in documents], lambda: [feedparser.parse(body) for body in bodies], rounds
        )


def make_page(number: int) -> str:
    """An article page with a menu, related links and a footer."""
    dice = random.Random(number)  # noqa: S311 - reproducible, not secret
    words = f"{RUSSIAN} {SMALL}".split()
    paragraphs = "".join(f"<p>{' '.join(dice.choices(words, k=45)).capitalize()}.</p>" for _ in range(12))
    links = "".join(f'<li><a href="/n/{n}">{" ".join(dice.choices(words, k=7))}</a></li>' for n in range(60))
    head = f"<title>Новость {number}</title><meta property='article:published_time' content='2026-05-14T09:00:00Z'>"
    body = f"<nav><ul>{links}</ul></nav><article><h1>Новость {number}</h1>{paragraphs}</article><aside><ul>{links}</ul></aside>"
    return f"<!doctype html><html lang='ru'><head>{head}</head><body>{body}<footer>Все права</footer></body></html>"


def compare_trafilatura(rounds: int) -> dict[str, float]:
    """Finding the article in a page."""
    from trafilatura import extract  # noqa: PLC0415

    from monitor.stages.extract import extract_page  # noqa: PLC0415

    pages = [make_page(number).encode() for number in range(100)]
    return time_both(
        lambda: [extract_page(page, "text/html; charset=utf-8", "https://a.example/1") for page in pages],
        lambda: [extract(page.decode(), fast=True, include_comments=False) for page in pages],
        rounds,
    )


def make_texts(count: int) -> list[Document]:
    """Texts of 54 words."""
    dice, words = random.Random(SEED), f"{RUSSIAN} {SMALL}".split()  # noqa: S311 - reproducible, not secret
    return [
        Document(str(n), " ".join(dice.choices(words, k=9)), "", " ".join(dice.choices(words, k=45)), "ru") for n in range(count)
    ]


def compare_sklearn(rounds: int) -> dict[str, dict[str, float]]:
    """Classifying texts."""
    from sklearn.feature_extraction.text import TfidfVectorizer  # noqa: PLC0415
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415
    from sklearn.multiclass import OneVsRestClassifier  # noqa: PLC0415
    from sklearn.pipeline import make_pipeline  # noqa: PLC0415

    from monitor.wiring.parts import Places, open_classifier  # noqa: PLC0415

    rows = [
        json.loads(line) for path in sorted((REPOSITORY / "models/corpus").glob("*.jsonl")) for line in path.open(encoding="utf-8")
    ]
    names = sorted({label["id"] for row in rows for label in row["labels"]})
    labels = [[any(label["id"] == name for label in row["labels"]) for name in names] for row in rows]
    plain = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True),
        OneVsRestClassifier(LogisticRegression(C=10, max_iter=200)),
    )
    import numpy as np  # noqa: PLC0415

    begun = time.process_time()
    plain.fit([" ".join(row.get(key) or "" for key in ("title", "summary", "text")) for row in rows], np.array(labels, dtype=int))
    trained = time.process_time() - begun
    documents = make_texts(2_000)
    texts = [f"{one.title} {one.text}" for one in documents]
    found = {}
    for name, uses in (("first stage", False), ("whole model", True)):
        classifier = open_classifier(Places(None, "", REPOSITORY, None, REPOSITORY, use_encoder=uses))
        found[f"scikit-learn, {name}"] = time_both(
            lambda classifier=classifier: classifier.assess(documents),
            lambda: plain.predict_proba(texts),
            rounds,
        )
    found["scikit-learn, first stage"]["peer_training_s"] = trained
    return found


def compare_run(rounds: int) -> dict[str, float]:
    """What classification costs within a run, against the model alone on the same texts."""
    from tempfile import TemporaryDirectory  # noqa: PLC0415

    from benchmarks.feed_farm import run_farm  # noqa: PLC0415
    from benchmarks.growth import write_feeds  # noqa: PLC0415
    from monitor.storage.store import SqlStore  # noqa: PLC0415
    from monitor.wiring.parts import Clock, Places, open_classifier  # noqa: PLC0415
    from monitor.wiring.run import run_once  # noqa: PLC0415

    within, alone = [], []
    for number in range(rounds):
        with TemporaryDirectory() as name, run_farm(60) as urls:
            folder = Path(name)
            write_feeds(folder / "feeds.yaml", urls)
            url = f"sqlite:///{folder / 'monitor.db'}"
            places = Places(folder / "feeds.yaml", url, folder / "digests", None, REPOSITORY, archive=folder / "archive")
            report = run_once(places, Clock(lambda: datetime.now(UTC), time.process_time), run_id=f"r{number}").report
            within.append(report.seconds["classify"])
            classifier = open_classifier(places)
            with SqlStore(url) as store:
                documents = [one.document for one in store.load_pending("another", limit=10_000)]
            begun = time.process_time()
            classifier.assess(documents)
            alone.append(time.process_time() - begun)
    ours, bare = statistics.median(within), statistics.median(alone)
    return {"ours_s": ours, "peer_s": bare, "ratio": ours / bare}


def compare_reader(rounds: int) -> dict[str, Any]:
    """Taking feeds over HTTP, by `benchmarks.ingestion`."""
    if importlib.util.find_spec("reader") is None:
        return {"skipped": "reader is not installed"}
    command = [sys.executable, "benchmarks/ingestion.py", "--feeds", "200", "--rounds", str(rounds)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    return {"said": done.stdout.strip().splitlines()}


def find_versions() -> dict[str, str]:
    """What was compared, on what."""
    found = {"python": platform.python_version(), "machine": f"{platform.machine()}, {platform.system()}"}
    for name in ("feedparser", "trafilatura", "scikit-learn", "reader", "numpy", "scipy"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def draw(ratios: dict[str, float], path: Path) -> None:
    """How many times the peer's time ours takes."""
    import matplotlib as mpl  # noqa: PLC0415

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    figure, axes = plt.subplots(figsize=(8, 0.6 * len(ratios) + 1.2), layout="constrained")
    bars = axes.barh(list(ratios), list(ratios.values()), color="#3a6ea5")
    axes.bar_label(bars, fmt="%.2f", padding=3)
    axes.axvline(1, color="#888", linewidth=1)
    axes.invert_yaxis()
    axes.set(xlabel="CPU time, the peer's being 1", title="Narrative monitor against peers")
    figure.savefig(path)


def main() -> None:
    """Measure, print, draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, help="A .json file for the figures; a picture is drawn beside it.")
    options = parser.parse_args()
    found: dict[str, Any] = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "versions": find_versions()}
    found["feedparser"] = compare_feedparser(options.rounds)
    found["trafilatura"] = compare_trafilatura(options.rounds)
    found |= compare_sklearn(options.rounds)
    found["classification in a run, the model alone"] = compare_run(options.rounds)
    found["reader"] = compare_reader(options.rounds)
    print(json.dumps(found, indent=1, ensure_ascii=False))
    if options.out:
        options.out.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        ratios = {name: one["ratio"] for name, one in found.items() if isinstance(one, dict) and "ratio" in one}
        draw(ratios, options.out.with_suffix(".svg"))


if __name__ == "__main__":
    main()
