import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.train.measures import NONE, Answers, average_precision, calibrate_bins, draw_weights, find_interval, measure

scores = st.floats(0, 1, width=16)
texts = st.lists(st.tuples(st.integers(NONE, 2), scores, st.booleans(), st.booleans()), min_size=1, max_size=30)
seeds = st.integers(0, 2**31 - 1)


def make_answers(rows: list[tuple[int, float, bool, bool]]) -> Answers:
    gold, values, flagged, hits = (np.array(part) for part in zip(*rows, strict=True))
    codes = gold.astype(np.int8)
    return Answers(codes[:, None], codes[:, None], values[:, None].astype(float), flagged[:, None], codes, hits)


@given(texts, seeds)
def test_every_figure_is_a_share_or_not_defined_in_every_resample(rows, seed):
    weights = draw_weights([str(n // 2) for n in range(len(rows))], draws=5, seed=seed)
    for name, values in measure(make_answers(rows), weights).items():
        defined = values[~np.isnan(values)]
        assert values.shape == (5,), name
        assert ((defined >= 0) & (defined <= 1 + 1e-9)).all(), name


@given(texts)
def test_the_order_of_texts_changes_no_figure(rows):
    once = np.ones((1, len(rows)))
    forwards, backwards = measure(make_answers(rows), once), measure(make_answers(rows[::-1]), once)
    for name, values in forwards.items():
        assert values == pytest.approx(backwards[name], nan_ok=True), name


@given(st.lists(st.tuples(scores, st.booleans()), min_size=1, max_size=30))
def test_average_precision_knows_only_the_order_of_scores(pairs):
    values, gold = np.array([p[0] for p in pairs], dtype=float), np.array([p[1] for p in pairs])
    once = np.ones((1, len(pairs)))
    ranks = np.searchsorted(np.unique(values), values).astype(float)
    assert average_precision(values, gold, once) == pytest.approx(average_precision(ranks, gold, once), nan_ok=True)


@given(st.lists(st.sampled_from("abcdef"), min_size=1, max_size=40), seeds)
def test_resamples_draw_as_many_groups_as_there_are(groups, seed):
    weights = draw_weights(groups, draws=3, seed=seed)
    firsts = [groups.index(name) for name in set(groups)]
    assert (weights[:, firsts].sum(axis=1) == len(firsts)).all()
    assert all((weights[:, i] == weights[:, groups.index(name)]).all() for i, name in enumerate(groups))


@given(st.lists(scores, min_size=1, max_size=50))
def test_intervals_are_in_order_and_within_what_was_drawn(values):
    low, high = find_interval(np.array(values, dtype=float))
    assert min(values) - 1e-4 <= low <= high <= max(values) + 1e-4


@settings(max_examples=50)
@given(texts)
def test_bins_hold_every_pair_once(rows):
    found = calibrate_bins(make_answers(rows))
    assert sum(b["pairs"] for b in found["bins"]) == len(rows)
    assert all(b["from"] - 1e-4 <= b["mean_score"] <= b["to"] + 1e-4 for b in found["bins"])
    assert 0 <= found["ece"] <= 1
