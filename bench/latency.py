"""A trigger over HTTP against start-and-wait of a bare workflow on a Temporal server with its default flags."""

from time import perf_counter

import httpx
from temporalio.client import Client

from bench.goals import Result, rounded
from bench.processes import BENCH, free_ports, running
from bench.quantiles import quantile
from bench.running_stack import RunningStack
from bench.throughput import Work, bare_work
from heartbeat.up import temporal_server

WARM_UPS, SAMPLES = 5, 60


async def measure(house: RunningStack) -> Result:
    """One after the other in turn, a single caller."""
    port, ui_port = free_ports(2)
    address = f"127.0.0.1:{port}"
    # In memory and with no flag that changes how it works: what a person who tries Temporal starts.
    command = [temporal_server.binary(), "server", "start-dev", "--port", str(port), "--ui-port", str(ui_port)]
    with (
        running(command, house.home / "default.log", port=port),
        running([*BENCH, "bench.bare_worker", address], house.home / "default-bare.log"),
    ):
        default, ours = await Client.connect(address), await house.client()
        return await _compare(house, bare_work(default), bare_work(ours))


async def _compare(house: RunningStack, default: Work, same: Work) -> Result:
    async with httpx.AsyncClient(
        base_url=f"{house.url}/v1/bot/heartbeat", headers=house.tenant.headers, trust_env=False, timeout=60
    ) as api:

        async def trigger(number: int) -> None:
            answer = await api.post("/trigger", json=house.tenant.names(house.tenant.heartbeats[number]))
            assert answer.json()["result"]["status"] == "success", answer.text

        ways: dict[str, Work] = {"trigger_ms": trigger, "bare_default_flags_ms": default, "bare_our_flags_ms": same}
        took: dict[str, list[float]] = {name: [] for name in ways}
        for number in range(WARM_UPS + SAMPLES):
            for name, work in ways.items():
                began = perf_counter()
                await work(number % len(house.tenant.heartbeats))
                if number >= WARM_UPS:
                    took[name].append((perf_counter() - began) * 1000)
    result = Result(raw={name: _spread(times) for name, times in took.items()})
    p50 = {name: quantile(times, 0.5) for name, times in took.items()}
    result.at_most(
        "trigger over HTTP p50 / start-and-wait of one activity, default flags",
        p50["trigger_ms"] / p50["bare_default_flags_ms"],
        1.0,
    )
    return result


def _spread(times: list[float]) -> dict[str, float]:
    return {name: rounded(quantile(times, at)) for name, at in (("p50", 0.5), ("p95", 0.95), ("max", 1.0))}
