"""How far files have been backfilled."""

from alembic import op
from sqlalchemy import JSON, Boolean, Column, Integer, PrimaryKeyConstraint, Text

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "backfills",
        Column("source", Text, nullable=False),
        Column("units", Integer, nullable=False),
        Column("is_finished", Boolean, nullable=False),
        Column("counts", JSON, nullable=False),
        PrimaryKeyConstraint("source", name="pk_backfills"),
    )


def downgrade() -> None:
    op.drop_table("backfills")
