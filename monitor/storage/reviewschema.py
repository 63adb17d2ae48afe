"""Tables of the review: who may log in, what is asked, and what was decided. Part of `monitor.storage.schema`'s metadata."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Date, Float, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint

from monitor.storage.schema import UtcDateTime, metadata

__all__ = ["decisions", "login_failures", "metadata", "review_items", "sessions", "users"]

users = Table(
    "users",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String, nullable=False, unique=True),
    Column("role", String, nullable=False),
    Column("password_hash", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("disabled_at", UtcDateTime),
)

# The token itself is known to the browser only.
sessions = Table(
    "sessions",
    metadata,
    Column("token_sha256", String, primary_key=True),
    Column("user_id", ForeignKey("users.id"), nullable=False),
    Column("language", String, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("last_seen_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Index("ix_sessions_user_id", "user_id"),
)

# Failed log-ins, once for the name and once for the address: what rate limit and lock-out are read from.
login_failures = Table(
    "login_failures",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("subject", String, nullable=False),  # name:… or address:…, hashed
    Column("failed_at", UtcDateTime, nullable=False),
    Index("ix_login_failures_subject_failed_at", "subject", "failed_at"),
)

# The queue: questions made from assessments. It can be made again from them and the decisions at any time, but for the leases.
review_items = Table(
    "review_items",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("article_id", ForeignKey("articles.article_id"), nullable=False),
    Column("narrative", String, nullable=False),  # empty: does the text carry any?
    Column("revision", Integer, nullable=False),
    Column("revision_id", ForeignKey("revisions.id"), nullable=False),
    Column("bundle", String, nullable=False),
    Column("score", Float, nullable=False),
    Column("stance", String),
    Column("flagged", Boolean, nullable=False),
    Column("language", String),
    Column("feed_id", String, nullable=False),
    Column("day", Date, nullable=False),  # when the article was first seen, in UTC
    Column("rank_certain", Float, nullable=False),
    Column("rank_uncertain", Float, nullable=False),
    Column("rank_sample", Float, nullable=False),
    Column("probability", Float, nullable=False),
    Column("is_sampled", Boolean, nullable=False),
    Column("wants_second", Boolean, nullable=False),
    Column("state", String, nullable=False),  # open, second, decided or closed
    Column("claimed_by", ForeignKey("users.id")),
    Column("claimed_until", UtcDateTime),
    Column("claim_scheme", String),
    UniqueConstraint("article_id", "narrative"),
    Index("ix_review_items_certain", "state", "is_sampled", "rank_certain", "id"),
    Index("ix_review_items_uncertain", "state", "is_sampled", "rank_uncertain", "id"),
    Index("ix_review_items_sample", "state", "is_sampled", "rank_sample", "id"),
    Index("ix_review_items_narrative", "state", "is_sampled", "narrative", "rank_certain", "id"),
    Index("ix_review_items_claimed_by", "claimed_by"),
    Index("ix_review_items_day", "day", "narrative"),
)

# The audit trail: rows are added, never changed; a trigger sees to that. What takes the place of a decision, or takes it back,
# names it in `supersedes`.
decisions = Table(
    "decisions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("article_id", ForeignKey("articles.article_id"), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("asked", String, nullable=False),
    Column("bundle", String, nullable=False),
    Column("user_id", ForeignKey("users.id"), nullable=False),
    Column("made_at", UtcDateTime, nullable=False),
    Column("verdict", String, nullable=False),
    Column("narrative", String),
    Column("stance", String),
    Column("span_field", String),
    Column("span_start", Integer),
    Column("span_end", Integer),
    Column("note", Text, nullable=False),
    Column("scheme", String, nullable=False),
    Column("probability", Float),
    Column("flagged", Boolean, nullable=False),
    Column("supersedes", ForeignKey("decisions.id"), unique=True),
    Index("ix_decisions_article_id", "article_id", "asked"),
    Index("ix_decisions_user_id", "user_id", "id"),
    Index("ix_decisions_made_at", "made_at"),
)
