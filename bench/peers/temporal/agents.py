"""Agents with Temporal as one writes them by hand: a schedule each, and a workflow of three activities.

The better setting is an overlap policy that skips no tick, and writes that are keyed by the workflow, which the
database then holds to once. Its server has the flags that Heartbeat starts it with.
"""

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
)
from temporalio.worker import Worker

with workflow.unsafe.imports_passed_through():
    import job

QUEUE = "agents"
# A hundred starts at once take a busy server longer than a request may by default.
PATIENCE = timedelta(seconds=60)
OPTIONS = {"start_to_close_timeout": timedelta(seconds=10)}
OVERLAP = ScheduleOverlapPolicy.BUFFER_ALL if job.BETTER else ScheduleOverlapPolicy.SKIP


@activity.defn
def ask(name: str) -> str:
    return job.ask(name)


@activity.defn
def write(name: str, answer: str) -> None:
    job.write(_key(name), answer)


@activity.defn
def charge(name: str) -> None:
    job.charge(_key(name))


def _key(name: str) -> str:
    """Name what is written; with the better setting it is unique by workflow, thus by tick."""
    return f"{name}/{activity.info().workflow_id}" if job.BETTER else name


@workflow.defn
class Run:
    @workflow.run
    async def run(self, name: str) -> None:
        answer = await workflow.execute_activity(ask, name, **OPTIONS)
        await workflow.execute_activity(write, args=[name, answer], **OPTIONS)
        await workflow.execute_activity(charge, name, **OPTIONS)


def schedule(name: str) -> Schedule:
    return Schedule(
        action=ScheduleActionStartWorkflow(Run.run, name, id=name, task_queue=QUEUE),
        spec=ScheduleSpec(cron_expressions=["* * * * *"]),
        policy=SchedulePolicy(overlap=OVERLAP),
    )


async def main() -> None:
    command, world, jobs = job.arguments()
    client = await Client.connect(os.environ["BENCH_TEMPORAL"])
    if command == "worker":
        job.pool.open()
        with ThreadPoolExecutor(job.CONCURRENCY) as executor:
            worker = Worker(
                client,
                task_queue=QUEUE,
                workflows=[Run],
                activities=[ask, write, charge],
                activity_executor=executor,
                max_concurrent_activities=job.CONCURRENCY,
            )
            await worker.run()
    elif command == "schedule":
        for name in job.names(world, jobs):
            await client.create_schedule(name, schedule(name))
    elif command == "start":
        job.say_due()
        at_once = asyncio.Semaphore(100)
        await asyncio.gather(*(start(client, name, at_once) for name in job.names(world, jobs)))


async def start(client: Client, name: str, at_once: asyncio.Semaphore) -> None:
    """Start what a schedule would start: a thousand schedules take this server minutes to create."""
    workflow_id = f"{name}-{os.environ['BENCH_TURN']}"
    async with at_once:
        await client.start_workflow(Run.run, name, id=workflow_id, task_queue=QUEUE, rpc_timeout=PATIENCE)


if __name__ == "__main__":
    asyncio.run(main())
    # Its runtime's threads do not always outlive the interpreter's end in peace.
    os._exit(0)
