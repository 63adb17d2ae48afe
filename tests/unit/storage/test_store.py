"""The store on a real SQLite database."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from monitor.errors import FetchError, StoreError
from monitor.records import (
    ArchiveHead,
    Assessment,
    Decided,
    Duplicate,
    Entry,
    Evidence,
    FeedState,
    FetchedFeed,
    Fresh,
    Known,
    KnownEntry,
    NotModified,
    PageOutcome,
    PageText,
    ParsedFeed,
    Revised,
    Seen,
    TakenDocument,
    Visit,
)
from monitor.reports import (
    AssessmentCounts,
    EntryCounts,
    RunError,
    StanceCount,
)
from monitor.stages.articles import article_id_for, decide_entries
from monitor.stages.edits import find_vanished
from monitor.storage.articles import CHUNK
from monitor.storage.days import day_bounds
from monitor.storage.pages import MAX_AGE
from monitor.storage.store import COPY_MEMORY, SqlStore
from tests.factories import BUNDLE, NOON, make_entry, make_feed, make_fetched, make_report, make_score

DAY = date(2026, 5, 14)
LONG = "Жители полуострова единогласно поддержали решение, сообщили власти города."
CLEAN = Assessment("ru", ())
FLAGGED = Assessment("ru", (make_score(evidence=(Evidence("title", 0, 6, "Жители"),), terms=("единогласно",)),))
NEW = FeedState()
FEEDS = (make_feed("agency"), make_feed("pier", kind="state"))


@pytest.fixture
def store(tmp_path: Path):
    with SqlStore(f"sqlite:///{tmp_path / 'monitor.db'}") as opened:
        opened.sync_feeds(FEEDS)
        yield opened


def visit(store: SqlStore, *entries: Entry, feed_id: str = "agency", at: datetime = NOON, body: bytes = b"x") -> tuple[str, ...]:
    """Decide and keep what a feed's document held, as a run does; gives the decisions' names."""
    known = store.load_known(entries, fetched_at=at)
    decided = decide_entries(entries, known)
    vanished = find_vanished(known.last_keys.get(feed_id, ()), [entry.key for entry in entries])
    returned = tuple(entry.key for entry in known.entries.values() if entry.is_vanished)
    keep(store, decided, feed_id=feed_id, at=at, vanished=vanished, returned=returned, body=body)
    return tuple(type(decision).__name__ for decision in decided)


def keep(
    store: SqlStore,
    decided: Sequence[Decided],
    *,
    feed_id: str = "agency",
    at: datetime = NOON,
    vanished: tuple[str, ...] = (),
    returned: tuple[str, ...] = (),
    body: bytes = b"x",
) -> None:
    """Keep a document with these decisions."""
    fetched = replace(make_fetched(feed_id, body), fetched_at=at)
    parsed = ParsedFeed(tuple(decision.entry for decision in decided))
    store.save_documents("run", [TakenDocument(fetched, parsed, tuple(decided), vanished, returned, FeedState())])


def fetch(store: SqlStore, fetched: FetchedFeed, state: FeedState = NEW, *, note: str | None = None, entries: int = 0) -> None:
    """Keep a document's visit alone."""
    parsed = ParsedFeed(tuple(make_entry(f"{fetched.sha256} {n}") for n in range(entries)), degraded=note)
    store.save_documents("run", [TakenDocument(fetched, parsed, (), (), (), state)])


def answer(store: SqlStore, outcome: NotModified | FetchError, state: FeedState = NEW, *, at: datetime = NOON) -> None:
    """Keep a visit that gave no document."""
    store.save_visits("run", [Visit("agency", outcome, state, at)])


def entry(key: str = "e1", title: str = LONG, *, feed_id: str = "agency", **changes) -> Entry:
    return make_entry(key, feed_id=feed_id, title=title, **changes)


def assess_pending(store: SqlStore, assessment: Assessment = FLAGGED, *, bundle: str = BUNDLE) -> None:
    store.save_assessments(bundle, [(p.revision_id, assessment) for p in store.load_pending(bundle, limit=1000)], made_at=NOON)


def load_digest(store: SqlStore, day: date = DAY, *, timezone: str = "Europe/Kyiv", bundle: str = BUNDLE):
    return store.load_digest(day, timezone=timezone, bundle=bundle)


# Feeds and visits


def test_feeds_are_stored_updated_and_switched_off_when_no_longer_listed(store):
    store.sync_feeds([make_feed("agency", outlet="Новое имя"), make_feed("new", enabled=False)])
    health = {h.feed_id: h for h in store.load_health(NOON, NOON)}
    assert {feed_id: h.enabled for feed_id, h in health.items()} == {"agency": True, "new": False, "pier": False}
    assert health["agency"].outlet == "Новое имя"
    store.sync_feeds(FEEDS)
    assert {h.feed_id: h.enabled for h in store.load_health(NOON, NOON)}["pier"] is True


STATE = FeedState(
    etag='"v1"',
    last_modified="Thu, 14 May 2026 10:00:00 GMT",
    not_before=NOON + timedelta(minutes=10),
    moved_to="https://agency.example/moved",
    failures=2,
    unchanged=3,
    rhythm_s=600.5,
    hint_s=3600.0,
    last_new_at=NOON,
    last_success_at=NOON - timedelta(hours=1),
    lies=1,
    document_sha256="ab" * 32,
)


@pytest.mark.parametrize("outcome", [NotModified("agency", NOON), FetchError("timeout", "zu langsam")], ids=["304", "failure"])
def test_what_a_visit_leaves_behind_comes_back_whole(store, outcome):
    answer(store, outcome, STATE)
    assert store.load_feed_states() == {"agency": STATE, "pier": FeedState()}


def test_what_a_document_leaves_behind_comes_back_whole(store):
    fetch(store, make_fetched("agency"), STATE)
    assert store.load_feed_states() == {"agency": STATE, "pier": FeedState()}


def test_what_was_learnt_belongs_to_an_address_and_goes_with_it(store):
    fetch(store, make_fetched("agency"), STATE)
    store.sync_feeds([replace(FEEDS[0], outlet="Иначе")])
    assert store.load_feed_states()["agency"] == STATE
    store.sync_feeds([replace(FEEDS[0], url="https://agency.example/new")])
    assert store.load_feed_states()["agency"] == FeedState()


def test_many_visits_are_kept_in_one_step(store):
    outcomes = [NotModified("agency", NOON), FetchError("timeout", "медленно"), NotModified("pier", NOON)]
    ids = ["agency", "agency", "pier"]
    store.save_visits(
        "run", [Visit(i, o, FeedState(unchanged=n), NOON) for n, (i, o) in enumerate(zip(ids, outcomes, strict=True))]
    )
    store.save_visits("run", [])
    agency, pier = store.load_health(NOON, NOON + timedelta(hours=1))
    assert (agency.visits, agency.failures, pier.visits, pier.failures) == (2, 1, 1, 0)
    assert [state.unchanged for state in store.load_feed_states().values()] == [1, 2]


def test_health_counts_the_visits_between_two_times(store):
    later = make_fetched("agency")
    fetch(store, replace(later, fetched_at=NOON - timedelta(seconds=1)), entries=9)
    answer(store, FetchError("http_404", "нет такого"))
    fetch(store, replace(later, fetched_at=NOON), entries=5, note="обрезан")
    fetch(store, replace(later, fetched_at=NOON + timedelta(hours=1)), entries=7)
    agency, pier = store.load_health(NOON, NOON + timedelta(hours=1))
    assert (agency.visits, agency.failures, agency.entries, agency.last_outcome, agency.last_message) == (
        2,
        1,
        5,
        "fetched",
        "обрезан",
    )
    assert (pier.visits, pier.failures, pier.entries, pier.last_outcome, pier.last_message) == (0, 0, 0, None, None)


# Entries, revisions, copies, variants


def test_an_entry_is_new_once_and_then_seen(store):
    assert visit(store, entry()) == ("Fresh",)
    assert visit(store, entry(), at=NOON + timedelta(hours=1)) == ("Seen",)
    history = store.load_history(entry().url)
    assert len(history.revisions) == 1
    assert [(copy.feed_id, copy.outlet, copy.first_seen_at) for copy in history.copies] == [("agency", "Outlet agency", NOON)]


def test_what_is_stored_is_known_by_key_address_and_text(store):
    found = entry()
    visit(store, found)
    known = store.load_known([found], fetched_at=NOON)
    article_id = article_id_for(found.identity)
    assert known.entries == {("agency", "e1"): KnownEntry("e1", article_id, found.content_sha256, owns_article=True)}
    assert known.articles[found.identity].article_id == article_id
    assert known.by_content == {found.content_sha256: article_id}
    assert known.last_keys == {"agency": ("e1",)}
    assert store.load_known([replace(found, feed_id="pier")], fetched_at=NOON).entries == {}
    assert store.load_known([], fetched_at=NOON) == Known()


def test_more_entries_than_fit_into_one_query_are_known(store):
    entries = [entry(f"e{n}", f"{LONG} Выпуск {n}") for n in range(2 * CHUNK + 1)]
    assert set(visit(store, *entries)) == {"Fresh"}
    assert set(visit(store, *entries)) == {"Seen"}


def test_an_edited_entry_becomes_a_revision_and_the_first_text_stays(store):
    visit(store, entry(text="Первый вариант"))
    assert visit(store, entry(text="Второй вариант"), at=NOON + timedelta(hours=1)) == ("Revised",)
    history = store.load_history(entry().url)
    assert history.current_revision == 2
    assert [(r.number, r.text, r.is_variant, r.fetched_at) for r in history.revisions] == [
        (1, "Первый вариант", False, NOON),
        (2, "Второй вариант", False, NOON + timedelta(hours=1)),
    ]
    assert visit(store, entry(text="Второй вариант")) == ("Seen",)


def test_two_versions_in_one_document_are_two_revisions(store):
    assert visit(store, entry(text="Один"), entry(text="Один и два")) == ("Fresh", "Revised")
    assert store.load_history(entry().url).current_revision == 2


def test_an_equal_text_elsewhere_is_a_copy_of_the_first(store):
    visit(store, entry())
    assert visit(store, entry("x9", feed_id="pier"), feed_id="pier", at=NOON + timedelta(hours=1)) == ("Duplicate",)
    history = store.load_history("https://pier.example/x9")
    assert [(copy.feed_id, copy.url) for copy in history.copies] == [
        ("agency", "https://agency.example/e1"),
        ("pier", "https://pier.example/x9"),
    ]
    assert len(history.revisions) == 1


def test_an_equal_text_after_a_week_is_another_article(store):
    visit(store, entry())
    later = entry("x9", feed_id="pier")
    assert store.load_known([later], fetched_at=NOON + COPY_MEMORY).by_content != {}
    assert visit(store, later, feed_id="pier", at=NOON + COPY_MEMORY + timedelta(seconds=1)) == ("Fresh",)


def test_a_poorer_text_at_the_same_address_is_kept_as_a_variant(store):
    visit(store, entry(text="Полный текст статьи со всеми подробностями"))
    poorer = entry("p1", feed_id="pier", url=entry().url, text="Кратко")
    assert visit(store, poorer, feed_id="pier") == ("Duplicate",)
    history = store.load_history(entry().url)
    assert history.current_revision == 1
    assert [(r.feed_id, r.is_variant, r.text) for r in history.revisions][1] == ("pier", True, "Кратко")
    assert visit(store, poorer, feed_id="pier") == ("Seen",)
    assert [p.document.text for p in store.load_pending(BUNDLE, limit=9)] == ["Полный текст статьи со всеми подробностями"]


def test_two_feeds_with_texts_of_different_length_do_not_undo_each_other(store):
    richer, poorer = entry(text="Полный текст со всеми подробностями"), entry("p1", feed_id="pier", url=entry().url, text="Кратко")
    for hour in range(4):
        visit(store, richer, at=NOON + timedelta(hours=hour))
        visit(store, poorer, feed_id="pier", at=NOON + timedelta(hours=hour))
    assert len(store.load_history(entry().url).revisions) == 2


def test_an_entry_that_moves_to_another_article_is_seen_there(store):
    visit(store, entry())
    visit(store, entry("x9", feed_id="pier"), feed_id="pier")
    own = entry("x9", "Совсем другая новость о погоде и дорогах в горах", feed_id="pier")
    assert visit(store, own, feed_id="pier", at=NOON + timedelta(hours=1)) == ("Fresh",)
    assert [copy.feed_id for copy in store.load_history(entry().url).copies] == ["agency"]
    assert store.load_history(own.url).revisions[0].title.startswith("Совсем другая")


def test_texts_of_every_script_come_back_as_they_were(store):
    odd = entry(title="Ё «кавычки» \U0001f30d 'апостроф' \\ % _ \u2028", summary='x" OR 1=1; --', text="שלום\nсвіт")
    visit(store, odd)
    revision = store.load_history(odd.url).revisions[0]
    assert (revision.title, revision.summary, revision.text) == (odd.title, odd.summary, odd.text)


def test_times_come_back_in_utc_whatever_zone_they_came_in(store):
    kyiv = datetime.fromisoformat("2026-05-14T15:00:00+03:00")
    visit(store, entry(published_at=kyiv), at=kyiv)
    revision = store.load_history(entry().url).revisions[0]
    assert (revision.published_at, revision.fetched_at) == (NOON, NOON)
    assert revision.published_at.tzinfo is UTC


def test_a_naive_time_is_refused(store):
    with pytest.raises(StoreError, match="naive datetime"):
        visit(store, entry(published_at=datetime(2026, 5, 14)))  # noqa: DTZ001 - that is the point


def test_a_step_that_fails_leaves_nothing_behind(store):
    decided = [Fresh(entry("a"), "id-a"), Fresh(entry("b", "Другой заголовок"), "id-a")]
    with pytest.raises(StoreError, match="nothing of this step was kept") as caught:
        keep(store, decided)
    assert caught.value.__cause__ is not None
    assert store.load_history("id-a") is None
    assert store.load_pending(BUNDLE, limit=9) == []


def test_entries_of_an_unknown_feed_are_refused(store):
    with pytest.raises(StoreError):
        keep(store, [Fresh(entry(), "id-a")], feed_id="nobody")


def test_what_was_seen_is_left_alone(store):
    keep(store, [Seen(entry())])
    keep(store, [])
    assert store.load_history(entry().url) is None


def test_decisions_are_kept_as_they_are(store):
    keep(store, [Fresh(entry("a"), "id-a")])
    longer, other = entry("a", text="Длиннее"), entry("b", "Иной текст", url=entry("a").url)
    keep(store, [Revised(longer, "id-a", is_update=True), Duplicate(other, "id-a", is_update=False, differs=True)])
    history = store.load_history("id-a")
    assert history.current_revision == 2
    assert [(r.number, r.is_variant) for r in history.revisions] == [(1, False), (2, False), (3, True)]


# Pages, removals, edits


def want(store: SqlStore, *, max_chars: int | None = 100, at: datetime = NOON) -> list[str]:
    feed_ids = ["agency"]
    return [request.url for request in store.load_thin(now=at, feed_ids=feed_ids, max_chars=max_chars, limit=9)]


def page_of(store: SqlStore, text: str = "Полный текст страницы. " * 9, **changes) -> PageOutcome:
    (request,) = store.load_thin(now=NOON + timedelta(days=2), feed_ids=["agency"], max_chars=None, limit=9)
    return replace(PageOutcome(request, NOON, "fetched", page=PageText("Со страницы", text, "cd" * 32, 7)), **changes)


def test_the_page_of_an_old_article_is_left_alone(store):
    visit(store, entry())
    assert want(store, at=NOON + MAX_AGE) == [entry().url]
    assert want(store, at=NOON + MAX_AGE + timedelta(seconds=1)) == []


def test_a_page_is_wanted_where_the_text_is_short(store):
    visit(
        store,
        entry(),
        entry("e2", "Другая новость с полным текстом", text="слово " * 50),
        entry("e3", "Без адреса вовсе", url=None),
    )
    assert want(store) == [entry().url]
    assert len(want(store, max_chars=None)) == 2
    assert store.load_thin(now=NOON, feed_ids=["pier"], max_chars=None, limit=9) == []


def test_a_page_becomes_a_revision_with_the_feeds_title_and_is_not_wanted_again(store):
    visit(store, entry())
    assert store.save_pages([page_of(store)]) == 1
    first, second = store.load_history(entry().url).revisions
    assert (second.source, second.title, second.document_sha256, second.archive_sequence) == ("page", LONG, "cd" * 32, 7)
    assert second.text.startswith("Полный текст страницы")
    assert (first.source, first.archive_sequence) == ("feed", None)
    assert want(store) == []
    assert visit(store, entry(), at=NOON + timedelta(hours=1)) == ("Seen",)


def test_an_edit_of_the_headline_makes_the_page_wanted_again(store):
    visit(store, entry())
    store.save_pages([page_of(store)])
    assert visit(store, entry(title="Новый заголовок той же статьи о паромах")) == ("Revised",)
    assert want(store) == [entry().url]


def test_a_copy_of_a_headline_whose_page_was_read_is_still_a_copy(store):
    visit(store, entry())
    store.save_pages([page_of(store)])
    assert visit(store, entry("x", feed_id="pier"), feed_id="pier") == ("Duplicate",)


def test_a_page_that_says_less_than_the_feed_makes_no_revision(store):
    visit(store, entry(text="Вот и всё, что известно к этому часу."))
    assert store.save_pages([page_of(store, "Мало.")]) == 0
    assert len(store.load_history(entry().url).revisions) == 1
    assert want(store) == []


def test_a_failure_that_may_pass_is_tried_three_times(store):
    visit(store, entry())
    for hour in range(3):
        assert want(store, at=NOON + timedelta(hours=hour)) == [entry().url]
        again = NOON + timedelta(hours=hour + 1)
        store.save_pages([page_of(store, page=None, outcome="timeout", message="медленно", not_before=again)])
        assert want(store, at=again - timedelta(seconds=1)) == []
    assert want(store, at=NOON + timedelta(days=3)) == []
    page = store.load_history(entry().url).page
    assert (page.outcome, page.message, page.tries) == ("timeout", "медленно", 3)


def test_a_page_that_is_gone_marks_its_article(store):
    visit(store, entry())
    assess_pending(store)
    store.save_pages([page_of(store, page=None, outcome="http_404", is_gone=True)])
    assert store.load_history(entry().url).gone_at == NOON
    (removal,) = load_digest(store).changes.removals
    assert (removal.is_page, removal.narratives) == (True, (FLAGGED.narratives[0].id,))


def test_an_item_that_vanishes_from_its_feed_is_marked_and_may_come_back(store):
    one, two, three = (entry(f"e{n}", f"{LONG} Выпуск {n}") for n in range(3))
    visit(store, one, two, three)
    assess_pending(store)
    visit(store, one, three, at=NOON + timedelta(hours=1))
    assert store.load_history(two.url).vanished_at == NOON + timedelta(hours=1)
    changes = load_digest(store).changes
    assert ([removal.title for removal in changes.removals], changes.removed) == ([two.title], 1)
    visit(store, one, two, three, at=NOON + timedelta(hours=2))
    assert store.load_history(two.url).vanished_at is None
    assert load_digest(store).changes.removals == ()


@pytest.mark.parametrize(
    ("first", "second", "appeared"), [(CLEAN, FLAGGED, True), (FLAGGED, CLEAN, False)], ids=["appeared", "vanished"]
)
def test_an_edit_that_changes_what_is_promoted_is_told(store, first, second, appeared):
    visit(store, entry(text="Первый вариант"))
    assess_pending(store, first)
    visit(store, entry(text="Второй вариант"), at=NOON + timedelta(hours=1))
    assess_pending(store, second)
    (edit,) = load_digest(store).changes.edits
    narratives = (FLAGGED.narratives[0].id,)
    assert (edit.appeared, edit.vanished) == ((narratives, ()) if appeared else ((), narratives))
    assert (edit.before_revision, edit.revision) == (1, 2)
    assert edit.before_text.endswith("Первый вариант")
    assert edit.text.endswith("Второй вариант")


def test_the_text_of_a_page_is_no_edit_of_the_feeds(store):
    visit(store, entry())
    assess_pending(store, CLEAN)
    store.save_pages([page_of(store)])
    assess_pending(store)
    assert load_digest(store).changes.edits == ()


def test_an_edit_that_changes_nothing_of_that_is_not_told(store):
    visit(store, entry(text="Первый вариант"))
    visit(store, entry(text="Второй вариант"))
    assess_pending(store)
    assert load_digest(store).changes.edits == ()


# The archive


def test_the_end_of_the_archive_is_remembered_by_folder(store):
    assert store.load_archive_head("archive") is None
    for sequence in (4, 9):
        store.save_archive_head(ArchiveHead(sequence, "ab" * 32), folder="archive", saved_at=NOON)
    assert store.load_archive_head("archive") == ArchiveHead(9, "ab" * 32)
    assert store.load_archive_head("other") is None


def test_the_documents_of_flagged_articles_are_evidence(store):
    visit(store, entry(), body=b"flagged")
    assess_pending(store)
    visit(store, entry("e2", f"{LONG} Ещё одна"), at=NOON + timedelta(hours=1), body=b"clean")
    assess_pending(store, CLEAN)
    assert store.load_flagged_documents() == {make_fetched(body=b"flagged").sha256}
    (request,) = [one for one in store.load_thin(now=NOON, feed_ids=["agency"], max_chars=None, limit=9) if one.url == entry().url]
    store.save_pages([PageOutcome(request, NOON, "fetched", page=PageText("", "Полный текст", "cd" * 32))])
    assert store.load_flagged_documents() == {make_fetched(body=b"flagged").sha256, "cd" * 32}


# Assessments


def test_new_articles_wait_for_an_assessment_newest_first(store):
    visit(store, *(entry(f"e{n}", f"{LONG} Выпуск {n}") for n in range(5)))
    assert store.count_assessments(BUNDLE) == AssessmentCounts(pending=5)
    pending = store.load_pending(BUNDLE, limit=2)
    assert [p.document.title[-1] for p in pending] == ["4", "3"]
    assert pending[0].document.id == article_id_for(entry("e4").identity)


def test_an_assessed_revision_waits_no_more_but_for_another_bundle_and_when_edited(store):
    visit(store, entry())
    assess_pending(store)
    assert store.load_pending(BUNDLE, limit=9) == []
    assert len(store.load_pending("cb2-ffffffffffff", limit=9)) == 1
    visit(store, entry(text="Дополнено"), at=NOON + timedelta(hours=1))
    assert [p.document.text for p in store.load_pending(BUNDLE, limit=9)] == ["Дополнено"]
    assert store.count_assessments(BUNDLE) == AssessmentCounts(pending=1)


def test_an_assessment_comes_back_whole(store):
    visit(store, entry())
    assess_pending(store)
    (stored,) = store.load_history(entry().url).revisions[0].assessments
    assert (stored.bundle, stored.made_at, stored.language, stored.failure) == (BUNDLE, NOON, "ru", None)
    assert stored.narratives == FLAGGED.narratives


def test_the_first_of_two_equal_runs_wins(store):
    visit(store, entry())
    (pending,) = store.load_pending(BUNDLE, limit=9)
    store.save_assessments(BUNDLE, [(pending.revision_id, FLAGGED)], made_at=NOON)
    store.save_assessments(BUNDLE, [(pending.revision_id, FLAGGED)], made_at=NOON + timedelta(hours=1))
    store.save_assessment_failure(BUNDLE, pending.revision_id, "поздно", failed_at=NOON)
    (stored,) = store.load_history(entry().url).revisions[0].assessments
    assert (stored.made_at, stored.failure) == (NOON, None)


def test_a_failure_is_counted_told_and_not_tried_again(store):
    visit(store, entry())
    (pending,) = store.load_pending(BUNDLE, limit=9)
    store.save_assessment_failure(BUNDLE, pending.revision_id, "текст не читается", failed_at=NOON)
    assert store.load_pending(BUNDLE, limit=9) == []
    assert store.count_assessments(BUNDLE) == AssessmentCounts(failed=1)
    (stored,) = store.load_history(entry().url).revisions[0].assessments
    assert (stored.failure, stored.narratives) == ("текст не читается", ())


def test_saving_no_assessments_is_nothing(store):
    store.save_assessments(BUNDLE, [], made_at=NOON)
    assert store.count_assessments(BUNDLE) == AssessmentCounts()


# Runs


def test_a_report_comes_back_as_it_was_given(store):
    report = make_report(
        entries=EntryCounts(3, 1, 1, 1, 0),
        errors=(RunError("agency", None, "timeout", "слишком медленно"),),
        seconds={"fetch": 1.25},
        finished_at=NOON + timedelta(minutes=1),
    )
    store.start_run("r1", started_at=NOON, day=DAY, bundle=BUNDLE)
    assert store.load_last_run() == (NOON, None)
    store.finish_run(report)
    assert load_digest(store).last_run == report
    assert store.load_last_run() == (NOON, NOON + timedelta(minutes=1))


def test_a_run_that_broke_off_counts_but_the_last_finished_one_is_shown(store):
    assert store.load_last_run() is None
    for run_id, day in (("r1", DAY), ("r2", DAY), ("r3", DAY + timedelta(days=1))):
        store.start_run(run_id, started_at=NOON, day=day, bundle=BUNDLE)
    store.finish_run(make_report("r1"))
    digest = load_digest(store)
    assert (digest.runs, digest.last_run.run_id) == (2, "r1")
    assert load_digest(store, date(2026, 5, 13)).last_run is None


# The digest of a day


def test_a_digest_counts_every_article_once(store):
    visit(store, *(entry(f"e{n}", f"{LONG} Выпуск {n}") for n in range(4)))
    visit(store, entry("c1", f"{LONG} Выпуск 0", feed_id="pier"), feed_id="pier")
    waiting, failing, clean, flagged = store.load_pending(BUNDLE, limit=9)
    store.save_assessments(BUNDLE, [(clean.revision_id, CLEAN), (flagged.revision_id, FLAGGED)], made_at=NOON)
    store.save_assessment_failure(BUNDLE, failing.revision_id, "x", failed_at=NOON)
    counts = load_digest(store).counts
    assert (counts.articles, counts.flagged, counts.unflagged, counts.pending, counts.failed, counts.copies) == (4, 1, 1, 1, 1, 1)
    assert waiting.document.id not in {row.article_id for row in load_digest(store).rows}


def test_a_row_says_all_of_its_article(store):
    found = entry(summary="Кратко", text="Подробно", published_how="stated")
    visit(store, found)
    visit(store, entry("c1", feed_id="pier", summary="Кратко", text="Подробно"), feed_id="pier", at=NOON + timedelta(minutes=5))
    assess_pending(store)
    (row,) = load_digest(store).rows
    assert (row.article_id, row.revision, row.url) == (article_id_for(found.identity), 1, found.url)
    assert (row.title, row.summary, row.text) == (LONG, "Кратко", "Подробно")
    assert (row.outlet, row.feed_id, row.kind, row.language) == ("Outlet agency", "agency", "occupation", "ru")
    assert (row.published_at, row.published_how, row.fetched_at, row.sha256) == (NOON, "stated", NOON, found.content_sha256)
    assert [(copy.feed_id, copy.first_seen_at) for copy in row.copies] == [("agency", NOON), ("pier", NOON + timedelta(minutes=5))]
    assert row.narratives == FLAGGED.narratives


def test_rows_come_by_their_best_flagged_score(store):
    for n, scores in enumerate(([0.7], [0.95], [0.8])):
        visit(store, entry(f"e{n}", f"{LONG} Выпуск {n}"))
        refuted = make_score("kyiv_terror", 0.99 - n / 100, stance="refutes", flagged=False)
        assess_pending(store, Assessment("ru", (refuted, *(make_score(score=score) for score in scores))))
    assert [row.title[-1] for row in load_digest(store).rows] == ["1", "2", "0"]


def test_stances_are_counted_for_every_carried_narrative(store):
    carried = [("promotes", True), ("refutes", False), ("refutes", False), ("reports", False)]
    for n, (stance, flagged) in enumerate(carried):
        visit(store, entry(f"e{n}", f"{LONG} Выпуск {n}"))
        unlikely = make_score("kyiv_terror", 0.2, is_carried=False, flagged=False)
        assess_pending(store, Assessment("ru", (make_score(stance=stance, flagged=flagged), unlikely)))
    assert load_digest(store).stances == (StanceCount("fake_loyalty", 1, 1, 2),)


def test_an_article_edited_within_the_day_stands_in_it_once_as_it_was_last(store):
    visit(store, entry(text="Утром"))
    visit(store, entry(text="Вечером"), at=NOON + timedelta(hours=3))
    assess_pending(store)
    digest = load_digest(store)
    assert digest.counts.articles == 1
    assert [(row.revision, row.text) for row in digest.rows] == [(2, "Вечером")]


def test_the_digest_of_a_day_stays_when_an_article_is_edited_or_copied_later(store):
    visit(store, entry(text="Сегодня"))
    assess_pending(store)
    before = load_digest(store)
    tomorrow = NOON + timedelta(days=1)
    visit(store, entry(text="Завтра"), at=tomorrow)
    visit(store, entry("c1", text="Завтра", feed_id="pier"), feed_id="pier", at=tomorrow)
    assess_pending(store)
    assert load_digest(store) == before
    after = load_digest(store, DAY + timedelta(days=1))
    assert [(row.revision, row.text) for row in after.rows] == [(2, "Завтра")]
    assert [copy.feed_id for copy in after.rows[0].copies] == ["agency", "pier"]


def test_variants_are_not_articles_of_the_day(store):
    visit(store, entry(text="Полный текст со всеми подробностями"))
    assess_pending(store)
    visit(store, entry("p1", feed_id="pier", url=entry().url, text="Кратко"), feed_id="pier")
    digest = load_digest(store)
    assert (digest.counts.articles, digest.counts.flagged, digest.counts.copies) == (1, 1, 1)
    assert digest.rows[0].text == "Полный текст со всеми подробностями"


def test_a_digest_is_by_the_bundle_that_is_asked_for(store):
    visit(store, entry())
    assess_pending(store)
    other = load_digest(store, bundle="cb2-ffffffffffff")
    assert (other.counts.pending, other.rows, other.stances) == (1, (), ())


def test_a_day_without_anything_is_an_empty_digest(store):
    digest = load_digest(store, date(2020, 1, 1))
    assert (digest.rows, digest.stances, digest.runs, digest.last_run) == ((), (), 0, None)
    assert digest.counts.articles == 0
    assert [health.visits for health in digest.health] == [0, 0]


@pytest.mark.parametrize(
    ("day", "start", "end"),
    [
        pytest.param(date(2026, 5, 14), "2026-05-13T21:00", "2026-05-14T21:00", id="summer"),
        pytest.param(date(2026, 1, 14), "2026-01-13T22:00", "2026-01-14T22:00", id="winter"),
        pytest.param(date(2026, 3, 29), "2026-03-28T22:00", "2026-03-29T21:00", id="23 hours"),
        pytest.param(date(2026, 10, 25), "2026-10-24T21:00", "2026-10-25T22:00", id="25 hours"),
        pytest.param(date(2026, 12, 31), "2026-12-30T22:00", "2026-12-31T22:00", id="new year"),
    ],
)
def test_a_day_in_kyiv_begins_and_ends_at_its_midnights(store, day, start, end):
    first, last = (datetime.fromisoformat(f"{at}:00+00:00") for at in (start, end))
    assert day_bounds(day, "Europe/Kyiv") == (first, last)
    moments = (first - timedelta(seconds=1), first, last - timedelta(seconds=1), last)
    for n, at in enumerate(moments):
        visit(store, entry(f"e{n}", f"{LONG} Выпуск {n}"), at=at)
    assess_pending(store)
    digest = load_digest(store, day)
    assert {row.title[-1] for row in digest.rows} == {"1", "2"}
    assert digest.counts.articles == 2
    assert digest.health[0].visits == 2


# History and search


def test_a_history_is_found_by_every_name_of_the_article(store):
    found = make_entry(
        "guid-77", feed_id="agency", title=LONG, url="https://agency.example/news/77", identity="https://agency.example/news/77"
    )
    visit(store, found)
    expected = article_id_for(found.identity)
    for reference in (expected, "guid-77", found.url, "http://AGENCY.example/news/77?utm_source=tg#top"):
        assert store.load_history(reference).article_id == expected
    assert store.load_history("https://agency.example/news/78") is None


def test_a_revision_names_the_document_that_first_held_it(store):
    for hour, text in enumerate(("Первый", "Второй")):
        at = NOON + timedelta(hours=hour)
        visit(store, entry(text=text), at=at, body=text.encode())
        visit(store, entry(text=text), at=at, body=b"the same again")
        fetch(store, replace(make_fetched("pier", b"other"), fetched_at=at))
    revisions = store.load_history(entry().url).revisions
    assert [r.document_sha256 for r in revisions] == [make_fetched(body=text.encode()).sha256 for text in ("Первый", "Второй")]


def search(store: SqlStore, query: str, limit: int = 10) -> list[str]:
    return [store.load_history(article_id).revisions[0].url.rpartition("/")[2] for article_id in store.search(query, limit=limit)]


def test_search_finds_russian_and_ukrainian_words_in_any_case_and_field(store):
    visit(
        store,
        entry("title", "Жители Ялты вышли на набережную"),
        entry("summary", "Погода", summary="В ЯЛТЕ пройдёт дождь, жители готовы"),
        entry("text", "Дороги", text="Їхній під'їзд відремонтували"),
    )
    store.index_text()
    assert search(store, "ЖИТЕЛИ ялты") == ["title"]
    assert set(search(store, "жители")) == {"title", "summary"}
    assert search(store, "їхній") == ["text"]
    assert search(store, "під'їзд") == ["text"]
    assert search(store, "й") == []


def test_search_is_newest_first_and_limited(store):
    for hour in range(3):
        visit(store, entry(f"e{hour}", f"{LONG} Выпуск {hour}"), at=NOON + timedelta(hours=hour))
    store.index_text()
    assert search(store, "единогласно") == ["e2", "e1", "e0"]
    assert search(store, "единогласно", limit=2) == ["e2", "e1"]


def test_search_knows_earlier_revisions_and_each_article_once(store):
    visit(store, entry(text="сначала о мосте"))
    visit(store, entry(text="потом о пароме и о пароме"), at=NOON + timedelta(hours=1))
    store.index_text()
    store.index_text()
    assert search(store, "мосте") == ["e1"]
    assert search(store, "полуострова") == ["e1"]


def test_search_finds_what_was_indexed_later(store):
    visit(store, entry("e1", "Паром вышел"))
    store.index_text()
    visit(store, entry("e2", "Паром вернулся"))
    assert search(store, "паром") == ["e1"]
    store.index_text()
    assert set(search(store, "паром")) == {"e1", "e2"}


@pytest.mark.parametrize("query", ["", "  ", '"', "* OR -", "()", "«»", '""""'])
def test_a_query_without_words_finds_nothing(store, query):
    visit(store, entry())
    store.index_text()
    assert store.search(query, limit=9) == []


@pytest.mark.parametrize(
    "query",
    ["NOT единогласно", "единогласно OR погода", "title:единогласно", "един*", "NEAR(a b)", "a'b; DROP TABLE", "\0x"],
)
def test_a_query_is_words_and_never_a_command(store, query):
    visit(store, entry())
    store.index_text()
    assert search(store, query) == []


@pytest.mark.parametrize("query", ['единогласно"', "(единогласно", "+единогласно,", "единогласно * жители"])
def test_signs_around_words_do_not_matter(store, query):
    visit(store, entry())
    store.index_text()
    assert search(store, query) == ["e1"]


def test_a_closed_store_can_be_opened_again_with_all_it_held(tmp_path):
    db_url = f"sqlite:///{tmp_path / 'again.db'}"
    with SqlStore(db_url) as first:
        first.sync_feeds(FEEDS)
        visit(first, entry())
    with SqlStore(db_url, must_exist=True) as second:
        assert second.load_history(entry().url).article_id == article_id_for(entry().identity)


# Current texts


def test_each_article_is_listed_once_with_its_current_text_and_without_variants(store):
    visit(store, entry("e1"), entry("e2", "Порт закрыт до вечера из-за шторма"))
    longer = entry("e1", text="Подробности: решение поддержали единогласно на общем собрании жителей города.")
    visit(store, longer, at=NOON + timedelta(hours=1))
    shorter = entry("p1", "Короткий заголовок", feed_id="pier", identity=longer.identity, url=longer.url)
    visit(store, shorter, feed_id="pier", at=NOON + timedelta(hours=2))
    current = store.load_current(after=0, limit=10)
    assert [(document.title, bool(document.text)) for _, document in current] == [
        (LONG, True),
        ("Порт закрыт до вечера из-за шторма", False),
    ]
    assert current[0][1].id == article_id_for(longer.identity)
    assert store.count_articles() == 2


def test_current_texts_are_listed_page_by_page(store):
    visit(store, *(entry(f"e{n}", f"Новость номер {n} о городе и порте") for n in range(5)))
    rows: list[int] = []
    while page := store.load_current(after=rows[-1] if rows else 0, limit=2):
        assert len(page) <= 2
        rows += [row for row, _ in page]
    assert len(rows) == len(set(rows)) == store.count_articles() == 5


def test_an_empty_store_lists_nothing(store):
    assert (store.load_current(after=0, limit=10), store.count_articles()) == ([], 0)
