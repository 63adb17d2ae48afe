"""SQL for `monitor explain`: one article's whole way."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, func, select

from monitor.reports import (
    ArticleHistory,
    PageState,
    RevisionHistory,
    StoredAssessment,
)
from monitor.storage.articles import find_article_id
from monitor.storage.assessments import load_scores
from monitor.storage.copies import load_copies
from monitor.storage.schema import articles, assessments, entries, feeds, pages, revisions, visits
from monitor.urls import canonicalize_url, is_web_url

if TYPE_CHECKING:
    from collections.abc import Sequence


def load_history(connection: Connection, reference: str) -> ArticleHistory | None:
    """Everything about the article that ``reference`` (URL, id or guid) names."""
    identity = canonicalize_url(reference) if is_web_url(reference) else None
    article_id = find_article_id(connection, reference, identity=identity)
    if article_id is None:
        return None
    article = connection.execute(select(articles).where(articles.c.article_id == article_id)).one()
    rows = connection.execute(
        select(revisions, feeds.c.outlet)
        .join(feeds, feeds.c.feed_id == revisions.c.feed_id)
        .where(revisions.c.article_id == article_id)
        .order_by(revisions.c.number)
    ).all()
    return ArticleHistory(
        article_id=article_id,
        identity=article.identity,
        current_revision=article.current_revision,
        copies=load_copies(connection, [article_id], before=datetime.max.replace(tzinfo=UTC))[article_id],
        revisions=tuple(_make_revision(connection, row) for row in rows),
        vanished_at=connection.execute(
            select(func.max(entries.c.vanished_at)).where((entries.c.article_id == article_id) & entries.c.owns_article)
        ).scalar(),
        gone_at=article.gone_at,
        page=_load_page(connection, article_id),
    )


def _make_revision(connection: Connection, row: Any) -> RevisionHistory:
    document = row.document_sha256 or _guess_document(connection, row)
    return RevisionHistory(
        number=row.number,
        feed_id=row.feed_id,
        outlet=row.outlet,
        is_variant=row.is_variant,
        url=row.url,
        title=row.title,
        summary=row.summary,
        text=row.text,
        sha256=row.content_sha256,
        document_sha256=document,
        published_at=row.published_at,
        published_how=row.published_how,
        fetched_at=row.fetched_at,
        assessments=_load_assessments(connection, row.id),
        source=row.source,
        repairs=tuple(row.repairs or ()),
        archive_sequence=_find_archived(connection, document),
    )


def _guess_document(connection: Connection, row: Any) -> str | None:
    """Stores of the first schema did not say which document held a revision; the next one that was stored did."""
    of_feed = (visits.c.feed_id == row.feed_id) & (visits.c.visited_at >= row.fetched_at) & (visits.c.outcome == "fetched")
    query = select(visits.c.document_sha256).where(of_feed).order_by(visits.c.visited_at).limit(1)
    found: str | None = connection.execute(query).scalar()
    return found


def _find_archived(connection: Connection, document: str | None) -> int | None:
    """Where the archive has a document first."""
    if document is None:
        return None
    found = [
        connection.execute(select(func.min(table.c.archive_sequence)).where(table.c.document_sha256 == document)).scalar()
        for table in (visits, pages)
    ]
    return min((one for one in found if one is not None), default=None)


def _load_page(connection: Connection, article_id: str) -> PageState | None:
    row = connection.execute(select(pages).where(pages.c.article_id == article_id)).first()
    return PageState(row.tried_at, row.outcome, row.message, row.tries) if row else None


def _load_assessments(connection: Connection, revision_id: int) -> tuple[StoredAssessment, ...]:
    found: Sequence[Any] = connection.execute(
        select(assessments).where(assessments.c.revision_id == revision_id).order_by(assessments.c.made_at, assessments.c.bundle)
    ).all()
    return tuple(
        StoredAssessment(
            bundle=row.bundle,
            made_at=row.made_at,
            language=row.language,
            failure=row.failure,
            narratives=load_scores(connection, row.bundle, [revision_id]).get(revision_id, ()),
        )
        for row in found
    )
