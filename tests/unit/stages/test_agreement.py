import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from monitor.dayreports import Precision
from monitor.decisions import Answer, Judged
from monitor.stages.agreement import (
    MIN_DECIDED,
    estimate_precision,
    estimate_recall,
    estimate_share,
    measure_agreement,
    measure_kappa,
    rate_flags,
)
from monitor.stages.queue import make_questions
from tests.factories import make_score

YES = Answer("confirm", "n", "promotes")
NO = Answer("reject")


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc")), min_size=1, max_size=40))
def test_kappa_is_that_of_scikit_learn(pairs):
    first, second = zip(*pairs, strict=True)
    found = measure_kappa(pairs)
    if len(set(first) | set(second)) == 1:
        assert found is None
    else:
        assert found == pytest.approx(cohen_kappa_score(first, second))


def test_agreement_by_narrative():
    pairs = [("n", YES, YES), ("n", NO, NO), ("n", YES, Answer("confirm", "n", "refutes")), ("m", NO, NO)]
    m, n = measure_agreement(pairs)
    assert (m.narrative, m.pairs, m.agreed, m.kappa) == ("m", 1, 1, None)
    assert (n.narrative, n.pairs, n.agreed) == ("n", 3, 2)
    assert n.kappa == pytest.approx(0.5)


# Wilson, E. B. (1927), as in Brown, Cai and DasGupta (2001).
@pytest.mark.parametrize(
    ("true", "count", "low", "high"),
    [
        pytest.param(0, 10, 0.0, 0.2775, id="none"),
        pytest.param(9, 10, 0.5958, 0.9821, id="most"),
        pytest.param(50, 100, 0.4038, 0.5962, id="half"),
    ],
)
def test_wilsons_interval(true, count, low, high):
    found = estimate_share([(1.0, n < true) for n in range(count)])
    assert (found.low, found.high) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))


def test_weights_count_and_widen_the_interval():
    even, uneven = estimate_share([(1, True), (1, False)] * 20), estimate_share([(9, True), (1, False)] * 20)
    assert (even.value, uneven.value) == (0.5, 0.9)
    assert uneven.count == 40
    assert estimate_share([]) is None
    one = estimate_share([(3.0, True)])
    assert (one.value, one.high) == (1.0, 1.0)


def judged(answer, *, asked="n", flagged=True, probability=0.1):
    return Judged(asked, flagged, answer, probability)


def test_precision_is_of_flags_that_promote_just_this_narrative():
    found = estimate_precision(
        [
            judged(YES),
            judged(NO),
            judged(Answer("confirm", "n", "reports")),
            judged(Answer("confirm", "other", "promotes")),
            judged(Answer("unsure")),
            judged(YES, flagged=False),
            judged(YES, asked="other"),
        ],
        "n",
    )
    assert (found.value, found.count) == (0.25, 4)


def test_recall_counts_what_was_missed_by_its_chance_to_be_drawn():
    found = estimate_recall([judged(YES), judged(YES, flagged=False, probability=0.05), judged(NO, flagged=False)], "n")
    assert found.value == pytest.approx(10 / 30)


def test_the_random_share_estimates_without_bias_at_any_time():
    """However far the share is worked through, precision and recall come out as they are in the whole."""
    random_ = random.Random(7)
    truth, asked = {}, []
    for number in range(6_000):
        score = random_.random()
        flagged = score > 0.6
        [question] = make_questions(
            str(number), [make_score("n", score, flagged=flagged, is_carried=flagged)], thresholds={"n": 0.6}, seed="s"
        )
        truth[question] = random_.random() < score
        asked.append(question)
    flags = [q for q in asked if q.flagged]
    precision = sum(truth[q] for q in flags) / len(flags)
    recall = sum(truth[q] for q in flags) / sum(truth.values())
    share = sorted((q for q in asked if q.is_sampled), key=lambda q: q.rank_sample)
    for part in (1.0, 0.6):
        seen = [
            judged(YES if truth[q] else NO, flagged=q.flagged, probability=q.probability) for q in share[: int(part * len(share))]
        ]
        for found, true in ((estimate_precision(seen, "n"), precision), (estimate_recall(seen, "n"), recall)):
            assert found.low <= true <= found.high
            assert found.high - found.low < 0.25


def judge(answer, count, *, asked="n", flagged=True):
    return [Judged(asked, flagged, answer, 0.1)] * count


def test_flags_are_rated_by_narrative_where_enough_were_drawn():
    judged = [*judge(YES, 15), *judge(NO, 5), *judge(NO, MIN_DECIDED - 1, asked="few"), *judge(YES, 20, asked="low", flagged=False)]
    few, rated = rate_flags(judged)
    assert few == Precision("few", MIN_DECIDED - 1)
    assert (rated.narrative, rated.decided, rated.value) == ("n", 20, 0.75)
    assert rated.low < 0.6
    assert rated.high > 0.85


def test_without_draws_nothing_is_rated():
    assert rate_flags([]) == ()
