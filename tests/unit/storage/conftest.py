"""The store that these tests share."""

from pathlib import Path

import pytest

from monitor.storage.store import SqlStore
from tests.unit.storage.stores import FEEDS


@pytest.fixture
def store(tmp_path: Path):
    with SqlStore(f"sqlite:///{tmp_path / 'monitor.db'}") as opened:
        opened.sync_feeds(FEEDS)
        yield opened
