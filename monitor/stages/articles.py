"""Entries to articles: decides whether an entry is known, a new revision, a copy, or a new article."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

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
from monitor.text import has_words

if TYPE_CHECKING:
    from collections.abc import Sequence

# Below this many words two equal texts may well be two articles ("Main news of the day").
MIN_COPY_WORDS = 6


def article_id_for(identity: str) -> str:
    """The id of an article: the same whenever, and by whomever, its identity is met."""
    return hashlib.sha256(identity.encode("utf-8")).hexdigest()[:16]


def is_copy_candidate(entry: Entry) -> bool:
    """Whether the text is long enough that an equal text elsewhere is a copy of it."""
    # Most titles are long enough, so that the rest need not be looked at.
    return has_words(entry.title, at_least=MIN_COPY_WORDS) or has_words(
        f"{entry.title} {entry.summary} {entry.text}", at_least=MIN_COPY_WORDS
    )


def decide_entries(entries: Sequence[Entry], known: Known) -> tuple[Decided, ...]:
    """One decision per entry, in order. What is decided of one counts for the later ones, also those of other documents."""
    entries_by_key, articles, by_content = dict(known.entries), dict(known.articles), dict(known.by_content)
    decided: list[Decided] = []
    for entry in entries:
        decision = _decide(entry, entries_by_key.get((entry.feed_id, entry.key)), articles.get(entry.identity), by_content)
        decided.append(decision)
        if isinstance(decision, Seen):
            continue
        owns = not isinstance(decision, Duplicate)
        entries_by_key[entry.feed_id, entry.key] = KnownEntry(entry.key, decision.article_id, entry.content_sha256, owns)
        if owns:
            articles[entry.identity] = KnownArticle(decision.article_id, entry.content_sha256, body_chars(entry))
            by_content.setdefault(entry.content_sha256, decision.article_id)
    return tuple(decided)


def body_chars(entry: Entry) -> int:
    """How much there is to read beyond the title, in characters."""
    return len(entry.summary) + len(entry.text)


def _decide(entry: Entry, known: KnownEntry | None, article: KnownArticle | None, by_content: dict[str, str]) -> Decided:
    if known is not None:
        if known.content_sha256 == entry.content_sha256:
            return Seen(entry)
        if known.owns_article:
            return Revised(entry, known.article_id, is_update=True)
    is_update = known is not None
    if article is not None:
        return _decide_same_address(entry, article, is_update=is_update)
    if (copied := by_content.get(entry.content_sha256)) and is_copy_candidate(entry):
        return Duplicate(entry, copied, is_update=is_update, differs=False)
    return Fresh(entry, article_id_for(entry.identity), is_update=is_update)


def _decide_same_address(entry: Entry, article: KnownArticle, *, is_update: bool) -> Decided:
    """Another feed, or another item, has the same address: only a richer text makes a new revision.

    Otherwise two feeds that carry one article at different lengths would undo each other's revision at every poll.
    """
    if article.content_sha256 == entry.content_sha256:
        return Duplicate(entry, article.article_id, is_update=is_update, differs=False)
    if body_chars(entry) > article.body_chars:
        return Revised(entry, article.article_id, is_update=is_update)
    return Duplicate(entry, article.article_id, is_update=is_update, differs=True)
