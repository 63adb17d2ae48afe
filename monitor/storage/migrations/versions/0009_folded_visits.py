"""Old visits and runs are folded: one row stands for several."""

from alembic import op
from sqlalchemy import JSON, Column, DateTime, Integer, PrimaryKeyConstraint, String

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("visits", "runs"):
        op.add_column(table, Column("stands_for", Integer, nullable=False, server_default="1"))
    op.add_column("runs", Column("folded_pages", JSON))
    op.create_table(
        "folded_until",
        Column("records", String, nullable=False),
        Column("until", DateTime(timezone=True), nullable=False),
        PrimaryKeyConstraint("records", name="pk_folded_until"),
    )


def downgrade() -> None:
    op.drop_table("folded_until")
    with op.batch_alter_table("runs") as runs:
        runs.drop_column("folded_pages")
        runs.drop_column("stands_for")
    with op.batch_alter_table("visits") as visits:
        visits.drop_column("stands_for")
