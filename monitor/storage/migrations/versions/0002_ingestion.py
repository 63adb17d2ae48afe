"""What a feed's visits left behind, pages, vanished items, and where documents lie in the archive."""

from alembic import op
from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Float,
    ForeignKey,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Text,
    false,
)

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TIME = DateTime(timezone=True)


def upgrade() -> None:
    _widen_feeds()
    op.add_column("visits", Column("clipped", Integer, nullable=False, server_default="0"))
    op.add_column("visits", Column("was_forced", Boolean, nullable=False, server_default=false()))
    op.add_column("visits", Column("archive_sequence", Integer))
    op.create_index("ix_visits_document_sha256", "visits", ["document_sha256"])
    op.add_column("articles", Column("gone_at", TIME))
    op.create_index("ix_articles_gone_at", "articles", ["gone_at"])
    op.add_column("articles", Column("cluster", Integer))
    op.create_index("ix_articles_cluster", "articles", ["cluster"])
    _create_copies()
    op.create_index("ix_articles_first_seen_at", "articles", ["first_seen_at"])
    op.add_column("entries", Column("vanished_at", TIME))
    op.create_index("ix_entries_first_seen_at", "entries", ["first_seen_at"])
    op.create_index("ix_entries_vanished_at", "entries", ["vanished_at"])
    op.add_column("revisions", Column("source", String, nullable=False, server_default="feed"))
    op.add_column("revisions", Column("repairs", JSON))
    op.add_column("revisions", Column("document_sha256", String))
    _create_pages_and_heads()


def _widen_feeds() -> None:
    op.add_column("feeds", Column("moved_to", Text))
    op.add_column("feeds", Column("failures", Integer, nullable=False, server_default="0"))
    op.add_column("feeds", Column("unchanged", Integer, nullable=False, server_default="0"))
    op.add_column("feeds", Column("rhythm_s", Float))
    op.add_column("feeds", Column("hint_s", Float))
    op.add_column("feeds", Column("last_new_at", TIME))
    op.add_column("feeds", Column("last_success_at", TIME))
    op.add_column("feeds", Column("lies", Integer, nullable=False, server_default="0"))
    op.add_column("feeds", Column("document_sha256", String))
    op.add_column("feeds", Column("last_keys", JSON))


def _create_pages_and_heads() -> None:
    op.create_table(
        "pages",
        Column("article_id", String, ForeignKey("articles.article_id", name="fk_pages_article_id"), nullable=False),
        Column("url", Text, nullable=False),
        Column("for_revision", Integer, nullable=False),
        Column("tries", Integer, nullable=False),
        Column("tried_at", TIME, nullable=False),
        Column("outcome", String, nullable=False),
        Column("message", Text),
        Column("not_before", TIME),
        Column("document_sha256", String),
        Column("archive_sequence", Integer),
        PrimaryKeyConstraint("article_id", name="pk_pages"),
    )
    op.create_index("ix_pages_document_sha256", "pages", ["document_sha256"])
    op.create_table(
        "archive_heads",
        Column("folder", String, nullable=False),
        Column("sequence", Integer, nullable=False),
        Column("hash", String, nullable=False),
        Column("saved_at", TIME, nullable=False),
        PrimaryKeyConstraint("folder", name="pk_archive_heads"),
    )


def _create_copies() -> None:
    op.create_table(
        "copy_texts",
        Column("article", Integer, ForeignKey("articles.id", name="fk_copy_texts_article"), nullable=False),
        Column("shingles", LargeBinary, nullable=False),
        PrimaryKeyConstraint("article", name="pk_copy_texts"),
    )
    op.create_table(
        "copy_bands",
        Column("band", BigInteger, nullable=False, autoincrement=False),
        Column("article", Integer, nullable=False, autoincrement=False),
        PrimaryKeyConstraint("band", "article", name="pk_copy_bands"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_copy_bands_article", "copy_bands", ["article"])


def downgrade() -> None:
    op.drop_table("copy_bands")
    op.drop_table("copy_texts")
    op.drop_index("ix_articles_cluster", "articles")
    op.drop_column("articles", "cluster")
    op.drop_table("archive_heads")
    op.drop_table("pages")
    for index, table, columns in (
        (None, "revisions", ("source", "repairs", "document_sha256")),
        ("ix_entries_vanished_at", "entries", ("vanished_at",)),
        ("ix_articles_gone_at", "articles", ("gone_at",)),
        ("ix_visits_document_sha256", "visits", ("clipped", "was_forced", "archive_sequence")),
        (None, "feeds", ("moved_to", "failures", "unchanged", "rhythm_s", "hint_s", "last_new_at", "last_success_at", "lies")),
        (None, "feeds", ("document_sha256", "last_keys")),
    ):
        if index is not None:
            op.drop_index(index, table)
        for column in columns:
            op.drop_column(table, column)
    op.drop_index("ix_entries_first_seen_at", "entries")
    op.drop_index("ix_articles_first_seen_at", "articles")
