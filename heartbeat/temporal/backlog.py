"""How much waits in a task queue, and how many workers look at it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.service import RPCError

from heartbeat.temporal.client import RPC_TIMEOUT

KINDS = {
    "workflow": TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
    "activity": TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
}


@dataclass(frozen=True)
class QueueBacklog:
    """A task queue for one kind of task, as its server tells it: how many wait, since when, and who polls."""

    task_queue: str
    kind: str
    tasks: int
    age_seconds: float
    pollers: int


async def queue_backlogs(client: Client, task_queues: Sequence[str]) -> list[QueueBacklog]:
    """Ask for each queue and kind, side by side; nothing if Temporal does not answer within three seconds."""
    asking = [_backlog(client, queue, kind) for queue in task_queues for kind in KINDS]
    try:
        async with asyncio.timeout(RPC_TIMEOUT.total_seconds()):
            return await asyncio.gather(*asking)
    except (RPCError, RuntimeError, TimeoutError):
        return []


async def _backlog(client: Client, task_queue: str, kind: str) -> QueueBacklog:
    request = DescribeTaskQueueRequest(
        namespace=client.namespace,
        task_queue=TaskQueue(name=task_queue),
        task_queue_type=KINDS[kind],
        report_stats=True,
    )
    response = await client.workflow_service.describe_task_queue(request, timeout=RPC_TIMEOUT)
    stats = response.stats
    age = stats.approximate_backlog_age.ToTimedelta().total_seconds()
    return QueueBacklog(task_queue, kind, stats.approximate_backlog_count, age, len(response.pollers))
