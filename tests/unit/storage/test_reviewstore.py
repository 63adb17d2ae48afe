"""Accounts, the queue and decisions on real databases."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy.exc import DBAPIError

from monitor.decisions import Answer, Basis, Conflict, Filters, Kept, Span
from monitor.stages.articles import article_id_for
from monitor.stages.queue import make_questions
from monitor.stages.rows import make_row_values
from monitor.stages.searchquery import parse_query
from tests.factories import BUNDLE, NOON, make_entry, make_score
from tests.unit.storage.reviewing import (
    CONFIRM,
    HOUR,
    REJECT,
    SKIP,
    THRESHOLDS,
    assess,
    change,
    claim,
    decide,
    fill,
    page,
    plain,
    put,
)


@pytest.fixture
def store(review_store):
    return review_store


# Accounts


def test_a_name_is_given_once(store):
    assert store.add_account("anna", role="lead", password_hash="x", created_at=NOON) is None
    assert [(a.name, a.role) for a in store.load_accounts()] == [("anna", "analyst"), ("bohdan", "analyst"), ("lesia", "lead")]
    assert store.count_active_leads() == 1


def open_session(store, key="t", *, who="anna", hours=12):
    store.open_session(key, account_id=store.accounts[who], language="uk", now=NOON, expires_at=NOON + hours * HOUR)


def load_session(store, key="t", *, at=NOON, idle=HOUR):
    return store.load_session(key, now=at, seen_since=at - idle)


@pytest.mark.parametrize(
    ("after", "holds"),
    [pytest.param(timedelta(minutes=59), True, id="in-use"), pytest.param(timedelta(minutes=61), False, id="idle")],
)
def test_an_idle_session_ends(store, after, holds):
    open_session(store)
    assert (load_session(store, at=NOON + after) is not None) is holds


def test_a_session_ends_at_its_time_however_busy(store):
    open_session(store, hours=2)
    store.touch_session("t", NOON + 2 * HOUR)
    assert load_session(store, at=NOON + 2 * HOUR - timedelta(seconds=1), idle=3 * HOUR) is not None
    assert load_session(store, at=NOON + 2 * HOUR, idle=3 * HOUR) is None


@pytest.mark.parametrize(
    "end",
    [
        pytest.param(lambda s: s.close_session("t"), id="log-out"),
        pytest.param(lambda s: s.set_disabled("anna", NOON), id="disabled"),
        pytest.param(lambda s: s.set_password("anna", "new"), id="new-password"),
    ],
)
def test_what_ends_a_session(store, end):
    open_session(store)
    open_session(store, "other", who="bohdan")
    end(store)
    assert load_session(store) is None
    assert load_session(store, "other").account.name == "bohdan"


def test_the_session_that_changes_the_password_stays(store):
    open_session(store)
    open_session(store, "elsewhere")
    assert store.set_password("anna", "new", keep="t")
    assert load_session(store) is not None
    assert load_session(store, "elsewhere") is None
    assert store.load_credentials("anna")[1] == "new"


def test_failures_are_counted_by_subject_and_forgotten(store):
    for minute in range(3):
        store.add_failure(("name:a", "address:b"), failed_at=NOON + timedelta(minutes=minute), forget_before=NOON - HOUR)
    assert len(store.load_failures("name:a", since=NOON)) == 3
    assert len(store.load_failures("address:b", since=NOON + timedelta(minutes=1))) == 2
    store.clear_failures("name:a")
    assert store.load_failures("name:a", since=NOON) == ()
    store.add_failure(("name:a",), failed_at=NOON + 2 * HOUR, forget_before=NOON + HOUR)
    assert store.load_failures("address:b", since=NOON) == ()


# The queue


def test_the_queue_has_the_most_certain_flag_first_and_what_is_not_flagged_last(store, pipeline, db_url):
    weak = put(pipeline, "weak", make_score(score=0.6))
    none = put(pipeline, "none")
    strong = put(pipeline, "strong", make_score(score=0.99))
    below = put(pipeline, "below", make_score(score=0.45, is_carried=False, flagged=False))
    fill(store)
    plain(store, db_url)
    assert [row.article_id for row in page(store)] == [strong, weak, below, none]
    assert [row.article_id for row in page(store, "uncertain")][:2] == [below, weak]
    assert [row.narrative for row in page(store)] == ["fake_loyalty", "fake_loyalty", "fake_loyalty", ""]


def test_every_flagged_narrative_is_a_question_of_its_own(store, pipeline, db_url):
    put(pipeline, "two", make_score(score=0.9), make_score("crimea_always_russian", 0.8), make_score("other", 0.3, flagged=False))
    fill(store)
    plain(store, db_url)
    assert [row.narrative for row in page(store)] == ["fake_loyalty", "crimea_always_russian"]


def test_pages_follow_each_other_without_gap_or_repetition(store, pipeline, db_url):
    for number in range(7):
        put(pipeline, f"e{number}", make_score(score=0.9 if number % 2 else 0.7))
    fill(store)
    plain(store, db_url)
    everything = page(store)
    seen, after = [], None
    while rows := page(store, after=after, limit=2):
        seen += rows
        after = (rows[-1].rank, rows[-1].id)
    assert seen == list(everything)
    assert len(seen) == 7


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        pytest.param(Filters(), 3, id="none"),
        pytest.param(Filters(narrative="fake_loyalty"), 2, id="narrative"),
        pytest.param(Filters(feed_id="pier"), 1, id="feed"),
        pytest.param(Filters(language="uk"), 0, id="language"),
        pytest.param(Filters(day=NOON.date()), 3, id="day"),
        pytest.param(Filters(day=NOON.date() - timedelta(days=1)), 0, id="other-day"),
        pytest.param(Filters(flagged=True), 2, id="flagged"),
    ],
)
def test_filters(store, pipeline, db_url, filters, found):
    put(pipeline, "a", make_score())
    put(pipeline, "b", make_score(), feed_id="pier")
    put(pipeline, "c", make_score("crimea_always_russian", 0.2, is_carried=False, flagged=False))
    fill(store)
    plain(store, db_url)
    assert len(page(store, filters=filters)) == found


def test_copies_count_once(store, pipeline, db_url):
    text = "Жители полуострова единогласно поддержали решение, сообщили власти города и области вчера вечером"
    first = put(pipeline, "a", make_score(), title=text)
    put(pipeline, "b", make_score(), title=f"{text} снова", feed_id="pier")
    fill(store)
    plain(store, db_url)
    assert [(row.article_id, row.copies) for row in page(store)] == [(first, 2)]


def test_the_random_share_is_apart_and_complete(store, pipeline):
    for number in range(40):
        put(pipeline, f"e{number}", make_score(score=0.9))
    fill(store)
    sampled = {row.id for row in page(store, "sample", limit=100)}
    rest = {row.id for row in page(store, limit=100)}
    assert len(sampled | rest) == 40
    assert not sampled & rest
    assert 1 <= len(sampled) <= 10


def test_two_analysts_do_not_get_the_same_item(store, pipeline, db_url):
    for number in range(4):
        put(pipeline, f"e{number}", make_score(score=0.9 - number / 10))
    fill(store)
    plain(store, db_url)
    order = [row.id for row in page(store)]
    assert claim(store) == order[0]
    assert claim(store, "bohdan") == order[1]
    assert claim(store) == order[0], "asking again gives the same item"
    assert claim(store, but=order[0]) == order[2]
    assert claim(store, "lesia") == order[0], "who moves on gives back what they held"
    assert not store.claim_item(order[0], account_id=store.accounts["anna"], now=NOON)
    assert store.claim_item(order[0], account_id=store.accounts["anna"], now=NOON + HOUR), "a claim runs out"


def test_nothing_left_to_claim(store):
    assert claim(store, orders=("certain", "sample", "second")) is None


# Decisions


@pytest.fixture
def item(store, pipeline, db_url):
    put(pipeline, "only", make_score())
    fill(store)
    plain(store, db_url)
    return page(store)[0].id


def test_a_decision_is_kept_with_all_that_bears_on_it(store, item):
    claim(store)
    answer = replace(CONFIRM, span=Span("title", 0, 9), note="ясно")
    kept = decide(store, item, answer)
    decision = store.load_decision(kept.decision_id)
    assert decision.answer == answer
    assert (decision.account, decision.made_at, decision.bundle, decision.revision) == ("anna", NOON, BUNDLE, 1)
    assert (decision.asked, decision.scheme, decision.probability, decision.is_live) == ("fake_loyalty", "certain", None, True)
    assert store.load_item(item).state == "decided"
    assert page(store) == ()


def test_what_was_looked_up_says_so(store, item):
    kept = decide(store, item)
    assert store.load_decision(kept.decision_id).scheme == "chosen"


def test_an_item_of_the_random_share_keeps_its_probability(store, pipeline):
    put(pipeline, "only", make_score())
    fill(store, seed=next(seed for seed in map(str, range(1000)) if drawn(seed)))
    [row] = page(store, "sample")
    assert claim(store, orders=("sample", "certain")) == row.id
    decision = store.load_decision(decide(store, row.id).decision_id)
    assert (decision.scheme, decision.probability) == ("sample", 0.1)
    [judged] = store.load_judged(since=NOON)
    assert (judged.asked, judged.flagged, judged.probability) == ("fake_loyalty", True, 0.1)


def drawn(seed):
    article_id = article_id_for(make_entry("only").identity.replace("crimea-agency", "agency"))
    [question] = make_questions(article_id, [make_score()], thresholds=THRESHOLDS, seed=seed)
    return question.is_sampled and not question.wants_second


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        pytest.param(lambda s, p, i: decide(s, i, REJECT, who="bohdan"), "decision", id="decided-by-somebody-else"),
        pytest.param(lambda s, p, i: put(p, "only", make_score(), title="Совсем другой заголовок"), "revision", id="edited"),
    ],
)
def test_nothing_is_kept_of_what_was_seen_before_it_changed(store, pipeline, item, change, reason):
    seen = store.load_item(item)
    change(store, pipeline, item)
    before = len(store.load_article_decisions(seen.article_id))
    assert decide(store, item, basis=Basis(seen.revision, seen.version)) == Conflict(reason)
    assert len(store.load_article_decisions(seen.article_id)) == before


def test_an_unknown_item_is_closed(store):
    assert store.save_decision(99, CONFIRM, account_id=1, basis=Basis(1, 0), made_at=NOON) == Conflict("closed")


def test_a_correction_supersedes_and_its_undoing_brings_the_first_answer_back(store, item):
    first = decide(store, item).decision_id
    second = decide(store, item, REJECT).decision_id
    assert [d.is_live for d in store.load_decisions(limit=9)] == [True, False]
    assert undo(store, second) is not None
    newest = store.load_decisions(limit=9)[0]
    assert (newest.answer, newest.supersedes, newest.is_live) == (CONFIRM, second, True)
    assert undo(store, newest.id) is not None
    assert undo(store, newest.id) is None, "once only"
    assert store.load_decision(first).is_live is False
    assert len(store.load_decisions(limit=9)) == 4, "nothing is ever taken out of the trail"


def undo(store, decision_id, *, who="anna", is_lead=False):
    return store.undo_decision(decision_id, account_id=store.accounts[who], is_lead=is_lead, made_at=NOON)


def test_undoing_opens_the_item_again(store, item):
    kept = decide(store, item).decision_id
    assert undo(store, kept) is not None
    assert store.load_item(item).state == "open"
    assert [row.id for row in page(store)] == [item]


def test_only_leads_take_back_what_others_decided(store, item):
    kept = decide(store, item).decision_id
    assert undo(store, kept, who="bohdan") is None
    assert undo(store, kept, who="lesia", is_lead=True) is not None
    trail = store.load_decisions(limit=9)
    assert [(d.account, d.answer.verdict) for d in trail] == [("lesia", "undo"), ("anna", "confirm")]


def test_skipped_items_wait_for_the_others(store, item):
    decide(store, item, SKIP)
    assert page(store) == ()
    assert [row.id for row in page(store, who="bohdan")] == [item]


def test_who_is_unsure_makes_a_second_opinion_due_from_somebody_else(store, item):
    decide(store, item, Answer("unsure"))
    assert page(store, "second") == ()
    assert [row.id for row in page(store, "second", who="bohdan")] == [item]
    assert claim(store, "bohdan", orders=("certain", "second")) == item
    kept = decide(store, item, REJECT, who="bohdan")
    assert store.load_decision(kept.decision_id).scheme == "second"
    assert store.load_item(item).state == "decided"
    [(asked, first, second)] = store.load_pairs(since=NOON)
    assert (asked, first.verdict, second.verdict) == ("fake_loyalty", "unsure", "reject")


def test_the_trail_cannot_be_changed(store, item, db_url):
    decide(store, item)
    for statement in ("UPDATE decisions SET note = 'x'", "DELETE FROM decisions"):
        with pytest.raises(DBAPIError, match="never changed"):
            change(db_url, statement)


def test_decisions_survive_runs_and_new_bundles(store, pipeline, item, db_url):
    decide(store, item)
    fill(store)
    assess(pipeline, make_score(score=0.7), bundle="cb2")
    fill(store, bundle="cb2")
    assert (store.load_item(item).bundle, store.load_item(item).state) == ("cb2", "decided")
    assert page(store) == ()


def test_a_bundle_that_asks_otherwise_closes_open_questions_and_keeps_answered_ones(store, pipeline, db_url):
    answered = put(pipeline, "answered", make_score())
    waiting = put(pipeline, "waiting", make_score())
    fill(store)
    plain(store, db_url)
    decide(store, next(row.id for row in page(store) if row.article_id == answered))
    assess(pipeline, make_score("crimea_always_russian"), bundle="cb2")
    fill(store, bundle="cb2")
    plain(store, db_url)
    assert [item.narrative for item in store.load_siblings(waiting)] == ["crimea_always_russian"]
    assert {(i.narrative, i.state) for i in store.load_siblings(answered)} == {
        ("crimea_always_russian", "open"),
        ("fake_loyalty", "decided"),
    }


def test_an_edited_text_is_asked_about_again(store, pipeline, item, db_url):
    decide(store, item)
    put(pipeline, "only", make_score(), title="Новый заголовок после правки")
    fill(store)
    plain(store, db_url)
    assert [(row.id, row.title) for row in page(store)] == [(item, "Новый заголовок после правки")]
    assert decide(store, item, REJECT) == Kept(2)


def test_flagged_and_decided_by_day(store, pipeline, item):
    put(pipeline, "next", make_score(), at=NOON + timedelta(days=1))
    fill(store)
    decide(store, item)
    days = store.load_day_counts(first=NOON.date(), last=NOON.date() + timedelta(days=1))
    assert [(d.day.day, d.narrative, d.flagged, d.decided, d.confirmed) for d in days] == [
        (15, "fake_loyalty", 1, 0, 0),
        (14, "fake_loyalty", 1, 1, 1),
    ]


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        pytest.param([], None, id="nobody"),
        pytest.param([("anna", CONFIRM)], "confirmed", id="confirmed"),
        pytest.param([("anna", REJECT)], "rejected", id="rejected"),
        pytest.param([("anna", Answer("unsure"))], "unsure", id="unsure"),
        pytest.param([("anna", SKIP)], None, id="skipped"),
        pytest.param([("anna", CONFIRM), ("bohdan", REJECT)], "disputed", id="disputed"),
    ],
)
def test_the_digest_tells_of_decisions(store, pipeline, item, answers, told):
    for who, answer in answers:
        decide(store, item, answer, who=who)
    [row] = pipeline.load_digest(NOON.date(), timezone="Europe/Kyiv", bundle=BUNDLE).rows
    assert row.decision == told
    assert make_row_values(row, day=NOON.date(), bundle=BUNDLE)["decision"] == told


def test_search_finds_the_article_and_its_item(store, pipeline, item):
    pipeline.index_text()
    [found] = store.search(parse_query("Заголовок only"), limit=5)
    assert store.find_item(found.article_id) == item
    assert store.find_item("0" * 16) is None
    assert found.outlet == "Outlet agency"
