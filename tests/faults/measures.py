"""What is read of the parts from outside: how large processes are, and the schedules of Temporal."""

import os
from pathlib import Path

from temporalio.client import Client

from heartbeat.domain.contracts import UPKEEP_SCHEDULE_ID

# What a process may have more at the end than it had once it was warm: connections that are kept open, and what the
# allocator keeps.
MORE_MEGABYTES, MORE_FILES = 150, 150


def size(pid: int) -> tuple[int, int]:
    """The megabytes of a process and the number of its open files."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 1_000_000, len(os.listdir(f"/proc/{pid}/fd"))


def grown(before: dict[str, tuple[int, int]], after: dict[str, tuple[int, int]]) -> list[str]:
    """The processes that have more than is allowed beyond what they had once they were warm."""
    return [
        f"{name} grew from {before[name]} to {now} (MB, files)"
        for name, now in after.items()
        if now[0] > before[name][0] + MORE_MEGABYTES or now[1] > before[name][1] + MORE_FILES
    ]


async def schedules_of(address: tuple[str, int]) -> dict[str, bool]:
    """All schedules but that of the upkeep, and whether each is active."""
    client = await Client.connect(f"{address[0]}:{address[1]}")
    found = {one.id: one.schedule async for one in await client.list_schedules()}
    return {
        name: bool(schedule and not schedule.state.paused)
        for name, schedule in found.items()
        if name != UPKEEP_SCHEDULE_ID
    }
