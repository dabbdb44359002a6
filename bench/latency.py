"""A trigger over HTTP against start-and-wait of a bare workflow: on the same server, and on one with default flags."""

from functools import partial
from time import perf_counter

import httpx
from temporalio.client import Client

from bench.goals import Result, rounded
from bench.processes import BENCH, free_ports, running
from bench.quantiles import quantile
from bench.running_stack import RunningStack
from bench.tenant import Tenant
from bench.throughput import Work, run_bare_workflow
from heartbeat.up import temporal_server

WARM_UPS, SAMPLES = 5, 60


async def measure(stack: RunningStack) -> Result:
    """Measure the three in turn, with a single caller."""
    port, ui_port = free_ports(2)
    address = f"127.0.0.1:{port}"
    # In memory and without any flag: what a person starts who tries Temporal.
    command = [temporal_server.binary(), "server", "start-dev", "--port", str(port), "--ui-port", str(ui_port)]
    with (
        running(command, stack.home / "default.log", port=port),
        running([*BENCH, "bench.bare_worker", address], stack.home / "default-bare.log"),
    ):
        default = partial(run_bare_workflow, await Client.connect(address))
        return await _compare(stack, default, partial(run_bare_workflow, await stack.client()))


async def _compare(stack: RunningStack, default: Work, same: Work) -> Result:
    async with httpx.AsyncClient(
        base_url=f"{stack.url}/v1/bot/heartbeat", headers=stack.tenant.headers, trust_env=False, timeout=60
    ) as api:
        trigger = partial(_trigger, api, stack.tenant)
        ways: dict[str, Work] = {"trigger_ms": trigger, "bare_default_flags_ms": default, "bare_our_flags_ms": same}
        took: dict[str, list[float]] = {name: [] for name in ways}
        for number in range(WARM_UPS + SAMPLES):
            for name, work in ways.items():
                began = perf_counter()
                await work(number)
                if number >= WARM_UPS:
                    took[name].append((perf_counter() - began) * 1000)
    result = Result(raw={name: _spread(times) for name, times in took.items()})
    p50 = {name: quantile(times, 0.5) for name, times in took.items()}
    result.at_most(
        "trigger over HTTP p50 / start-and-wait of one activity, same flags",
        p50["trigger_ms"] / p50["bare_our_flags_ms"],
        1.25,
    )
    return result


async def _trigger(api: httpx.AsyncClient, tenant: Tenant, number: int) -> None:
    """Trigger one of the heartbeats and wait for its run."""
    heartbeat = tenant.heartbeats[number % len(tenant.heartbeats)]
    response = await api.post("/trigger", json=tenant.ids(heartbeat))
    assert response.json()["result"]["status"] == "success", response.text


def _spread(times: list[float]) -> dict[str, float]:
    return {name: rounded(quantile(times, at)) for name, at in (("p50", 0.5), ("p95", 0.95), ("max", 1.0))}
