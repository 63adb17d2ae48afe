"""What all tests may ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.databases import PostgresServer

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """A PostgreSQL server; where none can be started, the tests that need it are skipped with the reason."""
    try:
        server = PostgresServer(tmp_path_factory.mktemp("postgres"))
    except Exception as error:  # noqa: BLE001 - whatever a platform lacks
        pytest.skip(f"no PostgreSQL server could be started: {error}")
    yield server
    server.close()
