"""An authenticated read against a bare FastAPI route, on the same uvicorn settings."""

import asyncio
from time import perf_counter
from urllib.parse import urlencode

from bench.goals import Result, ratios, rounded
from bench.processes import BENCH, free_ports, running
from bench.running_stack import RunningStack

WARM_UPS, ROUNDS, SECONDS, CALLERS = 1, 5, 1.5, 16


async def measure(house: RunningStack) -> Result:
    """Rounds of both in turn, each a few callers that ask again as soon as they are answered."""
    [port] = free_ports(1)
    names = urlencode(house.tenant.names(house.tenant.heartbeats[0]))
    read = _request(f"/v1/bot/heartbeat/read?{names}", house.tenant.headers)
    ours, theirs = [], []
    with running([*BENCH, "bench.bare_api", str(port)], house.home / "bare-api.log", port=port):
        for _ in range(WARM_UPS + ROUNDS):
            ours.append(await _a_second(house.settings.port, read))
            theirs.append(await _a_second(port, _request("/")))
    ours, theirs = ours[WARM_UPS:], theirs[WARM_UPS:]
    result = Result(raw={"reads_per_second": [*map(rounded, ours)], "bare_per_second": [*map(rounded, theirs)]})
    result.at_least("authenticated reads a second / those of a bare FastAPI route", ratios(ours, theirs), 0.3)
    return result


def _request(path: str, headers: dict[str, str] | None = None) -> bytes:
    lines = [f"GET {path} HTTP/1.1", "host: 127.0.0.1", *(f"{name}: {text}" for name, text in (headers or {}).items())]
    return "\r\n".join([*lines, "", ""]).encode()


async def _a_second(port: int, request: bytes) -> float:
    """Answers a second that `CALLERS` get; a plain socket each, because an HTTP client would cost more than the API."""
    end = perf_counter() + SECONDS

    async def caller() -> int:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        answers = 0
        while perf_counter() < end:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200"), head
            await reader.readexactly(int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]))
            answers += 1
        writer.close()
        return answers

    return sum(await asyncio.gather(*(caller() for _ in range(CALLERS)))) / SECONDS
