"""Clusters of near copies on a real SQLite database."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from monitor.storage.clusters import MEMORY, cluster_pending
from monitor.storage.schema import articles, copy_texts
from tests.factories import NOON
from tests.unit.storage.stores import CLEAN, assess_pending, entry, visit

BODY = " ".join(f"слово{n}" for n in range(120))
NEAR = BODY.replace("слово60 ", "иначе ")
OTHER = " ".join(f"другое{n}" for n in range(120))


def cluster(store, *, limit: int = 100) -> int:
    with store._engine.begin() as connection:
        return cluster_pending(connection, limit=limit)


def clusters_of(store) -> list[int]:
    with store._engine.begin() as connection:
        return list(connection.execute(select(articles.c.cluster).order_by(articles.c.id)).scalars())


def count(store, table) -> int:
    with store._engine.begin() as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()


@pytest.mark.parametrize("limit", [1, 2, 100], ids=["one by one", "two at a time", "all at once"])
def test_near_copies_are_one_cluster_named_by_the_first(store, limit):
    texts = [BODY, OTHER, NEAR, BODY + " ещё"]
    for n, text in enumerate(texts):
        visit(store, entry(f"e{n}", f"Заголовок {n}", text=text), at=NOON + timedelta(hours=n))
    while cluster(store, limit=limit):
        pass
    assert clusters_of(store) == [1, 2, 1, 1]


@pytest.mark.parametrize("limit", [1, 100], ids=["one by one", "all at once"])
def test_an_article_between_two_clusters_makes_them_one(store, limit):
    words = BODY.split()
    far = " ".join([*words[:4], *(f"{w}а" for w in words[4:12]), *words[12:]])
    farther = " ".join([*words[:100], *(f"{w}а" for w in words[100:108]), *words[108:]])
    for n, text in enumerate([far, farther, OTHER, BODY]):
        visit(store, entry(f"e{n}", text=text), at=NOON + timedelta(hours=n))
    while cluster(store, limit=limit):
        pass
    assert clusters_of(store) == [1, 1, 3, 1]


def test_headlines_alone_are_copies_only_when_long_enough(store):
    visit(store, entry("a", "Погода"), entry("b", "Погода"), entry("c", "Паром вышел в море рано утром во вторник"))
    visit(store, entry("d", "Паром вышел в море рано утром во вторник!"), at=NOON + timedelta(hours=1))
    cluster(store)
    assert clusters_of(store) == [1, 2, 3, 3]


def test_what_finds_copies_is_forgotten_after_its_time_and_the_clusters_stay(store):
    visit(store, entry("a", text=BODY))
    cluster(store)
    assert count(store, copy_texts) == 1
    visit(store, entry("b", "Паром", text=OTHER), at=NOON + MEMORY)
    cluster(store)
    assert count(store, copy_texts) == 2
    visit(store, entry("c", "Тот же рассказ снова", text=BODY), at=NOON + MEMORY + timedelta(seconds=1))
    cluster(store)
    assert count(store, copy_texts) == 2
    assert clusters_of(store) == [1, 2, 3]


def test_where_copies_were_seen_is_told_in_order(store):
    visit(store, entry("a", text=BODY))
    visit(store, entry("b", feed_id="pier", text=NEAR), feed_id="pier", at=NOON + timedelta(hours=2))
    assess_pending(store, CLEAN)
    cluster(store)
    for reference in ("https://agency.example/a", "https://pier.example/b"):
        copies = store.load_history(reference).copies
        assert [(copy.feed_id, copy.first_seen_at) for copy in copies] == [("agency", NOON), ("pier", NOON + timedelta(hours=2))]


def test_an_edited_article_stays_where_it_is(store):
    visit(store, entry("a", text=BODY), entry("b", "Другой заголовок", text=NEAR))
    cluster(store)
    visit(store, entry("b", "Другой заголовок", text=OTHER), at=NOON + timedelta(hours=1))
    assert cluster(store) == 0
    assert clusters_of(store) == [1, 1]
