"""Near copies are looked up by other bands: what the earlier ones said is dropped, and found again for what comes from now on."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("DELETE FROM copy_bands")
    op.execute("DELETE FROM copy_texts")


def downgrade() -> None:
    upgrade()
