"""An authenticated read against a bare FastAPI route that reads the same row, on the same uvicorn settings."""

import asyncio
from time import perf_counter
from urllib.parse import urlencode

from sqlalchemy import make_url

from bench.goals import Result, median_ratio, rounded
from bench.plain_http import connection, get
from bench.processes import BENCH, free_ports, running
from bench.running_stack import RunningStack

WARM_UPS, ROUNDS, SECONDS, CALLERS = 1, 5, 1.5, 16


async def measure(stack: RunningStack) -> Result:
    """Measure rounds of both in turn, each with callers that ask again as soon as they are answered."""
    [port] = free_ports(1)
    heartbeat = stack.tenant.heartbeats[0]
    read = get(f"/v1/bot/heartbeat/read?{urlencode(stack.tenant.ids(heartbeat))}", stack.tenant.headers)
    bare = get(f"/heartbeats/{heartbeat.uuid}", {})
    ours, theirs = [], []
    command = [*BENCH, "bench.bare_api", str(port), make_url(stack.settings.store_url()).database or ""]
    with running(command, stack.home / "bare-api.log", port=port):
        for _ in range(WARM_UPS + ROUNDS):
            ours.append(await _per_second(stack.settings.port, read))
            theirs.append(await _per_second(port, bare))
    ours, theirs = ours[WARM_UPS:], theirs[WARM_UPS:]
    result = Result(raw={"reads_per_second": [*map(rounded, ours)], "bare_per_second": [*map(rounded, theirs)]})
    name = "authenticated reads a second / those of a bare FastAPI route that reads the same row"
    result.at_least(name, median_ratio(ours, theirs), 0.6)
    return result


async def _per_second(port: int, request: bytes) -> float:
    """Measure the answers a second that `CALLERS` get."""
    end = perf_counter() + SECONDS
    return sum(await asyncio.gather(*(_call(port, request, end) for _ in range(CALLERS)))) / SECONDS


async def _call(port: int, request: bytes, end: float) -> int:
    """Ask until `end`; returns the number of answers."""
    answers = 0
    async with connection(port) as api:
        while perf_counter() < end:
            await api.send(request)
            answers += 1
    return answers
