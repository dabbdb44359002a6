"""Which workers poll, and whether they are given anything."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from temporalio.api.enums.v1 import TaskQueueType, WorkerVersioningMode
from temporalio.api.taskqueue.v1 import PollerInfo, TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest, DescribeTaskQueueResponse
from temporalio.client import Client
from temporalio.service import RPCError

from heartbeat.domain.worker_roles import Role
from heartbeat.settings import Settings
from heartbeat.temporal.client import RPC_TIMEOUT

# Which each process of ours polls four times a minute to compare its clock; nothing is ever put into it.
CLOCK_QUEUE, CLOCK_KIND = TaskQueue(name="heartbeat-clock"), TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY
# A process that lives has polled it within this time. Where Temporal refuses such polls, a worker has its own queue.
HEARD_WITHIN, POLLED_WITHIN = timedelta(seconds=40), timedelta(seconds=75)
# What a server calls workers without a build id, in the one word of before.
UNVERSIONED = ("", "__unversioned__")


@dataclass(frozen=True)
class Workers:
    """How many workers of a role live, and how many of these are given what is new: those of the current build."""

    living: int = 0
    current: int = 0


async def last_polls(client: Client, task_queue: TaskQueue, kind: TaskQueueType.ValueType) -> dict[str, datetime]:
    """When each process polled a queue last, by its identity and Temporal's clock; of the last five minutes.

    Raises `RPCError`, `RuntimeError` and `TimeoutError`.
    """
    response = await _described(client, task_queue, kind)
    return {poller.identity: _polled_at(poller) for poller in response.pollers}


async def _described(client: Client, task_queue: TaskQueue, kind: TaskQueueType.ValueType) -> DescribeTaskQueueResponse:
    request = DescribeTaskQueueRequest(namespace=client.namespace, task_queue=task_queue, task_queue_type=kind)
    # As with `_answers`, the timeout of the request alone would not do.
    async with asyncio.timeout(RPC_TIMEOUT.total_seconds()):
        return await client.workflow_service.describe_task_queue(request, timeout=RPC_TIMEOUT)


async def _of_workflows(client: Client, task_queue: str) -> DescribeTaskQueueResponse:
    """What a queue for workflows is like; as one that nobody polls when Temporal does not answer."""
    try:
        return await _described(client, TaskQueue(name=task_queue), TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW)
    except (RPCError, RuntimeError, TimeoutError):
        return DescribeTaskQueueResponse()


async def pollers(client: Client, task_queue: str) -> int:
    """How many workers polled the queue for workflows lately, dead ones too; 0 when Temporal does not answer."""
    return len({poller.identity for poller in (await _of_workflows(client, task_queue)).pollers})


async def workers_by_role(client: Client, settings: Settings, now: datetime) -> dict[Role, Workers]:
    """The workers of each role that live; none when Temporal does not answer. `now` is by its clock.

    It names those of the last five minutes, dead ones too. So here only who has compared its clock since counts: the
    SDK's own polls go on when the process behind them hangs.
    """
    asking = (_of_workflows(client, settings.queue(role)) for role in Role)
    queues, heard = await asyncio.gather(asyncio.gather(*asking), _heard(client))
    return {role: living_workers(queue, heard, now) for role, queue in zip(Role, queues, strict=True)}


def living_workers(queue: DescribeTaskQueueResponse, heard: dict[str, datetime], now: datetime) -> Workers:
    """Those of a queue, of which the server says `now` who polled it and which build is current."""
    living = [poller for poller in queue.pollers if _lives(poller.identity, _polled_at(poller), heard, now)]
    current = _current_version(queue)
    return Workers(len(living), sum(current in (None, _version(poller)) for poller in living))


def _current_version(queue: DescribeTaskQueueResponse) -> tuple[str, str] | None:
    """The deployment and the build that begin what is new in a queue; both empty for workers without a build id.

    `None` if the server does not say it so: older ones name both in one word.
    """
    routing = queue.versioning_info
    if not routing.HasField("current_deployment_version") and routing.current_version not in UNVERSIONED:
        return None
    is_replaced = routing.ramping_version_percentage >= 100
    version = routing.ramping_deployment_version if is_replaced else routing.current_deployment_version
    return version.deployment_name, version.build_id


def _version(poller: PollerInfo) -> tuple[str, str]:
    options = poller.deployment_options
    if options.worker_versioning_mode != WorkerVersioningMode.WORKER_VERSIONING_MODE_VERSIONED:
        return "", ""
    return options.deployment_name, options.build_id


def _polled_at(poller: PollerInfo) -> datetime:
    return poller.last_access_time.ToDatetime(UTC)


async def _heard(client: Client) -> dict[str, datetime]:
    try:
        return await last_polls(client, CLOCK_QUEUE, CLOCK_KIND)
    except (RPCError, RuntimeError, TimeoutError):
        return {}


def _lives(identity: str, polled: datetime, heard: dict[str, datetime], now: datetime) -> bool:
    if not heard:
        return now - polled <= POLLED_WITHIN
    return identity in heard and now - heard[identity] <= HEARD_WITHIN
