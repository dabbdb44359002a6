"""The house of the run tests, on SQLite alone: Temporal's traps do not depend on the store."""

import pytest

from tests.conftest import fresh_database
from tests.support.world import house, model, settings

__all__ = ["house", "model", "settings"]


@pytest.fixture
def database_url(request: pytest.FixtureRequest) -> str:
    return fresh_database(request, "sqlite")
