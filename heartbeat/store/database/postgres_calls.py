"""What there is to know of calls to PostgreSQL without its driver, which a process on SQLite need not load."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

POOL_SIZE = 10
# The connection is of no more use though it is open: a pooler changed what is behind it (prepared statements are gone
# or there twice), or a failover made its server one that cannot be written to.
LOST_STATE = {"26000", "42P05", "25006"}
# Two transactions were in each other's way, and the server undid one of them: a deadlock, or rows read that changed.
CONFLICTS = {"40P01", "40001"}
# As SQLSTATE has them.
NO_PRIVILEGE, OF_ANOTHER_VERSION = "42501", ("42P01", "42703")

_limit = threading.local()


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Have the calls of this thread to PostgreSQL fail once `seconds` have passed, as a server that is away does."""
    before = deadline()
    _limit.until = min(before, monotonic() + seconds)
    try:
        yield
    finally:
        _limit.until = before


def deadline() -> float:
    """Return until when this thread may wait, by the monotonic clock."""
    at: float = getattr(_limit, "until", float("inf"))
    return at


def lost_state(problem: BaseException | None) -> bool:
    """Whether an error says that the server behind a connection is not what it was."""
    state = getattr(problem, "sqlstate", None)
    # After a migration, where statements have names: "cached plan must not change result type".
    return state in LOST_STATE or (state == "0A000" and "cached plan" in str(problem))


def is_conflict(problem: BaseException | None) -> bool:
    """Whether an error says that a transaction was undone for another one's sake, and may be made again."""
    return getattr(problem, "sqlstate", None) in CONFLICTS
