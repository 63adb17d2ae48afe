"""What tests of the review do with a store, and the accounts and answers that they share."""

from datetime import timedelta

from sqlalchemy import create_engine

from monitor.decisions import Answer, Basis, Filters
from monitor.records import Assessment
from monitor.stages.articles import article_id_for, decide_entries
from tests.factories import BUNDLE, NOON, make_entry
from tests.unit.storage.stores import keep

HOUR = timedelta(hours=1)
THRESHOLDS = {"fake_loyalty": 0.5, "crimea_always_russian": 0.5}
# A seed under which the articles below are outside the random share and need one opinion.
SEED = "s"
CONFIRM = Answer("confirm", "fake_loyalty", "promotes")
REJECT = Answer("reject")
SKIP = Answer("skip")
ALL = Filters()


def put(pipeline, key, *scores, feed_id="agency", title=None, at=NOON, bundle=BUNDLE):
    """Store an article (or its next revision) and its assessment; gives its id."""
    entry = make_entry(key, feed_id=feed_id, title=title or f"Заголовок о событии номер {key} и ещё несколько слов {key}")
    known = pipeline.load_known([entry], fetched_at=at)
    keep(pipeline, decide_entries([entry], known), feed_id=feed_id, at=at)
    pipeline.cluster_pending()
    assess(pipeline, *scores, bundle=bundle)
    return article_id_for(entry.identity)


def assess(pipeline, *scores, bundle=BUNDLE):
    waiting = pipeline.load_pending(bundle, limit=100)
    pipeline.save_assessments(bundle, [(p.revision_id, Assessment("ru", scores)) for p in waiting], made_at=NOON)


def fill(store, *, bundle=BUNDLE, seed=SEED, thresholds=THRESHOLDS):
    while store.fill_queue(bundle, thresholds=thresholds, seed=seed, limit=2):
        pass
    store.close_copies()


def plain(store, db_url):
    """Take all items out of the random share and the second opinions, so that a test knows what comes."""
    change(db_url, "UPDATE review_items SET is_sampled = FALSE, wants_second = FALSE")


def change(db_url, statement):
    """Do something behind the store's back."""
    engine = create_engine(db_url)
    try:
        with engine.begin() as connection:
            connection.exec_driver_sql(statement)
    finally:
        engine.dispose()


def page(store, order="certain", filters=ALL, *, who="anna", after=None, limit=20):
    return store.load_page(order, filters, account_id=store.accounts[who], after=after, limit=limit)


def claim(store, who="anna", *, orders=("certain",), at=NOON, but=None):
    return store.claim_next(orders, Filters(), account_id=store.accounts[who], now=at, but=but)


def decide(store, item_id, answer=CONFIRM, *, who="anna", at=NOON, basis=None):
    item = store.load_item(item_id)
    basis = basis or Basis(item.revision, item.version)
    return store.save_decision(item_id, answer, account_id=store.accounts[who], basis=basis, made_at=at)
