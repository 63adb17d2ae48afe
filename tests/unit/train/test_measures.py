import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from monitor.train.measures import (
    MIXED,
    NONE,
    Answers,
    average_precision,
    calibrate_bins,
    draw_weights,
    find_interval,
    join_answers,
    measure,
    to_json,
)

ONCE = np.ones((1, 4))


def answers(gold, scores, flagged=None, whole=None, hits=None) -> Answers:
    """Answers from lists of rows; a text's stance is that of its labels, where they are of one."""
    codes = np.array(gold, dtype=np.int8)
    of_texts = [set(row) - {NONE} for row in codes.tolist()]
    summed = [NONE if not one else one.pop() if len(one) == 1 else MIXED for one in of_texts]
    values = np.array(scores, dtype=float)
    return Answers(
        gold=codes,
        said=np.where(values > 0, 0, NONE).astype(np.int8),
        scores=values,
        flagged=np.array(flagged if flagged is not None else values >= 0.5, dtype=bool),
        whole=np.array(whole if whole is not None else summed, dtype=np.int8),
        hits=np.array(hits if hits is not None else [True] * len(codes), dtype=bool),
    )


def test_average_precision_is_that_of_scikit_learn_also_with_ties_and_weights():
    random = np.random.default_rng(1)
    gold, scores = random.random(200) < 0.3, random.random(200).round(1)
    weights = random.integers(0, 4, (5, 200)).astype(float)
    expected = [average_precision_score(gold, scores, sample_weight=row) for row in weights]
    assert average_precision(scores, gold, weights) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("scores", "gold", "expected"),
    [
        pytest.param([0.9, 0.8, 0.1, 0.0], [1, 1, 0, 0], 1.0, id="all right"),
        pytest.param([0.9, 0.8, 0.7, 0.6], [0, 0, 0, 1], 0.25, id="last"),
        pytest.param([0.5, 0.5, 0.5, 0.5], [0, 1, 0, 0], 0.25, id="all equal"),
        pytest.param([0.9, 0.8, 0.7, 0.6], [0, 0, 0, 0], np.nan, id="nothing to find"),
    ],
)
def test_average_precision_of_small_rankings(scores, gold, expected):
    found = average_precision(np.array(scores), np.array(gold, dtype=bool), ONCE)
    assert found == pytest.approx([expected], nan_ok=True)


def test_a_resample_without_the_texts_in_question_has_no_figure():
    gold, scores = np.array([True, False, False, False]), np.array([0.9, 0.5, 0.4, 0.3])
    found = average_precision(scores, gold, np.array([[0.0, 1, 1, 2], [1.0, 1, 1, 1]]))
    assert found == pytest.approx([np.nan, 1.0], nan_ok=True)


def test_each_figure_is_what_its_name_says():
    # promotes, refutes, reports (missed), none; one narrative
    chosen = answers([[0], [2], [1], [NONE]], [[0.9], [0.8], [0.0], [0.6]], hits=[True, True, False, False])
    found = {name: values[0] for name, values in measure(chosen, ONCE).items()}
    assert found["hit_at_1"] == pytest.approx(2 / 3)
    assert (found["precision"], found["recall"], found["f1"]) == pytest.approx((1 / 3, 1.0, 0.5))
    assert (found["false_flags_none"], found["false_flags_refutes"], found["false_flags_reports"]) == (1.0, 1.0, 0.0)
    assert found["brier"] == pytest.approx((0.01 + 0.04 + 1 + 0.36) / 4)
    assert found["mean_average_precision"] == found["micro_average_precision"] == pytest.approx((1 + 1 + 3 / 4) / 3)


def test_weights_stand_for_repeated_texts():
    chosen = answers([[0, NONE], [NONE, 1], [2, NONE]], [[0.9, 0.2], [0.7, 0.6], [0.1, 0.8]])
    weights = np.array([[2.0, 0.0, 3.0]])
    repeated = chosen.select(np.array([0, 0, 2, 2, 2]))
    by_weight, by_hand = measure(chosen, weights), measure(repeated, np.ones((1, 5)))
    for name, values in by_weight.items():
        assert values == pytest.approx(by_hand[name], nan_ok=True), name


def test_a_mean_over_narratives_leaves_out_those_that_no_text_carries():
    chosen = answers([[0, NONE], [NONE, NONE]], [[0.2, 0.9], [0.3, 0.1]])
    found = measure(chosen, np.ones((1, 2)))
    assert found["mean_average_precision"] == found["micro_average_precision"] * 1.5 == pytest.approx(0.5)


def test_a_text_with_several_stances_is_none_of_them():
    chosen = answers([[0, 2]], [[0.9, 0.9]])
    found = measure(chosen, np.ones((1, 1)))
    assert [np.isnan(found[f"false_flags_{name}"][0]) for name in ("none", "reports", "refutes")] == [True] * 3


def test_for_one_narrative_a_text_that_carries_another_counts_as_without_labels():
    chosen = answers([[NONE, 0], [2, NONE]], [[0.9, 0.9], [0.1, 0.0]]).narrow(0)
    found = measure(chosen, np.ones((1, 2)))
    assert (found["false_flags_none"][0], found["false_flags_refutes"][0]) == (1.0, 0.0)


def test_many_resamples_are_measured_in_parts_with_the_same_answer():
    random = np.random.default_rng(2)
    chosen = answers(random.integers(-1, 3, (30, 4)), random.random((30, 4)))
    weights = random.integers(0, 3, (40_000, 30)).astype(float)
    together = measure(chosen, weights)
    for name, values in measure(chosen, weights[-3:]).items():
        assert together[name][-3:] == pytest.approx(values, nan_ok=True), name
        assert together[name].shape == (40_000,)


def test_batches_are_joined_in_order():
    one, two = answers([[0]], [[0.5]]), answers([[NONE], [1]], [[0.1], [0.2]])
    joined = join_answers([one, two])
    assert joined.scores.ravel().tolist() == [0.5, 0.1, 0.2]
    assert joined.whole.tolist() == [0, NONE, 1]


def test_whole_groups_are_drawn_together_and_the_seed_decides():
    groups = ["a", "a", "b", "c", "b"]
    weights = draw_weights(groups, draws=50, seed=3)
    assert weights.shape == (50, 5)
    assert (weights[:, 0] == weights[:, 1]).all()
    assert (weights[:, 2] == weights[:, 4]).all()
    assert (weights[:, [0, 2, 3]].sum(axis=1) == 3).all()
    assert (weights == draw_weights(groups, draws=50, seed=3)).all()
    assert not (weights == draw_weights(groups, draws=50, seed=4)).all()
    assert draw_weights(groups, draws=0, seed=3).shape == (0, 5)


def test_an_interval_holds_the_middle_of_what_is_defined():
    assert find_interval(np.arange(101) / 100) == [0.025, 0.975]
    assert find_interval(np.array([np.nan, 0.5, np.nan])) == [0.5, 0.5]
    assert find_interval(np.array([np.nan])) is None


def test_calibration_compares_scores_with_shares_in_ten_bins():
    chosen = answers([[0], [NONE], [NONE], [1]], [[1.0], [0.92], [0.04], [0.0]])
    found = calibrate_bins(chosen)
    assert found["bins"] == [
        {"from": 0.0, "to": 0.1, "pairs": 2, "mean_score": 0.02, "carried": 0.5},
        {"from": 0.9, "to": 1.0, "pairs": 2, "mean_score": 0.96, "carried": 0.5},
    ]
    assert found["ece"] == pytest.approx((2 * 0.48 + 2 * 0.46) / 4)
    assert found["ece_shown"] == pytest.approx(0.46)


def test_calibration_of_low_scores_alone_has_no_gap_that_people_see():
    assert calibrate_bins(answers([[NONE]], [[0.0]])) == {
        "ece": 0.0,
        "ece_shown": None,
        "bins": [{"from": 0.0, "to": 0.1, "pairs": 1, "mean_score": 0.0, "carried": 0.0}],
    }


@pytest.mark.parametrize(("value", "expected"), [(np.nan, None), (0.123456, 0.1235), (3, 3), (np.float64(1), 1.0)])
def test_numbers_for_json(value, expected):
    assert to_json(value) == expected
