"""Whether a fault did what it says: seen from outside, on the process or the disk itself."""

import shutil
import time
from contextlib import suppress
from email.utils import parsedate_to_datetime
from pathlib import Path

import httpx

from tests.faults.descent import start_of
from tests.faults.plan import Fault
from tests.faults.stack import Stack
from tests.support.patience import wait_until

# What a process shows of its clock, in seconds, is a whole second that may be over.
PRECISION = 2.0
SIGNAL_SECONDS, LOOK_SECONDS = 10.0, 2.0
NEXT_TO_NOTHING = 1 << 16


def is_full(disk: Path) -> bool:
    return shutil.disk_usage(disk).free < NEXT_TO_NOTHING


def gone(pids: list[int]) -> bool:
    """Whether there was something to kill, and none of it is left."""
    with suppress(AssertionError):
        wait_until(lambda: not any(map(start_of, pids)), seconds=SIGNAL_SECONDS)
        return bool(pids)
    return False


def stand_still(pids: list[int]) -> bool:
    """Whether there was something to stop, and all of it stands still."""
    with suppress(AssertionError):
        wait_until(lambda: all(_stands_still(pid) or not start_of(pid) for pid in pids), seconds=SIGNAL_SECONDS)
    return any(map(_stands_still, pids))


def has_clock(stack: Stack, fault: Fault) -> bool:
    """Whether the process itself says, in the date of its answers, that its clock is that far ahead."""
    with suppress(httpx.HTTPError, KeyError):
        answer = httpx.get(f"{stack.own_urls[fault.parts[0]]}/metrics", trust_env=False, timeout=LOOK_SECONDS)
        shown = parsedate_to_datetime(answer.headers["date"]).timestamp()
        return abs(shown - time.time() - fault.by) <= PRECISION
    return False


def _stands_still(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
    return False
