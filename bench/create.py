"""A heartbeat made over HTTP against `create_schedule` of a bare workflow on the same Temporal server."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from functools import partial
from time import perf_counter

import httpx
from temporalio.client import Client, Schedule, ScheduleActionStartWorkflow, ScheduleSpec

from bench.bare import QUEUE, Bare
from bench.goals import Result, median_ratio, rounded
from bench.plain_http import Connection, connection, post
from bench.running_stack import RunningStack
from heartbeat.domain.ids import new_id

WARM_UPS, ROUNDS, CREATIONS = 1, 5, 96
# As many as keep Temporal at work.
CALLERS = 16
YEARLY = "0 0 1 1 *"

# Makes one, and returns its id.
Create = Callable[[int], Awaitable[str]]


async def measure(stack: RunningStack) -> Result:
    """Measure rounds of both in turn, each with as many callers; all that was made is deleted afterwards."""
    client = await stack.client()
    bare: list[Create] = [partial(create_schedule, client)] * CALLERS
    async with AsyncExitStack() as exits:
        callers = [await exits.enter_async_context(connection(stack.settings.port)) for _ in range(CALLERS)]
        full: list[Create] = [partial(configure, caller, stack) for caller in callers]
        rounds = [
            [await per_second(full, number), await per_second(bare, number)] for number in range(WARM_UPS + ROUNDS)
        ]
    await _delete(stack, client, [uuids for (_, uuids), _ in rounds], [ids for _, (_, ids) in rounds])
    ours, theirs = ([made[way][0] for made in rounds[WARM_UPS:]] for way in (0, 1))
    result = Result(raw={"creations_per_second": [*map(rounded, ours)], "bare_per_second": [*map(rounded, theirs)]})
    result.at_least("heartbeats made a second / bare create_schedule a second", median_ratio(ours, theirs), 0.8)
    return result


async def configure(api: Connection, stack: RunningStack, number: int) -> str:
    """Make a heartbeat that is on."""
    fields = {"prompt": f"Check order {number}.", "cron_pattern": YEARLY, "enabled": True}
    ids = {"project_id": stack.tenant.project.uuid, "bot_id": stack.tenant.bot.uuid}
    answer = await api.send(post("/v1/bot/heartbeat/configure", stack.tenant.headers, ids | fields))
    heartbeat = json.loads(answer)["heartbeat"]
    assert heartbeat["schedule_state"] == "active", heartbeat
    uuid: str = heartbeat["uuid"]
    return uuid


async def create_schedule(client: Client, number: int) -> str:
    """Make a schedule of the same cadence."""
    schedule_id = new_id("bare")
    action = ScheduleActionStartWorkflow(Bare.run, number, id=schedule_id, task_queue=QUEUE)
    await client.create_schedule(schedule_id, Schedule(action, ScheduleSpec(cron_expressions=[YEARLY])))
    return schedule_id


async def per_second(callers: list[Create], round_number: int) -> tuple[float, list[str]]:
    """Measure how many a second the callers make; returns their ids, too."""
    numbers = iter(range(round_number * CREATIONS, (round_number + 1) * CREATIONS))
    began = perf_counter()
    made = await asyncio.gather(*(_call(create, numbers) for create in callers))
    return CREATIONS / (perf_counter() - began), [one for ids in made for one in ids]


async def _call(create: Create, numbers: Iterator[int]) -> list[str]:
    return [await create(number) for number in numbers]


async def _delete(stack: RunningStack, client: Client, heartbeats: list[list[str]], schedules: list[list[str]]) -> None:
    """Leave to the next measurement what was there before."""
    ids = {"project_id": stack.tenant.project.uuid, "bot_id": stack.tenant.bot.uuid}
    async with httpx.AsyncClient(headers=stack.tenant.headers, trust_env=False, timeout=60) as api:
        url = f"{stack.url}/v1/bot/heartbeat/delete"
        for uuid in (uuid for made in heartbeats for uuid in made):
            (await api.delete(url, params={**ids, "heartbeat_id": uuid})).raise_for_status()
    for schedule_id in (schedule_id for made in schedules for schedule_id in made):
        await client.get_schedule_handle(schedule_id).delete()
