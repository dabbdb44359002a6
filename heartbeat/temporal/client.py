"""The connection to Temporal, and whether it answers."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client, TLSConfig
from temporalio.service import RPCError, RPCStatusCode

from heartbeat.domain.worker_roles import Role
from heartbeat.settings import Settings
from heartbeat.temporal.converter import DATA_CONVERTER

T = TypeVar("T")

# For a request that can be made again later, and for how long Temporal is silent before it counts as away.
RPC_TIMEOUT = timedelta(seconds=3)
# A request without an answer for this long has Temporal's health checked beside it.
CHECK_AFTER = timedelta(seconds=1)
CHECK_TIMEOUT = RPC_TIMEOUT - CHECK_AFTER
# What the SDK reports when nothing came back; any other status is an answer of Temporal's own.
NOT_ANSWERED = {RPCStatusCode.CANCELLED, RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.UNAVAILABLE}


CONNECT_SECONDS = 10.0
# Which each process of ours polls four times a minute to compare its clock; nothing is ever put into it.
CLOCK_QUEUE, CLOCK_KIND = TaskQueue(name="heartbeat-clock"), TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY
# A process that lives has polled it within this time. Where Temporal refuses such polls, a worker has its own queue.
HEARD_WITHIN, POLLED_WITHIN = timedelta(seconds=40), timedelta(seconds=75)


class NoAnswer(RuntimeError):
    """Temporal has answered nothing for three seconds."""


async def connect(settings: Settings, *, lazy: bool = True) -> Client:
    """A client of the settings' cluster. A lazy one opens no connection yet, so it cannot fail.

    Another raises `RuntimeError` within ten seconds, also where a host is silent.
    """
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            return await _connect(settings, lazy)
    except TimeoutError:
        raise NoAnswer(f"no answer within {CONNECT_SECONDS:g} s") from None


async def _connect(settings: Settings, lazy: bool) -> Client:
    return await Client.connect(
        settings.temporal_target(),
        namespace=settings.temporal_namespace,
        api_key=settings.temporal_api_key.get_secret_value() if settings.temporal_api_key else None,
        tls=_tls(settings),
        data_converter=DATA_CONVERTER,
        lazy=lazy,
    )


@dataclass
class Liveness:
    """When a client last had an answer of any kind, and the check of Temporal's health that its requests share."""

    answered_at: float = 0.0
    check: asyncio.Task[bool] | None = None


_liveness: WeakKeyDictionary[Client, Liveness] = WeakKeyDictionary()


async def answer_to(client: Client, request: Coroutine[Any, Any, T]) -> T:
    """Await a request for as long as Temporal answers anything at all; raises `NoAnswer` when it is away.

    Under load Temporal can take longer for one request than a silent connection may be waited for. It is not away
    while it answers other requests of this client, or the check of its health.
    """
    liveness = _liveness.setdefault(client, Liveness())
    task, started = asyncio.ensure_future(request), monotonic()
    try:
        while not (await asyncio.wait({task}, timeout=CHECK_AFTER.total_seconds()))[0]:
            if await _is_silent(client, liveness, started):
                raise NoAnswer("Temporal answers nothing")
        result = task.result()
        liveness.answered_at = monotonic()
        return result
    finally:
        task.cancel()


async def _is_silent(client: Client, liveness: Liveness, started: float) -> bool:
    """Whether nothing came back for three seconds, counted from the start of the request that asks."""
    if monotonic() - liveness.answered_at >= CHECK_AFTER.total_seconds():
        if liveness.check is None or liveness.check.done():
            liveness.check = asyncio.create_task(_answers(client))
        # Shielded: a caller who hangs up must not end it for the others.
        if await asyncio.shield(liveness.check):
            liveness.answered_at = monotonic()
    return monotonic() - max(started, liveness.answered_at) >= RPC_TIMEOUT.total_seconds()


async def _answers(client: Client) -> bool:
    try:
        # The SDK's own timeout does not begin before it is connected, which to a silent host it never is.
        async with asyncio.timeout(CHECK_TIMEOUT.total_seconds()):
            await client.service_client.check_health(timeout=CHECK_TIMEOUT)
    except RPCError as problem:
        return problem.status not in NOT_ANSWERED
    except (RuntimeError, TimeoutError):
        return False
    return True


async def healthy(client: Client) -> bool:
    """Whether Temporal answers within three seconds that it serves."""
    try:
        async with asyncio.timeout(RPC_TIMEOUT.total_seconds()):
            return await client.service_client.check_health(timeout=RPC_TIMEOUT)
    except (RPCError, RuntimeError, TimeoutError):
        return False


async def last_polls(client: Client, task_queue: TaskQueue, kind: TaskQueueType.ValueType) -> dict[str, datetime]:
    """When each process polled a queue last, by its identity and Temporal's clock; of the last five minutes.

    Raises `RPCError`, `RuntimeError` and `TimeoutError`.
    """
    request = DescribeTaskQueueRequest(namespace=client.namespace, task_queue=task_queue, task_queue_type=kind)
    # As with `_answers`, the timeout of the request alone would not do.
    async with asyncio.timeout(RPC_TIMEOUT.total_seconds()):
        response = await client.workflow_service.describe_task_queue(request, timeout=RPC_TIMEOUT)
    return {poller.identity: poller.last_access_time.ToDatetime(UTC) for poller in response.pollers}


async def _workers(client: Client, task_queue: str) -> dict[str, datetime]:
    """When each worker polled a queue for workflows last; none when Temporal does not answer."""
    try:
        return await last_polls(client, TaskQueue(name=task_queue), TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW)
    except (RPCError, RuntimeError, TimeoutError):
        return {}


async def pollers(client: Client, task_queue: str) -> int:
    """How many workers polled the queue for workflows lately, dead ones too; 0 when Temporal does not answer."""
    return len(await _workers(client, task_queue))


async def workers_by_role(client: Client, settings: Settings, now: datetime) -> dict[Role, int]:
    """How many workers that live have each role; 0 when Temporal does not answer. `now` is by its clock.

    It names those of the last five minutes, dead ones too. So here only who has compared its clock since counts: the
    SDK's own polls go on when the process behind them hangs.
    """
    *by_role, heard = await asyncio.gather(*(_workers(client, settings.queue(role)) for role in Role), _heard(client))
    counts = [sum(_lives(identity, polled, heard, now) for identity, polled in workers.items()) for workers in by_role]
    return dict(zip(Role, counts, strict=True))


async def _heard(client: Client) -> dict[str, datetime]:
    try:
        return await last_polls(client, CLOCK_QUEUE, CLOCK_KIND)
    except (RPCError, RuntimeError, TimeoutError):
        return {}


def _lives(identity: str, polled: datetime, heard: dict[str, datetime], now: datetime) -> bool:
    if not heard:
        return now - polled <= POLLED_WITHIN
    return identity in heard and now - heard[identity] <= HEARD_WITHIN


def _tls(settings: Settings) -> TLSConfig | bool:
    authority, certificate, key = (
        path.read_bytes() if path else None
        for path in (settings.temporal_tls_ca, settings.temporal_tls_cert, settings.temporal_tls_key)
    )
    if authority or certificate or key:
        return TLSConfig(server_root_ca_cert=authority, client_cert=certificate, client_private_key=key)
    return settings.temporal_tls or settings.temporal_api_key is not None
