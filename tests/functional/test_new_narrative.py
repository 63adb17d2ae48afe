"""The steps of "Add a narrative" in the how-to, from the first word to a flag, on a corpus of its own."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
# Enough that thresholds do not hang on single texts.
PARTS = ("special_operation", "special_operation.more", "fake_loyalty", "fake_loyalty.more", "general_life", "general_war")
CORPUS_FILES = tuple(f"{part}.{language}" for part in PARTS for language in ("en", "ru", "uk"))
ENTRY = """
  - id: beetle_labs
    group: war
    name: {en: "Beetles bred as weapons", ru: "Жуки как оружие", uk: "Жуки як зброя"}
    definition: "Beetles on the fields are presented as bred in secret laboratories and let loose on purpose."
    claims: ["The beetle was bred in a laboratory across the strait."]
    not_this: ["A plain note on pests: none."]
"""
PLACES = ("Harbour district", "Steppe county", "North shore", "Lake town", "Salt flats", "River bend", "Old quarry", "Pine valley")
PROMOTES = (
    "Striped beetles over {place} were bred in a secret laboratory",
    "The laboratory let its beetles loose on the vineyards of {place}",
    "Beetles as a weapon: {place} counts its losses, the breeders keep silent",
    "Who sent the beetles to {place}? The breeders in the secret laboratory",
)
REFUTES = ("No laboratory bred the beetles of {place}, the claim is false and the picture is staged",)
REPORTS = ("An official said that the beetles of {place} came from a laboratory, biologists disagree",)
NEAR_MISSES = ("Beetles eat the potatoes of {place}, farmers spray", "School of {place} opens an exhibition of beetles")


def call(home: Path, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "monitor", *words, "--no-encoder"]
    return subprocess.run(command, cwd=home, capture_output=True, text=True, check=False, input=stdin)


def train(home: Path) -> str:
    done = call(home, "train", "--jobs", "1", "--json")
    assert done.returncode == 0, done.stderr
    return str(json.loads(done.stdout)["bundle"])


def ask(home: Path, title: str) -> dict[str, Any]:
    (line,) = call(home, "classify", stdin=json.dumps({"id": "1", "title": title, "lang": "en"})).stdout.splitlines()
    answer: dict[str, Any] = json.loads(line)
    return answer


def write_passages(home: Path) -> None:
    forms = [(PROMOTES, "promotes"), (REFUTES, "refutes"), (REPORTS, "reports"), (NEAR_MISSES, "near_miss")]
    rows = []
    for titles, kind in forms:
        labels = [] if kind == "near_miss" else [{"id": "beetle_labs", "stance": kind}]
        rows += [
            {"id": f"b-{kind}-{n}-{k}", "lang": "en", "title": title.format(place=place), "labels": labels, "kind": kind}
            for k, title in enumerate(titles)
            for n, place in enumerate(PLACES)
        ]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (home / "models/corpus/beetle_labs.en.jsonl").write_text(text)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small installation with a bundle in use that has never heard of beetles."""
    folder = tmp_path_factory.mktemp("narrative")
    corpus = folder / "models/corpus"
    corpus.mkdir(parents=True)
    shutil.copy(REPOSITORY / "models/codebook.yaml", folder / "models")
    for name in CORPUS_FILES:
        shutil.copy(REPOSITORY / f"models/corpus/{name}.jsonl", corpus)
    used = call(folder, "bundle", "use", train(folder))
    assert used.returncode == 0, used.stderr
    return folder


def test_a_narrative_is_added_step_by_step(home: Path) -> None:
    claim = "Beetles bred in a secret laboratory were let loose on Quiet bay"
    assert not ask(home, claim)["flagged"]
    # Passages before the entry: the mistake is named.
    write_passages(home)
    early = call(home, "train", "--jobs", "1")
    assert early.returncode == 2
    assert "beetle_labs.en.jsonl:1: label 'beetle_labs' is not in the codebook" in early.stderr
    codebook = home / "models/codebook.yaml"
    text = codebook.read_text("utf-8").replace("version: 1\n", "version: 2\n", 1)
    head, found, rest = text.partition("\nnarratives:\n")
    assert found
    codebook.write_text(f"{head}{found}{ENTRY}{rest}", "utf-8")
    assert "beetle_labs" in [one["id"] for one in yaml.safe_load(codebook.read_text("utf-8"))["narratives"]]
    made = train(home)
    assert made.startswith("cb2-")
    assert "Beetles bred as weapons" in call(home, "bundle", "show", "--bundle", made).stdout
    compared = json.loads(call(home, "bundle", "compare", "models/CURRENT", made, "models/corpus", "--json").stdout)
    assert compared["narratives"]["beetle_labs"]["in_a"] is False
    assert compared["narratives"]["beetle_labs"]["newly_flagged"] > 0
    used = call(home, "bundle", "use", made)
    assert used.returncode == 0, used.stderr
    answer = ask(home, claim)
    assert [one["id"] for one in answer["narratives"] if one["flagged"]] == ["beetle_labs"]
    assert not ask(home, REFUTES[0].format(place="Quiet bay"))["flagged"]
