from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from monitor.records import (
    Decided,
    Duplicate,
    Entry,
    Fresh,
    Known,
    KnownArticle,
    KnownEntry,
    Revised,
    Seen,
)
from monitor.stages.articles import body_chars, decide_entries, is_copy_candidate
from tests.factories import make_entry

# Few values, so that keys, addresses and texts meet often.
TEXTS = st.sampled_from(
    ["", "Паром вышел.", "Паром вышел на линию и вернулся в порт.", "Шторм закрыл порт до самого утра вторника."]
)
ENTRIES = st.builds(
    lambda key, path, title, text: make_entry(key, url=f"https://bereg.example/{path}", title=title, text=text),
    key=st.sampled_from(["k1", "k2", "k3", "k4", "k5"]),
    path=st.sampled_from(["1", "2", "3"]),
    title=st.sampled_from(["Порт", "Паром снова вышел на линию через пролив"]),
    text=TEXTS,
)
DOCUMENTS = st.lists(ENTRIES, max_size=8, unique_by=lambda entry: entry.key)
NOTHING = Known()


def remember(decided: tuple[Decided, ...], known: Known) -> Known:
    """What a store knows after these decisions."""
    entries, articles, by_content = (dict(part) for part in (known.entries, known.articles, known.by_content))
    for decision in decided:
        if isinstance(decision, Seen):
            continue
        entry = decision.entry
        owns = not isinstance(decision, Duplicate)
        entries[entry.feed_id, entry.key] = KnownEntry(entry.key, decision.article_id, entry.content_sha256, owns)
        if owns:
            articles[entry.identity] = KnownArticle(decision.article_id, entry.content_sha256, body_chars(entry))
            by_content.setdefault(entry.content_sha256, decision.article_id)
    return Known(entries, articles, by_content)


@given(st.lists(DOCUMENTS, max_size=4))
def test_every_entry_gets_one_decision_in_order_and_the_counts_add_up(documents: list[list[Entry]]) -> None:
    known = NOTHING
    for document in documents:
        decided = decide_entries(document, known)
        changed = [decision for decision in decided if not isinstance(decision, Seen)]

        assert [decision.entry for decision in decided] == document
        known_keys = {key for _, key in known.entries}
        assert {d.entry.key for d in changed if d.is_update} == {d.entry.key for d in changed} & known_keys
        assert len(decided) == len(changed) + sum(isinstance(decision, Seen) for decision in decided)
        known = remember(decided, known)


@given(st.lists(DOCUMENTS, min_size=1, max_size=4))
def test_what_was_just_stored_is_seen(documents: list[list[Entry]]) -> None:
    known = NOTHING
    for document in documents:
        known = remember(decide_entries(document, known), known)

    assert decide_entries(documents[-1], known) == tuple(Seen(entry) for entry in documents[-1])


@given(st.lists(ENTRIES, max_size=8), st.integers(0, 8))
def test_one_document_is_decided_like_its_two_halves(entries: list[Entry], at: int) -> None:
    first = decide_entries(entries[:at], NOTHING)
    second = decide_entries(entries[at:], remember(first, NOTHING))

    assert decide_entries(entries, NOTHING) == first + second


@given(st.lists(DOCUMENTS, max_size=4))
def test_revisions_and_copies_always_belong_to_an_article_that_was_stored(documents: list[list[Entry]]) -> None:
    known, stored = NOTHING, set()
    for document in documents:
        decided = decide_entries(document, known)
        for decision in decided:
            match decision:
                case Fresh(article_id=article_id):
                    stored.add(article_id)
                case Revised(article_id=article_id) | Duplicate(article_id=article_id):
                    assert article_id in stored
        known = remember(decided, known)


@given(DOCUMENTS)
def test_a_text_that_can_be_a_copy_makes_one_article(entries: list[Entry]) -> None:
    decided = decide_entries(entries, NOTHING)
    texts = [d.entry.content_sha256 for d in decided if isinstance(d, Fresh) and is_copy_candidate(d.entry)]

    assert len(texts) == len(set(texts))


@given(DOCUMENTS)
def test_every_copy_that_does_not_differ_has_the_text_of_its_article(entries: list[Entry]) -> None:
    texts: dict[str, set[str]] = {}
    for decision in decide_entries(entries, NOTHING):
        match decision:
            case Fresh(entry=entry, article_id=article_id) | Revised(entry=entry, article_id=article_id):
                texts.setdefault(article_id, set()).add(entry.content_sha256)
            case Duplicate(entry=entry, article_id=article_id, differs=False):
                assert entry.content_sha256 in texts[article_id]
