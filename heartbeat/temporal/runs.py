"""Runs that no schedule starts, runs that are to end, and what became of them."""

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from temporalio.client import Client, WorkflowExecutionStatus, WorkflowFailureError, WorkflowHandle
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import CancelledError, WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from heartbeat.domain.contracts import (
    AGENT_RUN,
    CANCELLED_BY_HAND,
    CANCELLED_BY_HOLD,
    NOTIFY,
    RunRequest,
    RunResult,
)
from heartbeat.domain.errors import Conflict, Unavailable
from heartbeat.domain.failure_policy import Ending
from heartbeat.domain.worker_roles import Role
from heartbeat.settings import Settings
from heartbeat.store.database.acting import spoken_for
from heartbeat.store.heartbeats.probes import probe_id
from heartbeat.store.heartbeats.sync import ScheduledRow
from heartbeat.store.heartbeats.tick_accounting import start_delay_of
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.runs import Run
from heartbeat.temporal.client import RPC_TIMEOUT, NoAnswer, answer_to
from heartbeat.temporal.fairness import priority
from heartbeat.temporal.summaries import run_summary

RunHandle = WorkflowHandle[object, RunResult]

# Runs that are cancelled side by side, and those that are woken.
CONCURRENCY = 10
WOKEN_AT_ONCE = 20
# How long a Temporal that is slow is waited for when a run is to be cancelled.
CANCEL_TIMEOUT = timedelta(seconds=15)


async def start_manual_run(
    client: Client, settings: Settings, row: ScheduledRow, run_uuid: str, dry_run: bool = False
) -> RunHandle:
    """Start a run now under the log id `run_uuid`; asking again for the same one gives the same workflow.

    With `dry_run` it is a rehearsal, which looks at the gate; other runs by hand pass it by. Raises `Unavailable`.
    """
    heartbeat = row.heartbeat
    gated = dry_run and heartbeat.gate is not None
    request = RunRequest(heartbeat.uuid, heartbeat.version, "manual", run_uuid, dry_run=dry_run, gated=gated)
    return await _start_by_hand(client, settings, row, request)


async def start_gated_run(client: Client, settings: Settings, row: ScheduledRow, run_uuid: str) -> RunHandle:
    """`start_manual_run` for one that asks the gate as a tick does, if there is one."""
    heartbeat = row.heartbeat
    gated = heartbeat.gate is not None
    request = RunRequest(heartbeat.uuid, heartbeat.version, "manual", run_uuid, gated=gated)
    return await _start_by_hand(client, settings, row, request)


async def _start_by_hand(client: Client, settings: Settings, row: ScheduledRow, request: RunRequest) -> RunHandle:
    """A Temporal that is slow is waited for as long as a trigger waits for its result.

    The schedule's own trigger is not used: of several in one second it loses some.
    """
    by = spoken_for()
    request = replace(request, triggered_by=by.reference if by else None)
    assert request.run_uuid is not None
    workflow_id = manual_workflow_id(row.heartbeat, request.run_uuid)
    start = client.start_workflow(
        AGENT_RUN,
        args=request.arguments,
        id=workflow_id,
        task_queue=settings.task_queue,
        result_type=RunResult,
        id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
        static_summary=run_summary(row.bot_name, row.heartbeat.prompt),
        priority=priority(row, settings),
        rpc_timeout=max(RPC_TIMEOUT, timedelta(seconds=settings.trigger_wait)),
    )
    try:
        return await answer_to(client, start)
    except WorkflowAlreadyStartedError:
        return client.get_workflow_handle(workflow_id, result_type=RunResult)
    except (RPCError, RuntimeError) as problem:
        raise Unavailable(
            "temporal_unavailable", "Temporal cannot be reached, so nothing was started; try again shortly."
        ) from problem


def manual_workflow_id(heartbeat: Heartbeat, run_uuid: str) -> str:
    """The workflow of the run that was promised the log id `run_uuid`."""
    return f"{heartbeat.uuid}-manual-{run_uuid}"


async def wake(client: Client, workflow_id: str, step: int) -> bool:
    """Tell a run that a person decided about the call that is its step `step`; False when Temporal is away.

    The decision itself is in the store, and Upkeep tells again: what is lost here is a minute.
    """
    try:
        decided = client.get_workflow_handle(workflow_id).signal("decided", step, rpc_timeout=RPC_TIMEOUT)
        await answer_to(client, decided)
    except (RPCError, RuntimeError) as problem:
        return isinstance(problem, RPCError) and problem.status == RPCStatusCode.NOT_FOUND
    return True


async def wake_all(client: Client, waiting: Sequence[tuple[str, int]], seconds: float) -> int:
    """Wake these runs, each by its workflow's id and its step, some side by side and no more after so long.

    Returns how many Temporal told. Whom a slow one leaves no time for Upkeep tells again.
    """
    woken, latest = 0, asyncio.get_running_loop().time() + seconds
    for start in range(0, len(waiting), WOKEN_AT_ONCE):
        if asyncio.get_running_loop().time() >= latest:
            break
        batch = waiting[start : start + WOKEN_AT_ONCE]
        woken += sum(await asyncio.gather(*(wake(client, *each) for each in batch)))
    return woken


async def cancel_run(
    client: Client, workflow_id: str, run_id: str | None = None, reason: str = CANCELLED_BY_HAND
) -> RunHandle | None:
    """Ask the workflow of a run to end it; `None` when that has ended or never was. Raises `Unavailable`.

    The workflow closes its run as cancelled once the step under way has heard of it.
    """
    handle = client.get_workflow_handle(workflow_id, run_id=run_id, result_type=RunResult)
    try:
        await answer_to(client, handle.cancel(reason=reason, rpc_timeout=CANCEL_TIMEOUT))
    except (RPCError, RuntimeError) as problem:
        if isinstance(problem, RPCError) and problem.status == RPCStatusCode.NOT_FOUND:
            return None
        raise Unavailable(
            "temporal_unavailable", "Temporal cannot be reached, so the run was not cancelled; try again shortly."
        ) from problem
    return handle


async def cancel_runs(client: Client, runs: Sequence[Run]) -> int:
    """Ask the workflows of runs to end them for a hold, as far as Temporal answers; returns how many it took."""
    taken = 0
    for start in range(0, len(runs), CONCURRENCY):
        batch = runs[start : start + CONCURRENCY]
        asked = (cancel_run(client, run.workflow_id or "", run.workflow_run_id, CANCELLED_BY_HOLD) for run in batch)
        answers = await asyncio.gather(*asked, return_exceptions=True)
        taken += sum(not isinstance(answer, BaseException) for answer in answers)
        if taken < start + len(batch):
            break
    return taken


async def result_within(handle: RunHandle, seconds: float) -> RunResult | None:
    """How a run's workflow ended; `None` when it has not by then, or failed, or cannot be asked: its log will tell.

    A workflow that ends as cancelled itself never came to open its run.
    """
    try:
        return await asyncio.wait_for(handle.result(), seconds)
    except WorkflowFailureError as problem:
        if isinstance(problem.cause, CancelledError):
            return RunResult("cancelled", reason="The run was cancelled before it began.")
        return None
    except (TimeoutError, RPCError, RuntimeError):
        return None


async def run_uuid_of(handle: RunHandle) -> str:
    """The log id of a run once its workflow is over, however long that takes; raises `Conflict` or `Unavailable`."""
    try:
        run_uuid = (await handle.result()).run_uuid
    except WorkflowFailureError as problem:
        raise Conflict("no_result", f"The run was ended in Temporal, without a result: {problem.cause}") from problem
    except (RPCError, RuntimeError) as problem:
        raise Unavailable("temporal_unavailable", "Temporal went away while the run was going on.") from problem
    if run_uuid is None:
        raise Conflict("no_result", "The heartbeat was deleted before the run began.")
    return run_uuid


def tick_id(heartbeat: Heartbeat, tick: datetime) -> str:
    """The id that the schedule gives the workflow of a tick."""
    return f"{heartbeat.uuid}-{tick + start_delay_of(heartbeat):%Y-%m-%dT%H:%M:%SZ}"


async def is_open(client: Client, workflow_id: str) -> bool:
    """Whether this workflow is still queued or running; raises `RPCError` and `NoAnswer`."""
    description = client.get_workflow_handle(workflow_id).describe(rpc_timeout=RPC_TIMEOUT)
    return (await answer_to(client, description)).status == WorkflowExecutionStatus.RUNNING


async def start_tick(
    client: Client,
    settings: Settings,
    row: ScheduledRow,
    tick: datetime,
    delay: timedelta | None = None,
) -> bool:
    """Start the run of a tick that the schedule lost or would lose; false when its workflow exists already.

    The id is the one the schedule would give it, so that both together still start one. Raises `RPCError`, `NoAnswer`.
    """
    heartbeat = row.heartbeat
    request = RunRequest(heartbeat.uuid, heartbeat.version, tick=tick.isoformat(), gated=heartbeat.gate is not None)
    start = client.start_workflow(
        AGENT_RUN,
        args=request.arguments,
        id=tick_id(heartbeat, tick),
        task_queue=settings.task_queue,
        id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
        static_summary=run_summary(row.bot_name, heartbeat.prompt),
        priority=priority(row, settings),
        start_delay=delay,
        rpc_timeout=RPC_TIMEOUT,
    )
    return await _is_new(client, start)


async def start_probe(client: Client, settings: Settings, row: ScheduledRow) -> bool:
    """Try a paused heartbeat once; false when this probe was started before. Raises `RPCError` and `NoAnswer`.

    One that failed in Temporal without coming to its log (terminated by hand, say) may be started anew.
    """
    heartbeat = row.heartbeat
    request = RunRequest(heartbeat.uuid, heartbeat.version, "probe", gated=heartbeat.gate is not None)
    start = client.start_workflow(
        AGENT_RUN,
        args=request.arguments,
        id=probe_id(heartbeat),
        task_queue=settings.task_queue,
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
        static_summary=run_summary(row.bot_name, heartbeat.prompt),
        priority=priority(row, settings),
        rpc_timeout=RPC_TIMEOUT,
    )
    return await _is_new(client, start)


async def start_notify(client: Client, settings: Settings, notification_uuid: str) -> bool:
    """Start the delivery of a notification; false when it is under way already. Raises `RPCError`, `NoAnswer`."""
    start = client.start_workflow(
        NOTIFY,
        notification_uuid,
        id=notification_uuid,
        task_queue=settings.queue(Role.DELIVERY),
        rpc_timeout=RPC_TIMEOUT,
    )
    return await _is_new(client, start)


async def _is_new(client: Client, start: Coroutine[Any, Any, object]) -> bool:
    """Whether this started a workflow that was not there before."""
    try:
        await answer_to(client, start)
    except WorkflowAlreadyStartedError:
        return False
    return True


async def how_it_ended(client: Client, run: Run) -> Ending | None:
    """What became of a run whose row is still open; `None` while its workflow goes on or Temporal does not answer."""
    assert run.workflow_id is not None, "a run that executes has a workflow"
    handle = client.get_workflow_handle(run.workflow_id, run_id=run.workflow_run_id)
    try:
        status = (await answer_to(client, handle.describe(rpc_timeout=RPC_TIMEOUT))).status
    except NoAnswer:
        return None
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
