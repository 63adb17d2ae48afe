"""Assessed and flagged articles by day, feed, narrative and stance."""

from alembic import op
from sqlalchemy import Column, Date, DateTime, Integer, PrimaryKeyConstraint, String

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "day_counts",
        Column("bundle", String, nullable=False),
        Column("timezone", String, nullable=False),
        Column("day", Date, nullable=False),
        Column("feed_id", String, nullable=False),
        Column("narrative", String, nullable=False),
        Column("stance", String, nullable=False),
        Column("articles", Integer, nullable=False),
        PrimaryKeyConstraint("bundle", "timezone", "day", "feed_id", "narrative", "stance", name="pk_day_counts"),
    )
    op.create_table(
        "counted_days",
        Column("bundle", String, nullable=False),
        Column("timezone", String, nullable=False),
        Column("day", Date, nullable=False),
        Column("starts_at", DateTime(timezone=True), nullable=False),
        Column("ends_at", DateTime(timezone=True), nullable=False),
        PrimaryKeyConstraint("bundle", "timezone", "day", name="pk_counted_days"),
    )
    op.create_index("ix_counted_days_ends_at", "counted_days", ["ends_at"])


def downgrade() -> None:
    op.drop_table("counted_days")
    op.drop_table("day_counts")
