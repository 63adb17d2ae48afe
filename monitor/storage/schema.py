"""Tables, in SQLAlchemy Core. The migrations make them; a test keeps both equal."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    false,
    text,
)

if TYPE_CHECKING:
    from sqlalchemy import Dialect


class UtcDateTime(TypeDecorator[datetime]):
    """Aware datetimes in UTC; refuses naive ones. SQLite has no zones, so there they are stored as plain UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To the database: UTC, without a zone on SQLite."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"naive datetime {value!r}: the store keeps UTC only")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """From the database: aware, in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

feeds = Table(
    "feeds",
    metadata,
    Column("feed_id", String, primary_key=True),
    Column("url", Text, nullable=False),
    Column("outlet", Text, nullable=False),
    Column("language", String),
    Column("kind", String),
    Column("enabled", Boolean, nullable=False),
    Column("etag", Text),
    Column("last_modified", Text),
    Column("not_before", UtcDateTime),
    Column("moved_to", Text),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("unchanged", Integer, nullable=False, server_default="0"),
    Column("rhythm_s", Float),
    Column("hint_s", Float),
    Column("last_new_at", UtcDateTime),
    Column("last_success_at", UtcDateTime),
    Column("lies", Integer, nullable=False, server_default="0"),
    Column("document_sha256", String),
    Column("last_keys", JSON),  # the entries of the last document, in its order: what is missing from the next one
)

runs = Table(
    "runs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("run_id", String, nullable=False, unique=True),
    Column("started_at", UtcDateTime, nullable=False),
    Column("finished_at", UtcDateTime),
    Column("day", Date, nullable=False),
    Column("bundle", String, nullable=False),
    Column("report", JSON),
    Column("stands_for", Integer, nullable=False, server_default="1"),  # itself, and the day's runs that were folded into it
    Column("folded_pages", JSON),  # pages that those could not fetch, by kind
    Index("ix_runs_day", "day"),
)

# One row per visit to a feed; the digest's blind spots and the feeds' health are read from here.
visits = Table(
    "visits",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("feed_id", ForeignKey("feeds.feed_id"), nullable=False),
    Column("run_id", String, nullable=False),
    Column("visited_at", UtcDateTime, nullable=False),
    Column("outcome", String, nullable=False),  # fetched, not_modified, or the kind of failure
    Column("is_failure", Boolean, nullable=False),
    Column("message", Text),
    Column("document_sha256", String),
    Column("document_bytes", Integer),
    Column("entries", Integer, nullable=False),
    Column("clipped", Integer, nullable=False, server_default="0"),
    Column("was_forced", Boolean, nullable=False, server_default=false()),
    Column("archive_sequence", Integer),
    Column("stands_for", Integer, nullable=False, server_default="1"),  # itself, and visits like it that were folded into it
    Index("ix_visits_feed_id_visited_at", "feed_id", "visited_at"),
    Index("ix_visits_visited_at", "visited_at"),
    Index("ix_visits_document_sha256", "document_sha256"),
)

# Up to when old visits and runs were folded.
folded_until = Table(
    "folded_until",
    metadata,
    Column("records", String, primary_key=True),  # visits or runs
    Column("until", UtcDateTime, nullable=False),
)

articles = Table(
    "articles",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("article_id", String, nullable=False, unique=True),
    Column("identity", Text, nullable=False, unique=True),
    Column("feed_id", ForeignKey("feeds.feed_id"), nullable=False),
    Column("first_seen_at", UtcDateTime, nullable=False),
    Column("current_revision", Integer, nullable=False),
    Column("content_sha256", String, nullable=False),
    Column("body_chars", Integer, nullable=False),
    Column("cluster", Integer),  # row of the first article of its cluster; none until it was looked for copies
    Column("gone_at", UtcDateTime),  # when its page answered 404 or 410
    Index("ix_articles_content_sha256", "content_sha256"),
    Index("ix_articles_first_seen_at", "first_seen_at"),
    Index("ix_articles_gone_at", "gone_at"),
    Index("ix_articles_cluster", "cluster"),
)

# What an entry last was, and which article it belongs to. Its texts are in `revisions`.
entries = Table(
    "entries",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("feed_id", ForeignKey("feeds.feed_id"), nullable=False),
    Column("key", Text, nullable=False),
    Column("article_id", ForeignKey("articles.article_id"), nullable=False),
    Column("owns_article", Boolean, nullable=False),
    Column("url", Text),
    Column("content_sha256", String, nullable=False),
    Column("first_seen_at", UtcDateTime, nullable=False),
    Column("vanished_at", UtcDateTime),  # when its feed no longer listed it although it listed older ones
    UniqueConstraint("feed_id", "key"),
    Index("ix_entries_article_id", "article_id"),
    Index("ix_entries_first_seen_at", "first_seen_at"),
    Index("ix_entries_vanished_at", "vanished_at"),
)

# Every text that any entry ever had, once for each change. Variants are other feeds' texts under the same address.
revisions = Table(
    "revisions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("article_id", ForeignKey("articles.article_id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("feed_id", ForeignKey("feeds.feed_id"), nullable=False),
    Column("is_variant", Boolean, nullable=False),
    Column("url", Text),
    Column("title", Text, nullable=False),
    Column("summary", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("content_sha256", String, nullable=False),
    Column("published_at", UtcDateTime, nullable=False),
    Column("published_how", String, nullable=False),
    Column("fetched_at", UtcDateTime, nullable=False),
    Column("source", String, nullable=False, server_default="feed"),  # feed or page
    Column("repairs", JSON),
    Column("document_sha256", String),
    UniqueConstraint("article_id", "number"),
    Index("ix_revisions_fetched_at", "fetched_at"),
)

# How fetching an article's page went: one row per article, the last try of its text in revision `for_revision`.
pages = Table(
    "pages",
    metadata,
    Column("article_id", ForeignKey("articles.article_id"), primary_key=True),
    Column("url", Text, nullable=False),
    Column("for_revision", Integer, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("tried_at", UtcDateTime, nullable=False),
    Column("outcome", String, nullable=False),
    Column("message", Text),
    Column("not_before", UtcDateTime),  # when to try again; none: this text is done with
    Column("document_sha256", String),
    Column("archive_sequence", Integer),
    Index("ix_pages_document_sha256", "document_sha256"),
)

# The end of the archive's hash chain as the last run left it: a chain that was cut short shows against it.
archive_heads = Table(
    "archive_heads",
    metadata,
    Column("folder", String, primary_key=True),
    Column("sequence", Integer, nullable=False),
    Column("hash", String, nullable=False),
    Column("saved_at", UtcDateTime, nullable=False),
)

assessments = Table(
    "assessments",
    metadata,
    Column("revision_id", ForeignKey("revisions.id"), primary_key=True),
    Column("bundle", String, primary_key=True),
    Column("made_at", UtcDateTime, nullable=False),
    Column("language", String),
    Column("flagged", Boolean, nullable=False),
    Column("failure", Text),  # set where the bundle could not assess the revision; then there are no scores
    Index(
        "ix_assessments_failed",
        "bundle",
        sqlite_where=text("failure IS NOT NULL"),
        postgresql_where=text("failure IS NOT NULL"),
    ),
)

# How far files have been read by `monitor backfill`, and what was in them so far.
backfills = Table(
    "backfills",
    metadata,
    Column("source", Text, primary_key=True),  # path, size and time of the file
    Column("units", Integer, nullable=False),  # lines or records done
    Column("is_finished", Boolean, nullable=False),
    Column("counts", JSON, nullable=False),
)

# Each bundle has seen every revision with above < id <= up_to: what waits for it is looked for outside of these only.
assessed_ranges = Table(
    "assessed_ranges",
    metadata,
    Column("bundle", String, primary_key=True),
    Column("above", Integer, nullable=False),
    Column("up_to", Integer, nullable=False),
)

narrative_scores = Table(
    "narrative_scores",
    metadata,
    Column("revision_id", ForeignKey("revisions.id"), primary_key=True),
    Column("bundle", String, primary_key=True),
    Column("narrative", String, primary_key=True),
    Column("score", Float, nullable=False),
    Column("stance", String, nullable=False),
    Column("stance_score", Float, nullable=False),
    Column("is_carried", Boolean, nullable=False),
    Column("flagged", Boolean, nullable=False),
    Column("evidence", JSON, nullable=False),
    Column("terms", JSON, nullable=False),
)

# Assessed articles of each feed and day: those that carry a narrative, by stance; and with the narrative "" all of them (stance
# "") and the flagged ones (stance "promotes"). Trends are read from here; what is missing is counted again from the revisions.
day_counts = Table(
    "day_counts",
    metadata,
    Column("bundle", String, primary_key=True),
    Column("timezone", String, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("feed_id", String, primary_key=True),
    Column("narrative", String, primary_key=True),
    Column("stance", String, primary_key=True),
    Column("articles", Integer, nullable=False),
)

# Which days `day_counts` holds. Whoever stores a revision or an assessment takes out the days that it falls into.
counted_days = Table(
    "counted_days",
    metadata,
    Column("bundle", String, primary_key=True),
    Column("timezone", String, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("starts_at", UtcDateTime, nullable=False),
    Column("ends_at", UtcDateTime, nullable=False),
    Index("ix_counted_days_ends_at", "ends_at"),
)

# What finds copies of an article: its shingles (sorted, 4 bytes each, little end first), and the bands that they fall into.
copy_texts = Table(
    "copy_texts",
    metadata,
    Column("article", ForeignKey("articles.id"), primary_key=True),
    Column("shingles", LargeBinary, nullable=False),
)

copy_bands = Table(
    "copy_bands",
    metadata,
    Column("band", BigInteger, primary_key=True, autoincrement=False),
    Column("article", Integer, primary_key=True, autoincrement=False),
    Index("ix_copy_bands_article", "article"),
    sqlite_with_rowid=False,
)

# Messages that a channel took, and which flagged articles it was told of: nothing is told twice.
notifications = Table(
    "notifications",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("channel", String, nullable=False),
    Column("kind", String, nullable=False),  # flagged or failure
    Column("subject", Text, nullable=False),
    Column("told_at", UtcDateTime, nullable=False),
    Index("ix_notifications_channel_kind_told_at", "channel", "kind", "told_at"),
)

told_articles = Table(
    "told_articles",
    metadata,
    Column("channel", String, primary_key=True),
    Column("article_id", ForeignKey("articles.article_id"), primary_key=True),
    Column("told_at", UtcDateTime, nullable=False),
)
