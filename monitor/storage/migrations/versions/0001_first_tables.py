"""The first tables, and the full-text index over revisions."""

from alembic import op
from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Date,
    DateTime,
    Float,
    ForeignKey,
    Integer,
    PrimaryKeyConstraint,
    String,
    Text,
    UniqueConstraint,
)

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TIME = DateTime(timezone=True)


def upgrade() -> None:
    _create_feeds_and_runs()
    _create_articles()
    _create_assessments()
    if op.get_context().dialect.name == "sqlite":
        # The index reads its texts from `revisions`, so nothing is stored twice; rows are added in batches.
        op.execute(
            "CREATE VIRTUAL TABLE revision_search USING fts5(title, summary, text, content='revisions', content_rowid='id', "
            "tokenize='unicode61 remove_diacritics 0')"
        )
        op.create_table("search_progress", Column("last_revision_id", Integer, nullable=False))
        op.execute("INSERT INTO search_progress VALUES (0)")
    else:
        op.execute(
            "ALTER TABLE revisions ADD COLUMN search tsvector GENERATED ALWAYS AS "
            "(to_tsvector('simple', title || ' ' || summary || ' ' || text)) STORED"
        )
        op.execute("CREATE INDEX ix_revisions_search ON revisions USING gin (search)")


def _create_feeds_and_runs() -> None:
    op.create_table(
        "feeds",
        Column("feed_id", String, nullable=False),
        Column("url", Text, nullable=False),
        Column("outlet", Text, nullable=False),
        Column("language", String),
        Column("kind", String),
        Column("enabled", Boolean, nullable=False),
        Column("etag", Text),
        Column("last_modified", Text),
        Column("not_before", TIME),
        PrimaryKeyConstraint("feed_id", name="pk_feeds"),
    )
    op.create_table(
        "runs",
        Column("id", Integer, nullable=False),
        Column("run_id", String, nullable=False),
        Column("started_at", TIME, nullable=False),
        Column("finished_at", TIME),
        Column("day", Date, nullable=False),
        Column("bundle", String, nullable=False),
        Column("report", JSON),
        PrimaryKeyConstraint("id", name="pk_runs"),
        UniqueConstraint("run_id", name="uq_runs_run_id"),
    )
    op.create_index("ix_runs_day", "runs", ["day"])
    op.create_table(
        "visits",
        Column("id", Integer, nullable=False),
        Column("feed_id", String, ForeignKey("feeds.feed_id", name="fk_visits_feed_id"), nullable=False),
        Column("run_id", String, nullable=False),
        Column("visited_at", TIME, nullable=False),
        Column("outcome", String, nullable=False),
        Column("is_failure", Boolean, nullable=False),
        Column("message", Text),
        Column("document_sha256", String),
        Column("document_bytes", Integer),
        Column("entries", Integer, nullable=False),
        PrimaryKeyConstraint("id", name="pk_visits"),
    )
    op.create_index("ix_visits_feed_id_visited_at", "visits", ["feed_id", "visited_at"])
    op.create_index("ix_visits_visited_at", "visits", ["visited_at"])


def _create_articles() -> None:
    op.create_table(
        "articles",
        Column("id", Integer, nullable=False),
        Column("article_id", String, nullable=False),
        Column("identity", Text, nullable=False),
        Column("feed_id", String, ForeignKey("feeds.feed_id", name="fk_articles_feed_id"), nullable=False),
        Column("first_seen_at", TIME, nullable=False),
        Column("current_revision", Integer, nullable=False),
        Column("content_sha256", String, nullable=False),
        Column("body_chars", Integer, nullable=False),
        PrimaryKeyConstraint("id", name="pk_articles"),
        UniqueConstraint("article_id", name="uq_articles_article_id"),
        UniqueConstraint("identity", name="uq_articles_identity"),
    )
    op.create_index("ix_articles_content_sha256", "articles", ["content_sha256"])
    op.create_table(
        "entries",
        Column("id", Integer, nullable=False),
        Column("feed_id", String, ForeignKey("feeds.feed_id", name="fk_entries_feed_id"), nullable=False),
        Column("key", Text, nullable=False),
        Column("article_id", String, ForeignKey("articles.article_id", name="fk_entries_article_id"), nullable=False),
        Column("owns_article", Boolean, nullable=False),
        Column("url", Text),
        Column("content_sha256", String, nullable=False),
        Column("first_seen_at", TIME, nullable=False),
        PrimaryKeyConstraint("id", name="pk_entries"),
        UniqueConstraint("feed_id", "key", name="uq_entries_feed_id_key"),
    )
    op.create_index("ix_entries_article_id", "entries", ["article_id"])
    op.create_table(
        "revisions",
        Column("id", Integer, nullable=False),
        Column("article_id", String, ForeignKey("articles.article_id", name="fk_revisions_article_id"), nullable=False),
        Column("number", Integer, nullable=False),
        Column("feed_id", String, ForeignKey("feeds.feed_id", name="fk_revisions_feed_id"), nullable=False),
        Column("is_variant", Boolean, nullable=False),
        Column("url", Text),
        Column("title", Text, nullable=False),
        Column("summary", Text, nullable=False),
        Column("text", Text, nullable=False),
        Column("content_sha256", String, nullable=False),
        Column("published_at", TIME, nullable=False),
        Column("published_how", String, nullable=False),
        Column("fetched_at", TIME, nullable=False),
        PrimaryKeyConstraint("id", name="pk_revisions"),
        UniqueConstraint("article_id", "number", name="uq_revisions_article_id_number"),
    )
    op.create_index("ix_revisions_fetched_at", "revisions", ["fetched_at"])


def _create_assessments() -> None:
    op.create_table(
        "assessments",
        Column("revision_id", Integer, ForeignKey("revisions.id", name="fk_assessments_revision_id"), nullable=False),
        Column("bundle", String, nullable=False),
        Column("made_at", TIME, nullable=False),
        Column("language", String),
        Column("flagged", Boolean, nullable=False),
        Column("failure", Text),
        PrimaryKeyConstraint("revision_id", "bundle", name="pk_assessments"),
    )
    op.create_table(
        "narrative_scores",
        Column("revision_id", Integer, ForeignKey("revisions.id", name="fk_narrative_scores_revision_id"), nullable=False),
        Column("bundle", String, nullable=False),
        Column("narrative", String, nullable=False),
        Column("score", Float, nullable=False),
        Column("stance", String, nullable=False),
        Column("stance_score", Float, nullable=False),
        Column("is_carried", Boolean, nullable=False),
        Column("flagged", Boolean, nullable=False),
        Column("evidence", JSON, nullable=False),
        Column("terms", JSON, nullable=False),
        PrimaryKeyConstraint("revision_id", "bundle", "narrative", name="pk_narrative_scores"),
    )


def downgrade() -> None:
    if op.get_context().dialect.name == "sqlite":
        op.drop_table("revision_search")
        op.drop_table("search_progress")
    for table in ("narrative_scores", "assessments", "revisions", "entries", "articles", "visits", "runs", "feeds"):
        op.drop_table(table)
