"""The rows of exports, on real databases."""

from datetime import timedelta

import pytest

from monitor.records import Assessment
from monitor.storage.articles import CHUNK
from monitor.storage.store import SqlStore
from tests.factories import BUNDLE, NOON, make_feed, make_score
from tests.unit.storage.stores import CLEAN, DAY, LONG, assess_pending, entry, load_digest, visit

ZONE = "Europe/Kyiv"


@pytest.fixture
def store(db_url):
    with SqlStore(db_url) as opened:
        opened.sync_feeds((make_feed("agency"), make_feed("pier", kind="state")))
        yield opened


def tell(store, key: str, *scores, at=NOON, **changes) -> None:
    visit(store, entry(key, f"{LONG} Выпуск {key}", **changes), at=at)
    assess_pending(store, Assessment("ru", scores))


def rank(store, day=DAY, **chosen) -> list[int]:
    return [one.revision_id for one in store.rank_revisions(day, timezone=ZONE, bundle=BUNDLE, **chosen)]


def load(store, day=DAY, **chosen):
    return store.load_export_rows(day, rank(store, day, **chosen), timezone=ZONE, bundle=BUNDLE)


def keys(rows) -> list[str]:
    return [row.article.title.rsplit(" ", 1)[1] for row in rows]


@pytest.fixture
def full(store):
    """Four articles: two flagged, one that refutes, one that carries nothing; and one that waits for its assessment."""
    tell(store, "weak", make_score(score=0.7))
    tell(store, "strong", make_score(score=0.9), make_score("biolabs_wmd", 0.8))
    tell(store, "debunk", make_score(score=0.95, stance="refutes", flagged=False))
    visit(store, entry("plain", f"{LONG} Выпуск plain"))
    assess_pending(store, CLEAN)
    visit(store, entry("waiting", f"{LONG} Выпуск waiting"))
    return store


def test_an_export_holds_the_rows_of_the_digest_in_its_order(full):
    rows = load(full)
    assert keys(rows) == ["strong", "weak"]
    assert tuple(row.article for row in rows) == load_digest(full).rows
    assert {row.bundle for row in rows} == {BUNDLE}


def test_all_articles_come_behind_the_flagged_ones_and_say_whether_they_were_assessed(full):
    rows = load(full, flagged_only=False)
    assert keys(rows)[:3] == ["strong", "weak", "debunk"]
    assert {key: row.bundle for key, row in zip(keys(rows), rows, strict=True)} == {
        "strong": BUNDLE,
        "weak": BUNDLE,
        "debunk": BUNDLE,
        "plain": BUNDLE,
        "waiting": None,
    }
    assert all(row.article.language == "ru" for row in rows)


def test_an_article_that_the_model_failed_on_is_there_without_a_bundle(store):
    visit(store, entry("e1", f"{LONG} Выпуск e1"))
    store.save_assessment_failure(BUNDLE, store.load_pending(BUNDLE, limit=1)[0].revision_id, "x", failed_at=NOON)
    assert [(row.bundle, row.article.narratives) for row in load(store, flagged_only=False)] == [(None, ())]
    assert rank(store) == []


@pytest.mark.parametrize(
    ("narratives", "flagged_only", "found"),
    [
        pytest.param(("fake_loyalty",), True, ["strong", "weak"], id="flagged for it"),
        pytest.param(("biolabs_wmd",), True, ["strong"], id="flagged for it among others"),
        pytest.param(("fake_loyalty",), False, ["strong", "weak", "debunk"], id="carrying it"),
        pytest.param(("biolabs_wmd", "fake_loyalty"), True, ["strong", "weak"], id="any of two"),
        pytest.param(("kyiv_terror",), True, [], id="none"),
    ],
)
def test_an_export_can_be_limited_to_narratives(full, narratives, flagged_only, found):
    assert keys(load(full, narratives=narratives, flagged_only=flagged_only)) == found


def test_a_day_has_the_last_text_that_an_article_had_on_it_and_its_copies_up_to_then(store):
    tell(store, "e1", make_score(), text="Утром")
    tell(store, "e1", make_score(), text="Завтра", at=NOON + timedelta(days=1))
    later = DAY + timedelta(days=1)
    assert [(row.article.revision, row.article.text, row.day) for row in load(store)] == [(1, "Утром", DAY)]
    assert [(row.article.revision, row.article.text, row.day) for row in load(store, later)] == [(2, "Завтра", later)]


def test_more_rows_than_one_query_takes_are_all_there(store):
    many = [entry(f"e{n}", f"{LONG} Выпуск {n}") for n in range(CHUNK + 5)]
    visit(store, *many)
    waiting = store.load_pending(BUNDLE, limit=CHUNK + 5)
    store.save_assessments(BUNDLE, [(p.revision_id, Assessment("ru", (make_score(),))) for p in waiting], made_at=NOON)
    assert len({row.article.article_id for row in load(store)}) == CHUNK + 5
