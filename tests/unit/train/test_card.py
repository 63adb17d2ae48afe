import re

import pytest

from monitor.codebook import Codebook, Narrative
from monitor.train.card import CALIBRATION_PICTURE, list_failures, render_card
from monitor.train.evaluate import evaluate
from tests.factories import make_labelled
from tests.unit.train.test_evaluate import GOLD, JUDGED, NARRATIVES

CODEBOOK = Codebook(3, (Narrative("a", "g", {"en": "First story"}, ""), Narrative("b", "g", {"en": "Second story"}, "")))
SETTINGS = {
    "codebook_version": 3,
    "codebook_sha256": "c" * 64,
    "corpus_sha256": "d" * 64,
    "corpus_texts": 4,
    "seed": 1,
    "made_with": {"numpy": "2.0"},
}
METRICS = evaluate(GOLD, JUDGED, NARRATIVES, resamples=20)
NAMED = {"a": "First story (`a`)", "b": "Second story (`b`)"}


@pytest.fixture(scope="module")
def card() -> str:
    return render_card(GOLD, METRICS, SETTINGS, CODEBOOK)


def section(card: str, title: str) -> str:
    return re.split(r"^## ", card.split(f"## {title}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]


def test_the_card_says_what_it_is_for_and_what_not(card):
    assert card.startswith("# Bundle card\n")
    titles = re.findall(r"^## (.*)$", card, re.MULTILINE)
    assert titles == [
        "For",
        "Not for",
        "Held-out figures",
        "By narrative",
        "By language, length and stance",
        "Stance",
        "Flagged texts by kind of passage",
        "Calibration",
        "Known failures",
        "Corpus",
    ]
    assert "never a\n  verdict" in section(card, "For")


def test_the_card_names_what_the_bundle_was_made_from(card):
    assert "4 texts, SHA-256 `" + "d" * 64 in card
    assert "version 3, SHA-256 `" + "c" * 64 in card
    assert "Seed 1; made with numpy 2.0." in card


def test_figures_have_their_intervals(card):
    assert "20 resamples of the 4 groups" in card
    assert re.search(r"\| mean average precision over narratives \| 0\.75 \| [\d.]+–[\d.]+ \|", card)
    assert re.search(r"\| First story \(`a`\) \| 2 \| 1\.00 \([\d.]+–[\d.]+\) \|", card)
    assert re.search(r"\| language \| ru \| 2 \|", card)
    assert "| stance | refutes | 1 |" in card


def test_the_picture_of_the_calibration_is_shown(card):
    assert f"]({CALIBRATION_PICTURE})" in section(card, "Calibration")


def test_the_corpus_is_counted(card):
    assert "- en, general: 1\n" in section(card, "Corpus")
    assert "- ru, unmarked: 2\n" in section(card, "Corpus")


def test_known_failures_come_from_the_held_out_answers(card):
    lines = list_failures(METRICS, NAMED)
    assert "\n".join(lines) in card
    for expected in (
        "- Second story (`b`): 0.50",
        "- First story (`a`) above Second story (`b`): 1 of 1 texts",
        "- First story (`a`): 1 of 2 texts",
        "- Second story (`b`): 1 of 3 texts",
    ):
        assert expected in lines


def test_mistaken_stances_and_gaps_between_languages_are_failures():
    gold = [make_labelled("x", {"a": "promotes"}), make_labelled("y", {"a": "promotes"}, lang="uk"), make_labelled("z", lang="uk")]
    judged = [{"a": JUDGED[0]["a"]}, {"a": JUDGED[3]["b"]}, {"a": JUDGED[2]["b"]}]
    lines = list_failures(evaluate(gold, judged, ("a",), resamples=0), {"a": "A"})
    assert "- promotes, taken for reports: 1 of 2" in lines
    assert "- All narratives: ru 1.00, uk 0.50" in lines
    assert "- A: ru 1.00, uk 0.50" in lines


def test_held_out_answers_without_a_mistake_are_said_to_be_so():
    (line,) = list_failures(evaluate(GOLD[:1], JUDGED[:1], ("a", "b"), resamples=0), NAMED)
    assert line.startswith("None was found")
