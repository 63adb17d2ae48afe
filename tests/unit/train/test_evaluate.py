import json

import pytest

from monitor.records import (
    Assessment,
)
from monitor.train.evaluate import Judged, evaluate, find_top, judge, judge_texts, length_class
from tests.factories import make_document, make_labelled, make_score

NARRATIVES = ("a", "b")
GOLD = [
    make_labelled("t1", {"a": "promotes"}),
    make_labelled("t2", {"a": "refutes"}, lang="uk", summary="Стислий зміст"),
    make_labelled("t3", lang="en", text="A long text.", kind="general"),
    make_labelled("t4", {"b": "reports"}),
]


def said(score: float, stance: str = "promotes", *, flagged: bool = False) -> Judged:
    return Judged(score, stance, is_carried=flagged or score >= 0.5, flagged=flagged)


JUDGED = [
    {"a": said(0.9, flagged=True), "b": said(0.2)},
    {"a": said(0.8, "refutes")},
    {"b": said(0.7, flagged=True)},
    {"a": said(0.6, flagged=True), "b": said(0.3, "reports")},
]


@pytest.fixture(scope="module")
def metrics() -> dict:
    return evaluate(GOLD, JUDGED, NARRATIVES, resamples=50)


def test_the_figures_over_all_texts(metrics):
    expected = {
        "texts": 4,
        "groups": 4,
        "mean_average_precision": 0.75,
        "micro_average_precision": 0.8667,
        "hit_at_1": 0.6667,
        "precision": 0.3333,
        "recall": 1.0,
        "f1": 0.5,
        "ece": 0.3125,
        "ece_shown": 0.4167,
        "flagged": 3,
        "flagged_share": 0.75,
    }
    assert {name: metrics[name] for name in expected} == expected
    assert metrics["brier"] == pytest.approx(1.43 / 8, abs=1e-4)


def test_false_flags_are_those_on_texts_without_a_label_or_of_another_stance_only(metrics):
    assert metrics["false_flags"] == {
        "none": {"texts": 1, "flagged": 1, "share": 1.0},
        "reports": {"texts": 1, "flagged": 1, "share": 1.0},
        "refutes": {"texts": 1, "flagged": 0, "share": 0.0},
    }


def test_stances_are_counted_gold_against_said(metrics):
    assert metrics["stance"]["refutes"] == {"promotes": 0, "reports": 0, "refutes": 1, "not listed": 0}
    missed = evaluate([make_labelled("m", {"a": "refutes"})], [{}], NARRATIVES)
    assert missed["stance"]["refutes"] == {"promotes": 0, "reports": 0, "refutes": 0, "not listed": 1}


def test_each_narrative_has_its_own_figures_also_by_language(metrics):
    a, b = metrics["narratives"]["a"], metrics["narratives"]["b"]
    assert (a["carried"], a["promoted"], a["flagged"], a["average_precision"], a["precision"], a["hit_at_1"]) == (
        2,
        1,
        2,
        1,
        0.5,
        1,
    )
    assert (b["average_precision"], b["recall"], b["hit_at_1"]) == (0.5, None, 0.0)
    assert a["false_flags"]["none"] == {"texts": 2, "flagged": 1, "share": 0.5}
    assert a["by_language"]["uk"] == {
        "carried": 1,
        "average_precision": 1,
        "precision": None,
        "recall": None,
        "f1": None,
        "hit_at_1": 1,
    }
    assert set(a["by_language"]) == {"en", "ru", "uk"}
    assert {"average_precision", "precision", "recall", "brier"} <= set(a["intervals"])


def test_texts_are_parted_by_language_length_and_stance(metrics):
    sizes = {by: {part: row["texts"] for part, row in metrics[by].items()} for by in ("by_language", "by_length", "by_stance")}
    assert sizes == {
        "by_language": {"en": 1, "ru": 2, "uk": 1},
        "by_length": {"headline": 2, "summary": 1, "text": 1},
        "by_stance": {"promotes": 1, "reports": 1, "refutes": 1, "none": 1},
    }
    assert metrics["by_stance"]["refutes"]["flagged_share"] == 0.0
    assert metrics["by_language"]["ru"]["hit_at_1"] == 0.5
    assert metrics["by_length"]["text"]["hit_at_1"] is None


def test_what_stood_above_the_right_narrative_is_counted(metrics):
    assert metrics["confusions"] == [{"gold": "b", "said": "a", "texts": 1}]


def test_flags_are_counted_by_kind_and_by_language(metrics):
    assert metrics["flagged_by_kind"]["general"] == {"texts": 1, "flagged": 1, "share": 1.0}
    assert set(metrics["flagged_by_kind"]) == {"general", "promotes", "refutes", "reports"}
    assert metrics["flagged_by_language"]["ru"] == {"texts": 2, "flagged": 2, "share": 1.0}


def test_intervals_lie_around_their_figures_and_come_from_the_seed(metrics):
    for name, (low, high) in metrics["intervals"].items():
        figure = metrics[name] if name in metrics else metrics["false_flags"][name.removeprefix("false_flags_")]["share"]
        assert low <= figure <= high, name
    assert evaluate(GOLD, JUDGED, NARRATIVES, resamples=50) == metrics
    other = evaluate(GOLD, JUDGED, NARRATIVES, resamples=50, seed=7)
    assert other["intervals"] != metrics["intervals"]
    assert other["calibration"] == metrics["calibration"]


@pytest.mark.parametrize(
    ("gold", "resamples"),
    [
        pytest.param(GOLD, 0, id="none asked for"),
        pytest.param([make_labelled(f"t{n}", t.labels, group="g") for n, t in enumerate(GOLD)], 50, id="one group"),
    ],
)
def test_without_resamples_there_are_no_intervals(gold, resamples):
    metrics = evaluate(gold, JUDGED, NARRATIVES, resamples=resamples)
    assert (metrics["resamples"], metrics["intervals"], metrics["narratives"]["a"]["intervals"]) == (0, {}, {})


def test_a_narrative_that_the_bundle_does_not_know_is_named_and_never_hit():
    metrics = evaluate([make_labelled("x", {"c": "promotes"})], [{"a": said(0.4)}], NARRATIVES)
    assert metrics["not_in_bundle"] == ["c"]
    assert (metrics["hit_at_1"], metrics["mean_average_precision"]) == (0.0, None)
    assert metrics["false_flags"]["none"]["texts"] == 0
    assert metrics["confusions"] == []


def test_the_answer_is_json_and_progress_reaches_its_end():
    heard = []
    metrics = evaluate(GOLD, JUDGED, NARRATIVES, resamples=2, report_progress=lambda done, total: heard.append((done, total)))
    assert json.loads(json.dumps(metrics, allow_nan=False)) == metrics
    assert heard[-1][0] == heard[-1][1] == len(heard)


def test_texts_are_judged_in_batches_in_order():
    class Counting:
        bundle_id = "cb1-000000000000"

        def assess(self, documents):
            return [Assessment("ru", (make_score("a", len(document.title) / 100),)) for document in documents]

    heard = []
    texts = [make_labelled(str(n), title="x" * (n % 90)) for n in range(150)]
    judged = judge_texts(Counting(), texts, lambda done, total: heard.append((done, total)))
    assert [row["a"].score for row in judged] == [(n % 90) / 100 for n in range(150)]
    assert heard == [(64, 150), (128, 150), (150, 150)]


def test_what_was_said_is_kept_without_its_evidence():
    score = make_score("a", 0.4, stance="reports", is_carried=False, flagged=False)
    assert judge([Assessment("ru", (score,)), Assessment("und", ())]) == [
        {"a": Judged(0.4, "reports", is_carried=False, flagged=False)},
        {},
    ]


@pytest.mark.parametrize(
    ("row", "top"),
    [
        pytest.param({}, None, id="nothing said"),
        pytest.param({"a": said(0.0)}, None, id="nothing above zero"),
        pytest.param({"b": said(0.2), "a": said(0.2)}, "a", id="equal scores"),
        pytest.param({"a": said(0.2), "b": said(0.3)}, "b", id="the highest"),
    ],
)
def test_the_top_narrative(row, top):
    assert find_top(row) == top


@pytest.mark.parametrize(
    ("fields", "expected"),
    [({}, "headline"), ({"summary": " "}, "headline"), ({"summary": "s"}, "summary"), ({"summary": "s", "text": "t"}, "text")],
)
def test_length_classes(fields, expected):
    assert length_class(make_document(title="t", **fields)) == expected
