"""The world of the run tests, on SQLite alone: Temporal's traps do not depend on the store."""

import pytest

from tests.support.databases import fresh_database


@pytest.fixture
def database_url(request: pytest.FixtureRequest) -> str:
    return fresh_database(request, "sqlite")
