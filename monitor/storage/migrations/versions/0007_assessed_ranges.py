"""Up to where each bundle has assessed everything, and quick ways to its failures."""

from alembic import op
from sqlalchemy import Column, Integer, PrimaryKeyConstraint, String, text

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "assessed_ranges",
        Column("bundle", String, nullable=False),
        Column("above", Integer, nullable=False),
        Column("up_to", Integer, nullable=False),
        PrimaryKeyConstraint("bundle", name="pk_assessed_ranges"),
    )
    failed = text("failure IS NOT NULL")
    op.create_index("ix_assessments_failed", "assessments", ["bundle"], sqlite_where=failed, postgresql_where=failed)


def downgrade() -> None:
    op.drop_index("ix_assessments_failed", "assessments")
    op.drop_table("assessed_ranges")
