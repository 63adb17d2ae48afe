"""The corpus keeps its promises: schema, ids, variety, and no label that can be read off the surface."""

from __future__ import annotations

import itertools
import json
import re
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.preprocessing import StandardScaler

from monitor.codebook import load_codebook
from monitor.train.corpus import load_labelled

MODELS = Path(__file__).resolve().parents[2] / "models"
NARRATIVES = tuple(sorted(load_codebook(MODELS / "codebook.yaml").ids))
LANGUAGES = ("ru", "uk", "en")
# Chance is 0.5. Longer sentences of reports, shorter ones of near misses are in the nature of the genres.
MAX_SEPARABILITY = 0.66
FIELDS = {"id", "lang", "title", "summary", "text", "labels", "group", "source", "date", "kind", "origin", "sheet"}


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    return [
        json.loads(line) for path in sorted((MODELS / "corpus").glob("*.jsonl")) for line in path.read_text("utf-8").splitlines()
    ]


def words_of(row: dict[str, Any]) -> list[str]:
    return re.findall(r"\w+", whole_text(row).lower())


def whole_text(row: dict[str, Any]) -> str:
    return "\n".join(row[name] or "" for name in ("title", "summary", "text"))


def test_every_line_is_as_the_reference_says(rows: list[dict[str, Any]]) -> None:
    corpus = load_labelled([MODELS / "corpus"], load_codebook(MODELS / "codebook.yaml").ids)
    assert len(corpus) == len(rows)
    for row in rows:
        assert set(row) == FIELDS, row["id"]
        assert row["lang"] in LANGUAGES, row["id"]
        assert row["title"] or row["text"], row["id"]
        # From the first weeks of the protests in Kyiv on.
        assert re.fullmatch(r"2013-1[12]-\d\d|20(1[4-9]|2[0-6])-\d\d-\d\d", row["date"]), row["id"]
        assert bool(row["labels"]) == (row["kind"] in {"promotes", "reports", "refutes"}), row["id"]


@pytest.mark.parametrize("narrative", NARRATIVES)
@pytest.mark.parametrize("lang", LANGUAGES)
def test_each_narrative_has_enough_of_each_stance_and_format(rows: list[dict[str, Any]], narrative: str, lang: str) -> None:
    cell = [r for r in rows if r["lang"] == lang and any(label["id"] == narrative for label in r["labels"])]
    stances = Counter(label["stance"] for r in cell for label in r["labels"] if label["id"] == narrative)
    assert stances["promotes"] >= 24
    assert stances["refutes"] >= 10
    assert stances["reports"] >= 8
    formats = Counter("text" if r["text"] else "summary" if r["summary"] else "headline" for r in cell)
    assert min(formats["text"], formats["summary"], formats["headline"]) >= len(cell) // 5


@pytest.mark.parametrize("lang", LANGUAGES)
def test_there_are_near_misses_general_news_and_native_passages(rows: list[dict[str, Any]], lang: str) -> None:
    of_lang = [r for r in rows if r["lang"] == lang]
    kinds = Counter(r["kind"] for r in of_lang)
    assert kinds["near_miss"] >= 150
    assert kinds["general"] >= 300
    assert sum(r["origin"] == "native" for r in of_lang) >= len(of_lang) / 2


def test_no_two_passages_of_a_cell_share_many_word_runs(rows: list[dict[str, Any]]) -> None:
    runs_of: dict[str, set[tuple[str, ...]]] = {}
    holders: dict[tuple[str, str, tuple[str, ...]], list[str]] = defaultdict(list)
    for row in rows:
        words = words_of(row)
        runs_of[row["id"]] = {tuple(words[i : i + 5]) for i in range(len(words) - 4)}
        for name in [label["id"] for label in row["labels"]] or [row["kind"]]:
            for run in runs_of[row["id"]]:
                holders[name, row["lang"], run].append(row["id"])
    shared = Counter(pair for ids in holders.values() for pair in itertools.combinations(ids, 2))
    alike = [(a, b) for (a, b), count in shared.items() if count > 0.4 * min(len(runs_of[a]), len(runs_of[b]))]
    assert alike == []


def surface(row: dict[str, Any]) -> list[float]:
    """What a lazy classifier could see: length, language and punctuation."""
    text = whole_text(row)
    marks = [text.count(mark) for mark in ('"', "«", "“", "'", "?", "!", ":", ";", "—", "-", ",", ".", "(", "%")]
    return [len(text), len(row["title"]), *marks, *(row["lang"] == lang for lang in LANGUAGES)]


def separability(rows: list[dict[str, Any]], gold: list[bool]) -> float:
    """Balanced accuracy of a classifier that sees the surface only; 0.5 is chance."""
    features = StandardScaler().fit_transform(np.array([surface(row) for row in rows], dtype=float))
    model = LogisticRegression(C=0.1, max_iter=1000, class_weight="balanced")
    predicted = cross_val_predict(model, features, gold, groups=[r["group"] for r in rows], cv=GroupKFold(5))
    return float(balanced_accuracy_score(gold, predicted))


@pytest.mark.parametrize("stance", ["promotes", "reports", "refutes"])
def test_stance_cannot_be_told_from_the_surface(rows: list[dict[str, Any]], stance: str) -> None:
    carried = [row for row in rows if row["labels"]]
    assert separability(carried, [row["kind"] == stance for row in carried]) < MAX_SEPARABILITY


def test_whether_a_claim_is_made_cannot_be_told_from_the_surface(rows: list[dict[str, Any]]) -> None:
    compared = [row for row in rows if row["kind"] != "general"]
    assert separability(compared, [bool(row["labels"]) for row in compared]) < MAX_SEPARABILITY
