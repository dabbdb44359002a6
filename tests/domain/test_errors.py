"""Errors are exceptions like any other."""

from heartbeat.domain.errors import Invalid, NotFound, Unavailable


def test_errors_can_be_kept_in_a_set() -> None:
    first, second = NotFound("bot", "bot_1"), NotFound("bot", "bot_1")
    assert len({first, second, Invalid("name", "is empty"), Unavailable("database_unavailable", "away")}) == 4
    assert first in {first}
    assert first != second
