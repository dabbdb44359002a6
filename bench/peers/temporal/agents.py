"""Agents with Temporal as one writes them by hand: a schedule each, and a workflow of three activities.

The better setting is an overlap policy that skips no tick, and writes that are keyed by the workflow, which the
database then holds to once. Its server has the flags that Heartbeat starts it with.
"""

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

from temporalio import activity, workflow
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleBackfill,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
)
from temporalio.worker import Worker

with workflow.unsafe.imports_passed_through():
    import job

QUEUE = "agents"
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
        spec=ScheduleSpec(cron_expressions=["* * * * *" if job.AGENTS else "0 0 * * *"]),
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
        limit = asyncio.Semaphore(10)

        async def create(name: str) -> None:
            async with limit:
                await client.create_schedule(name, schedule(name))

        await asyncio.gather(*map(create, job.names(world, jobs)))
    elif command == "start":
        midnight = datetime.fromisoformat(os.environ["BENCH_TICK"])
        backfill = ScheduleBackfill(start_at=midnight, end_at=midnight, overlap=ScheduleOverlapPolicy.ALLOW_ALL)
        handles = map(client.get_schedule_handle, job.names(world, jobs))
        job.say_due()
        await asyncio.gather(*(handle.backfill(backfill) for handle in handles))


if __name__ == "__main__":
    asyncio.run(main())
    # Its runtime's threads do not always outlive the interpreter's end in peace.
    os._exit(0)
