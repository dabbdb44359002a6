"""The connection to Temporal, and the runs that no schedule starts."""

import asyncio
import os
import sys
from datetime import datetime, timedelta
from typing import NoReturn

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client, TLSConfig, WorkflowExecutionStatus, WorkflowFailureError, WorkflowHandle
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import CancelledError, WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from heartbeat.contracts import AGENT_RUN, NOTIFY, RunRequest, RunResult
from heartbeat.errors import Conflict, Unavailable
from heartbeat.labels import run_summary
from heartbeat.settings import Settings
from heartbeat.store.closing import Ending
from heartbeat.store.probing import probe_id
from heartbeat.store.records import Run
from heartbeat.store.tables import Heartbeat

RPC_TIMEOUT = timedelta(seconds=3)


async def connect(settings: Settings, *, lazy: bool = True) -> Client:
    """A client of the settings' cluster. A lazy one opens no connection yet, so it cannot fail."""
    return await Client.connect(
        settings.temporal_target(),
        namespace=settings.temporal_namespace,
        api_key=settings.temporal_api_key.get_secret_value() if settings.temporal_api_key else None,
        tls=_tls(settings),
        lazy=lazy,
    )


async def healthy(client: Client) -> bool:
    """Whether Temporal answers within three seconds."""
    try:
        return await client.service_client.check_health(timeout=RPC_TIMEOUT)
    except (RPCError, RuntimeError):
        return False


async def pollers(client: Client, task_queue: str) -> int:
    """How many workers poll the queue for workflows; 0 when Temporal does not answer."""
    request = DescribeTaskQueueRequest(
        namespace=client.namespace,
        task_queue=TaskQueue(name=task_queue),
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
    )
    try:
        return len((await client.workflow_service.describe_task_queue(request, timeout=RPC_TIMEOUT)).pollers)
    except (RPCError, RuntimeError):
        return 0


async def start_manual_run(
    client: Client, settings: Settings, heartbeat: Heartbeat, bot_name: str, run: str, dry_run: bool = False
) -> WorkflowHandle[object, RunResult]:
    """Start a run now under the log id `run`; asking again for the same `run` gives the same workflow.

    With `dry_run` it is a rehearsal.

    The schedule's own trigger is not used: of several in one second it loses some. Raises `Unavailable`.
    """
    workflow_id = manual_workflow_id(heartbeat, run)
    try:
        return await client.start_workflow(
            AGENT_RUN,
            RunRequest(heartbeat.uuid, heartbeat.version, "manual", run, dry_run=dry_run),
            id=workflow_id,
            task_queue=settings.task_queue,
            result_type=RunResult,
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            static_summary=run_summary(bot_name, heartbeat.prompt),
            rpc_timeout=RPC_TIMEOUT,
        )
    except WorkflowAlreadyStartedError:
        return client.get_workflow_handle(workflow_id, result_type=RunResult)
    except (RPCError, RuntimeError) as problem:
        raise Unavailable(
            "temporal_unavailable", "Temporal cannot be reached, so nothing was started; try again shortly."
        ) from problem


def manual_workflow_id(heartbeat: Heartbeat, run: str) -> str:
    """The workflow of the run that was promised the log id `run`."""
    return f"{heartbeat.uuid}-manual-{run}"


async def wake(client: Client, workflow_id: str, step: int) -> bool:
    """Tell a run that somebody decided about the call that is its step `step`; False when Temporal is away.

    The decision itself is in the store, and Upkeep tells again: what is lost here is a minute.
    """
    try:
        await client.get_workflow_handle(workflow_id).signal("decided", step, rpc_timeout=RPC_TIMEOUT)
    except (RPCError, RuntimeError) as problem:
        return isinstance(problem, RPCError) and problem.status == RPCStatusCode.NOT_FOUND
    return True


async def cancel_run(
    client: Client, workflow_id: str, run_id: str | None = None
) -> WorkflowHandle[object, RunResult] | None:
    """Ask the workflow of a run to end it; `None` when that has ended or never was. Raises `Unavailable`.

    The workflow closes its run as cancelled once the step under way has heard of it.
    """
    handle = client.get_workflow_handle(workflow_id, run_id=run_id, result_type=RunResult)
    try:
        await handle.cancel(reason="cancelled over the API", rpc_timeout=RPC_TIMEOUT)
    except (RPCError, RuntimeError) as problem:
        if isinstance(problem, RPCError) and problem.status == RPCStatusCode.NOT_FOUND:
            return None
        raise Unavailable(
            "temporal_unavailable", "Temporal cannot be reached, so the run was not cancelled; try again shortly."
        ) from problem
    return handle


async def result_within(handle: WorkflowHandle[object, RunResult], seconds: float) -> RunResult | None:
    """How a run's workflow ended; `None` when it has not by then, or failed, or cannot be asked: its log will tell.

    A workflow that ends as cancelled itself never came to open its run.
    """
    try:
        return await asyncio.wait_for(handle.result(), seconds)
    except WorkflowFailureError as problem:
        before = isinstance(problem.cause, CancelledError)
        return RunResult("cancelled", why="The run was cancelled before it began.") if before else None
    except (TimeoutError, RPCError, RuntimeError):
        return None


async def log_of(handle: WorkflowHandle[object, RunResult]) -> str:
    """The log id of a run once its workflow is over, however long that takes; raises `Conflict` or `Unavailable`."""
    try:
        log = (await handle.result()).run
    except WorkflowFailureError as problem:
        raise Conflict("no_result", f"The run was ended in Temporal, without a result: {problem.cause}") from problem
    except (RPCError, RuntimeError) as problem:
        raise Unavailable("temporal_unavailable", "Temporal went away while the run was going on.") from problem
    if log is None:
        raise Conflict("no_result", "The heartbeat was deleted before the run began.")
    return log


def tick_id(heartbeat: Heartbeat, tick: datetime) -> str:
    """The id that the schedule gives the workflow of a tick."""
    return f"{heartbeat.uuid}-{tick:%Y-%m-%dT%H:%M:%SZ}"


async def is_open(client: Client, workflow_id: str) -> bool:
    """Whether this workflow is still queued or running; raises `RPCError`."""
    there = await client.get_workflow_handle(workflow_id).describe(rpc_timeout=RPC_TIMEOUT)
    return there.status == WorkflowExecutionStatus.RUNNING


async def start_tick(
    client: Client,
    settings: Settings,
    heartbeat: Heartbeat,
    bot_name: str,
    tick: datetime,
    delay: timedelta | None = None,
) -> bool:
    """Start the run of a tick that the schedule lost or would lose; false when its workflow exists already.

    The id is the one the schedule would give it, so that both together still start one. Raises `RPCError`.
    """
    try:
        await client.start_workflow(
            AGENT_RUN,
            RunRequest(heartbeat.uuid, heartbeat.version, tick=tick.isoformat()),
            id=tick_id(heartbeat, tick),
            task_queue=settings.task_queue,
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            static_summary=run_summary(bot_name, heartbeat.prompt),
            start_delay=delay,
            rpc_timeout=RPC_TIMEOUT,
        )
    except WorkflowAlreadyStartedError:
        return False
    return True


async def start_probe(client: Client, settings: Settings, heartbeat: Heartbeat, bot_name: str) -> bool:
    """Try a paused heartbeat once; false when this probe was started before. Raises `RPCError`.

    One that failed in Temporal without coming to its log (terminated by hand, say) may be started anew.
    """
    try:
        await client.start_workflow(
            AGENT_RUN,
            RunRequest(heartbeat.uuid, heartbeat.version, "probe"),
            id=probe_id(heartbeat),
            task_queue=settings.task_queue,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
            static_summary=run_summary(bot_name, heartbeat.prompt),
            rpc_timeout=RPC_TIMEOUT,
        )
    except WorkflowAlreadyStartedError:
        return False
    return True


async def start_notify(client: Client, settings: Settings, notification: str) -> bool:
    """Start the delivery of a notification; false when it is under way already. Raises `RPCError`."""
    try:
        await client.start_workflow(
            NOTIFY, notification, id=notification, task_queue=settings.task_queue, rpc_timeout=RPC_TIMEOUT
        )
    except WorkflowAlreadyStartedError:
        return False
    return True


async def how_it_ended(client: Client, run: Run) -> Ending | None:
    """What became of a run whose row is still open; `None` while its workflow goes on or Temporal does not answer."""
    assert run.workflow_id is not None, "a run that executes has a workflow"
    handle = client.get_workflow_handle(run.workflow_id, run_id=run.workflow_run_id)
    try:
        status = (await handle.describe(rpc_timeout=RPC_TIMEOUT)).status
    except RPCError as problem:
        if problem.status != RPCStatusCode.NOT_FOUND:
            return None
        return Ending("error", "workflow_gone", "The run's workflow no longer exists in Temporal.")
    if status is None or status == WorkflowExecutionStatus.RUNNING:
        return None
    if status == WorkflowExecutionStatus.CANCELED:
        return Ending("cancelled", "cancelled", "The run was cancelled.")
    word = status.name.lower().replace("_", " ")
    return Ending("error", f"workflow_{status.name.lower()}", f"The run's workflow was {word} in Temporal.")


def _tls(settings: Settings) -> TLSConfig | bool:
    authority, certificate, key = (
        path.read_bytes() if path else None
        for path in (settings.temporal_tls_ca, settings.temporal_tls_cert, settings.temporal_tls_key)
    )
    if authority or certificate or key:
        return TLSConfig(server_root_ca_cert=authority, client_cert=certificate, client_private_key=key)
    return settings.temporal_tls or settings.temporal_api_key is not None


def leave(code: int) -> NoReturn:
    """End a short-lived process: at interpreter exit the SDK aborts now and then on 3.11 to 3.13."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
