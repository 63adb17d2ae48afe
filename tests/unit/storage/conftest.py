"""The stores that these tests share: each test runs on SQLite and on PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from monitor.storage.reviewstore import ReviewStore
from monitor.storage.store import SqlStore
from tests.factories import NOON, make_feed
from tests.unit.storage.stores import FEEDS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from monitor.decisions import Role
    from tests.databases import PostgresServer


@pytest.fixture(params=["sqlite", "postgresql"])
def db_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a new store."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'monitor.db'}"
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    url = server.make_database()
    yield url
    server.drop_database(url)


@pytest.fixture
def store(db_url: str) -> Iterator[SqlStore]:
    with SqlStore(db_url) as opened:
        opened.sync_feeds(FEEDS)
        yield opened


@pytest.fixture
def pipeline(db_url: str) -> Iterator[SqlStore]:
    """The store as a run uses it, beside which `review_store` is open."""
    with SqlStore(db_url) as opened:
        opened.sync_feeds([make_feed("agency"), make_feed("pier", kind="state")])
        yield opened


@pytest.fixture
def review_store(db_url: str, pipeline: SqlStore) -> Iterator[ReviewStore]:
    """The store as analysts use it; ``accounts`` has the ids of three of them by name."""
    with ReviewStore(db_url) as opened:
        roles: tuple[tuple[str, Role], ...] = (("anna", "analyst"), ("bohdan", "analyst"), ("lesia", "lead"))
        made = [opened.add_account(name, role=role, password_hash="h", created_at=NOON) for name, role in roles]
        opened.accounts = {account.name: account.id for account in made if account}  # type: ignore[attr-defined]
        yield opened
