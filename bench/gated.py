"""A gated tick that finds nothing new beside a run without tools: the worker's processor time, and the history."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, update
from temporalio.client import Client

from bench.goals import Result, median_ratio, rounded
from bench.processes import Process
from bench.running_stack import RunningStack
from bench.tenant import HEARTBEAT
from bench.throughput import CONCURRENCY, ROUNDS, RUNS, TIMEOUT, Work, complete_run, per_second
from heartbeat.domain.gates import Gate
from heartbeat.domain.ids import new_id
from heartbeat.store.heartbeats.configure import ConfigureRequest, configure
from heartbeat.store.heartbeats.sync import ScheduledRow
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.temporal.runs import start_gated_run

# As large as a usual feed.
FEED = json.dumps({"items": [{"id": number, "title": f"Title {number}", "text": "x" * 200} for number in range(40)]})
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%b"
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


async def measure(stack: RunningStack) -> Result:
    """Measure rounds of both in turn, with the same number of callers."""
    client = await stack.client()
    async with feed() as url:
        heartbeats = await stack.database.write(_gated, stack, url)
        gated, full = partial(skipped_tick, stack, client, heartbeats), partial(complete_run, stack, client)
        # The first look has nothing to compare with, and takes note of what is there.
        await asyncio.gather(*(gated(number) for number in range(len(heartbeats))))
        ours, theirs = [], []
        for _ in range(ROUNDS):
            ours.append(await _processor_seconds(stack.worker, gated))
            theirs.append(await _processor_seconds(stack.worker, full))
        events = await _events(stack, client, heartbeats[0])
    result = Result(raw={"gated_tick_ms": _milliseconds(ours), "run_ms": _milliseconds(theirs)})
    result.at_most("events in the history of a gated tick without news", events, 11)
    ratio = median_ratio(ours, theirs)
    result.at_most("worker's time for a gated tick without news / for a run without tools", ratio, 1)
    return result


def _milliseconds(seconds: list[float]) -> list[float]:
    return [rounded(1000 * one / RUNS) for one in seconds]


@asynccontextmanager
async def feed() -> AsyncIterator[str]:
    """Serve a feed that never changes, whole each time; yields its address."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(ANSWER % (len(FEED), FEED.encode()))
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/feed"


def _gated(connection: Connection, stack: RunningStack, url: str) -> list[Heartbeat]:
    """Insert heartbeats that look at the feed before each tick."""
    gate, now = Gate(url=url, select="/items", on_first="skip"), datetime.now(UTC)
    fields = [
        {"prompt": f"Read the feed {number}.", "cron_pattern": "0 0 * * *", "gate": gate}
        for number in range(CONCURRENCY)
    ]
    rows = [configure(connection, stack.tenant.access, ConfigureRequest(one, enabled=True), now) for one in fields]
    # Upkeep would give them their schedules, in the middle of a measurement.
    connection.execute(update(HEARTBEAT).values(synced_version=HEARTBEAT.c.version))
    return rows


async def skipped_tick(stack: RunningStack, client: Client, heartbeats: list[Heartbeat], number: int) -> object:
    """Start one that asks the gate of one of the heartbeats, and wait until it is skipped."""
    handle = await _start(stack, client, heartbeats[number % len(heartbeats)])
    async with asyncio.timeout(TIMEOUT.total_seconds()):
        result = await handle.result()
    assert result.status == "skipped", result
    return result


async def _start(stack: RunningStack, client: Client, heartbeat: Heartbeat) -> Any:
    return await start_gated_run(
        client, stack.settings, ScheduledRow(heartbeat, stack.tenant.bot.name, "self_hosted"), new_id("log")
    )


async def _processor_seconds(worker: Process, work: Work) -> float:
    """Measure the processor time that the worker takes for `RUNS` times this work."""
    before = _used(worker)
    await per_second(work)
    return _used(worker) - before


def _used(process: Process) -> float:
    """Read the processor time of a process, its own and the kernel's for it; Linux counts it in hundredths."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_A_SECOND


async def _events(stack: RunningStack, client: Client, heartbeat: Heartbeat) -> int:
    handle = await _start(stack, client, heartbeat)
    await handle.result()
    return len((await handle.fetch_history()).events)
