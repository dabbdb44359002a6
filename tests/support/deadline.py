"""The deadline of every test: what still runs then has failed, and says what it waits for."""

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

# More for what takes minutes on a machine of its own, and may not have one.
SECONDS = int(os.environ.get("HEARTBEAT_TEST_SECONDS", "600"))


class TooLate(pytest.fail.Exception):  # type: ignore[name-defined]
    """The deadline has come."""


@contextmanager
def in_time(item: pytest.Item) -> Iterator[None]:
    """Fail what takes longer; the tests of outages and of the API's document take minutes of real clock."""
    signal.signal(signal.SIGALRM, _fail)
    signal.alarm(0 if any(map(item.get_closest_marker, ("outage", "contract"))) else SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)


def _fail(*_: object) -> None:
    # The traceback of the failure ends in the event loop: where its tasks wait is said beside it.
    with suppress(RuntimeError):
        for task in asyncio.all_tasks():
            print(f"{task.get_name()} waits at", *_frames(task.get_coro()), sep="\n  ", file=sys.stderr)
    raise TooLate(f"it still runs after {SECONDS} s")


def _frames(coroutine: Any) -> Iterator[str]:
    """Each call on the way down to what is awaited; a task's own stack ends at the first."""
    while (frame := getattr(coroutine, "cr_frame", None)) is not None:
        yield f"{frame.f_code.co_filename}:{frame.f_lineno} {frame.f_code.co_name}"
        coroutine = coroutine.cr_await
