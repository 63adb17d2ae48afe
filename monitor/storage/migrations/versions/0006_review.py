"""Accounts, sessions, the queue, and analysts' decisions with their audit trail."""

from alembic import op
from sqlalchemy import (
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

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

TIME = DateTime(timezone=True)
REFUSAL = "decisions are never changed: add one that supersedes"


def upgrade() -> None:
    _create_accounts()
    _create_items()
    _create_decisions()
    if op.get_context().dialect.name == "sqlite":
        for event in ("UPDATE", "DELETE"):
            refuse = f"BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"
            op.execute(f"CREATE TRIGGER decisions_no_{event.lower()} BEFORE {event} ON decisions {refuse}")
    else:
        op.execute(
            f"CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION '{REFUSAL}'; END $$"
        )
        op.execute(
            "CREATE TRIGGER decisions_no_change BEFORE UPDATE OR DELETE ON decisions FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )


def _create_accounts() -> None:
    op.create_table(
        "users",
        Column("id", Integer, nullable=False),
        Column("name", String, nullable=False),
        Column("role", String, nullable=False),
        Column("password_hash", Text, nullable=False),
        Column("created_at", TIME, nullable=False),
        Column("disabled_at", TIME),
        PrimaryKeyConstraint("id", name="pk_users"),
        UniqueConstraint("name", name="uq_users_name"),
    )
    op.create_table(
        "sessions",
        Column("token_sha256", String, nullable=False),
        Column("user_id", Integer, ForeignKey("users.id", name="fk_sessions_user_id"), nullable=False),
        Column("language", String, nullable=False),
        Column("created_at", TIME, nullable=False),
        Column("last_seen_at", TIME, nullable=False),
        Column("expires_at", TIME, nullable=False),
        PrimaryKeyConstraint("token_sha256", name="pk_sessions"),
    )
    op.create_index("ix_sessions_user_id", "sessions", ["user_id"])
    op.create_table(
        "login_failures",
        Column("id", Integer, nullable=False),
        Column("subject", String, nullable=False),
        Column("failed_at", TIME, nullable=False),
        PrimaryKeyConstraint("id", name="pk_login_failures"),
    )
    op.create_index("ix_login_failures_subject_failed_at", "login_failures", ["subject", "failed_at"])


def _create_items() -> None:
    op.create_table(
        "review_items",
        Column("id", Integer, nullable=False),
        Column("article_id", String, ForeignKey("articles.article_id", name="fk_review_items_article_id"), nullable=False),
        Column("narrative", String, nullable=False),
        Column("revision", Integer, nullable=False),
        Column("revision_id", Integer, ForeignKey("revisions.id", name="fk_review_items_revision_id"), nullable=False),
        Column("bundle", String, nullable=False),
        Column("score", Float, nullable=False),
        Column("stance", String),
        Column("flagged", Boolean, nullable=False),
        Column("language", String),
        Column("feed_id", String, nullable=False),
        Column("day", Date, nullable=False),
        Column("rank_certain", Float, nullable=False),
        Column("rank_uncertain", Float, nullable=False),
        Column("rank_sample", Float, nullable=False),
        Column("probability", Float, nullable=False),
        Column("is_sampled", Boolean, nullable=False),
        Column("wants_second", Boolean, nullable=False),
        Column("state", String, nullable=False),
        Column("claimed_by", Integer, ForeignKey("users.id", name="fk_review_items_claimed_by")),
        Column("claimed_until", TIME),
        Column("claim_scheme", String),
        PrimaryKeyConstraint("id", name="pk_review_items"),
        UniqueConstraint("article_id", "narrative", name="uq_review_items_article_id_narrative"),
    )
    for order in ("certain", "uncertain", "sample"):
        op.create_index(f"ix_review_items_{order}", "review_items", ["state", "is_sampled", f"rank_{order}", "id"])
    op.create_index("ix_review_items_narrative", "review_items", ["state", "is_sampled", "narrative", "rank_certain", "id"])
    op.create_index("ix_review_items_claimed_by", "review_items", ["claimed_by"])
    op.create_index("ix_review_items_day", "review_items", ["day", "narrative"])


def _create_decisions() -> None:
    op.create_table(
        "decisions",
        Column("id", Integer, nullable=False),
        Column("article_id", String, ForeignKey("articles.article_id", name="fk_decisions_article_id"), nullable=False),
        Column("revision", Integer, nullable=False),
        Column("asked", String, nullable=False),
        Column("bundle", String, nullable=False),
        Column("user_id", Integer, ForeignKey("users.id", name="fk_decisions_user_id"), nullable=False),
        Column("made_at", TIME, nullable=False),
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
        Column("supersedes", Integer, ForeignKey("decisions.id", name="fk_decisions_supersedes")),
        PrimaryKeyConstraint("id", name="pk_decisions"),
        UniqueConstraint("supersedes", name="uq_decisions_supersedes"),
    )
    op.create_index("ix_decisions_article_id", "decisions", ["article_id", "asked"])
    op.create_index("ix_decisions_user_id", "decisions", ["user_id", "id"])
    op.create_index("ix_decisions_made_at", "decisions", ["made_at"])


def downgrade() -> None:
    op.drop_table("decisions")
    if op.get_context().dialect.name != "sqlite":
        op.execute("DROP FUNCTION refuse_change()")
    op.drop_table("review_items")
    op.drop_table("login_failures")
    op.drop_table("sessions")
    op.drop_table("users")
