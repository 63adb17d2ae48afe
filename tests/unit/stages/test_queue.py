import pytest

from monitor.stages.queue import SAMPLE_SHARE, SECOND_SHARE, choose_order, draw_share, judge_state, make_questions
from tests.factories import make_score

THRESHOLDS = {"fake_loyalty": 0.5, "crimea_always_russian": 0.9}


def ask(*scores, article_id="a", seed="s"):
    return make_questions(article_id, scores, thresholds=THRESHOLDS, seed=seed)


def below(narrative="fake_loyalty", score=0.3):
    return make_score(narrative, score, is_carried=False, flagged=False)


@pytest.mark.parametrize(
    ("scores", "asked"),
    [
        pytest.param((), [""], id="nothing-listed"),
        pytest.param((below(),), ["fake_loyalty"], id="none-flagged"),
        pytest.param((below("crimea_always_russian", 0.6), below(score=0.4)), ["fake_loyalty"], id="nearest-to-its-own-threshold"),
        pytest.param((make_score(), below("crimea_always_russian", 0.8)), ["fake_loyalty"], id="flagged-only"),
        pytest.param((make_score(), make_score("x")), ["fake_loyalty", "x"], id="all-flagged"),
    ],
)
def test_what_is_asked(scores, asked):
    assert [question.narrative for question in ask(*scores)] == asked


def test_flags_come_before_all_else_in_the_morning():
    [flag], [near], [none] = ask(make_score(score=0.51)), ask(below(score=0.99)), ask()
    assert flag.rank_certain < near.rank_certain < none.rank_certain


def test_doubt_is_not_knowing_whether_the_narrative_is_carried():
    [far], [near], [none] = ask(below(score=0.1)), ask(below(score=0.48)), ask()
    assert near.rank_uncertain < far.rank_uncertain < none.rank_uncertain
    [sure] = ask(make_score(score=0.99, stance_score=0.51))
    assert far.rank_uncertain < sure.rank_uncertain


def test_the_shares_are_drawn_as_announced_and_follow_from_the_seed():
    questions = [ask(make_score(), article_id=str(n))[0] for n in range(4_000)]
    assert sum(q.is_sampled for q in questions) / 4_000 == pytest.approx(SAMPLE_SHARE, abs=0.015)
    assert sum(q.wants_second for q in questions) / 4_000 == pytest.approx(SECOND_SHARE, abs=0.015)
    both = sum(q.is_sampled and q.wants_second for q in questions)
    assert both / 4_000 == pytest.approx(SAMPLE_SHARE * SECOND_SHARE, abs=0.008), "the draws are independent"
    assert ask(make_score(), article_id="7") == ask(make_score(), article_id="7")
    assert [ask(make_score(), article_id=str(n), seed="other")[0].is_sampled for n in range(99)] != [
        q.is_sampled for q in questions[:99]
    ]


def test_what_the_model_thinks_little_of_is_drawn_seldom_but_can_be():
    [none], [low], [flag] = ask(), ask(below(score=0.3)), ask(make_score())
    assert 0 < none.probability < low.probability < flag.probability == SAMPLE_SHARE
    assert all((q.rank_sample < 1) == q.is_sampled for q in (none, low, flag))


def test_draws_lie_evenly_between_0_and_1():
    drawn = [draw_share("s", str(n)) for n in range(2_000)]
    assert 0 <= min(drawn) < 0.01
    assert 0.99 < max(drawn) < 1
    assert sum(drawn) / 2_000 == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("selective", [pytest.param(False, id="all"), pytest.param(True, id="filtered")])
def test_a_tenth_each_goes_to_the_random_share_and_to_second_opinions(selective):
    chosen = [choose_order("certain", seed="s", account_id=1, answered=n, selective=selective) for n in range(3_000)]
    first = [orders[0] for orders in chosen]
    assert first.count("sample") / 3_000 == pytest.approx(0 if selective else SAMPLE_SHARE, abs=0.02)
    assert first.count("second") / 3_000 == pytest.approx(SECOND_SHARE if not selective else 0.2, abs=0.02)
    assert all("certain" in orders and "second" in orders for orders in chosen)
    assert not any(selective and "sample" in orders for orders in chosen), "a filter would bend it"


@pytest.mark.parametrize("order", ["sample", "second"])
def test_who_asks_for_one_queue_gets_that_one(order):
    assert choose_order(order, seed="s", account_id=1, answered=3, selective=False) == (order,)


@pytest.mark.parametrize(
    ("live", "wants_second", "state"),
    [
        pytest.param([], False, "open", id="nobody"),
        pytest.param([(1, "skip")], False, "open", id="skipped"),
        pytest.param([(1, "confirm")], False, "decided", id="confirmed"),
        pytest.param([(1, "reject")], False, "decided", id="rejected"),
        pytest.param([(1, "confirm")], True, "second", id="second-wanted"),
        pytest.param([(1, "confirm"), (1, "reject")], True, "second", id="one-analyst-is-one"),
        pytest.param([(1, "confirm"), (2, "reject")], True, "decided", id="two"),
        pytest.param([(1, "unsure")], False, "second", id="unsure"),
        pytest.param([(1, "unsure"), (2, "unsure")], False, "decided", id="both-unsure"),
        pytest.param([(1, "confirm"), (2, "skip")], True, "second", id="skipping-is-no-opinion"),
    ],
)
def test_what_decisions_make_of_an_item(live, wants_second, state):
    assert judge_state(live, wants_second=wants_second) == state
