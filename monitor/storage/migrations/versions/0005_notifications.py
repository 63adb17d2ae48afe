"""What channels were told."""

from alembic import op
from sqlalchemy import Column, DateTime, ForeignKey, Integer, PrimaryKeyConstraint, String, Text

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "notifications",
        Column("id", Integer, nullable=False),
        Column("channel", String, nullable=False),
        Column("kind", String, nullable=False),
        Column("subject", Text, nullable=False),
        Column("told_at", DateTime(timezone=True), nullable=False),
        PrimaryKeyConstraint("id", name="pk_notifications"),
    )
    op.create_index("ix_notifications_channel_kind_told_at", "notifications", ["channel", "kind", "told_at"])
    op.create_table(
        "told_articles",
        Column("channel", String, nullable=False),
        Column("article_id", String, ForeignKey("articles.article_id", name="fk_told_articles_article_id"), nullable=False),
        Column("told_at", DateTime(timezone=True), nullable=False),
        PrimaryKeyConstraint("channel", "article_id", name="pk_told_articles"),
    )


def downgrade() -> None:
    op.drop_table("told_articles")
    op.drop_table("notifications")
