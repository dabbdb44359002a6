"""One worker process: connect, register, run until asked to stop."""

import asyncio
import gc
import signal
import socket
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from datetime import timedelta
from functools import partial
from typing import Any

if __name__ == "__main__":
    # Nothing that is imported is garbage, and looking for some takes a third of the time that importing does.
    gc.disable()

import uvloop
from temporalio.client import Client
from temporalio.worker import (
    Interceptor,
    PollerBehaviorSimpleMaximum,
    UnsandboxedWorkflowRunner,
    Worker,
    WorkflowRunner,
)

from activities.act import ToolActivities
from activities.clocks import UpkeepGuard, follow, temporal_time
from activities.first_step import FirstStepActivities
from activities.gates import GateActivities
from activities.handover import Handover
from activities.log_context import LogContext
from activities.named_failures import NamedFailures
from activities.notifications import NotificationActivities
from activities.runs import RunActivities
from activities.schedules import ScheduleActivities
from activities.slots import SlotKeeper
from activities.think import ModelActivities, load_libraries
from activities.toolbox import Toolbox
from activities.upgrades import UpgradesWhileWaiting
from activities.upkeep import UpkeepActivities
from heartbeat.domain.clock import Clock, utc_now
from heartbeat.domain.worker_roles import Role
from heartbeat.gates.looking import GateReader
from heartbeat.settings import Settings
from heartbeat.store.database.database import Database
from heartbeat.store.database.statistics import TableStatistics, gather_again
from heartbeat.store.migrations.revisions import TOO_NEW_EXIT_CODE, DatabaseTooNew, check_compatible, watch_revision
from heartbeat.telemetry.logs import configure_logs
from heartbeat.telemetry.traces.export import TraceExporter, export_again
from heartbeat.telemetry.traces.switch import is_traced
from heartbeat.temporal.client import connect, healthy
from heartbeat.temporal.clock import SharedClock, measuring
from heartbeat.temporal.process import in_background, leave
from heartbeat.temporal.runs import wake_all
from heartbeat.temporal.runtime import set_runtime
from heartbeat.temporal.schedules import Schedules
from heartbeat.temporal.versioning import deployment_config, let_upgrade
from heartbeat.tool_servers.refreshing import Refresher
from workflows.agent_run import AgentRun
from workflows.notify import Notify
from workflows.upkeep import MAINTENANCE, Upkeep

WORKFLOWS = (AgentRun, Notify, Upkeep)
OF_ROLE: dict[Role, Sequence[type]] = {
    # Of earlier versions, which had one queue, what is under way on that of runs is of every kind.
    Role.RUNS: WORKFLOWS,
    Role.UPKEEP: (Upkeep,),
    Role.DELIVERY: (Notify,),
}
# Requests that wait for work, of workflows and of activities each. Only runs come in floods.
POLLERS: dict[Role, int] = {Role.RUNS: 5, Role.UPKEEP: 2, Role.DELIVERY: 2}
# The sandbox would cost a fifth of a worker's event loop; the tests run every workflow in it instead.
NO_SANDBOX = UnsandboxedWorkflowRunner()
# For handing over what has not ended by then.
SHUTDOWN_SECONDS = 5.0
# Of what a worker has taken from its queue no other project's run comes first. With the SDK's hundred, two workers had
# 200 queued runs before the next of another. Fewer than four would leave a worker idle whose server is far away.
WORKFLOW_TASKS = 4
# A transaction that takes longer fails, to be tried again; the longest write thousands of logs.
DATABASE_SECONDS = 60.0


@asynccontextmanager
async def running_worker(
    client: Client,
    database: Database,
    settings: Settings,
    runner: WorkflowRunner = NO_SANDBOX,
    now: Clock | None = None,
    own_clock: Clock = utc_now,
) -> AsyncIterator[None]:
    """A worker with the workflows and activities of its roles, at work for as long as the body runs.

    The time of its activities is the database's, and Temporal's where ticks are due, whatever the `own_clock` of this
    process says. A test that moves time hands in `now` instead.
    """
    clock = SharedClock(database, client, own_clock)
    tick_clock = follow(now) if now else temporal_time
    now = now or clock
    refresher = Refresher(database, settings, now)
    toolbox, temporal_schedules = Toolbox(settings, refresher), Schedules(client, database, settings, now)
    runs = RunActivities(database, settings, now, tick_clock, toolbox.close_run)
    models = ModelActivities(database, settings, toolbox, now)
    tools = ToolActivities(database, toolbox, temporal_schedules.sync, settings.plans, now)
    gates = GateActivities(runs, GateReader(database, settings, refresher))
    slots = SlotKeeper(partial(wake_all, client), database, settings, now) if settings.bounds() else None
    first_steps = FirstStepActivities(runs, gates, partial(slots.take, models.take) if slots else models.take, now)
    schedules = ScheduleActivities(temporal_schedules)
    notifications = NotificationActivities(database, settings, now)
    upkeep = UpkeepActivities(client, database, settings, temporal_schedules, now, tick_clock)
    chores = [getattr(upkeep, task.__name__) for task in MAINTENANCE]
    activities: dict[Role, Sequence[Callable[..., Any]]] = {
        Role.RUNS: (
            *(first_steps.open_and_think, models.think, tools.act, runs.close_run, schedules.follow_schedule),
            # Of runs that an earlier version began, and of those that are cancelled before they begin.
            *(runs.open_run, gates.look_at_gate),
            *(notifications.deliver, *chores),
        ),
        Role.UPKEEP: chores,
        Role.DELIVERY: (notifications.deliver,),
    }
    guard = UpkeepGuard(clock, frozenset(task.__name__ for task in MAINTENANCE), own_clock)
    interceptors: list[Interceptor] = [LogContext(), NamedFailures(), Handover(), guard]
    if settings.build_id:
        interceptors.append(UpgradesWhileWaiting(partial(let_upgrade, client)))
    if slots:
        interceptors.append(slots)
    workers = [
        Worker(
            client,
            task_queue=settings.queue(role),
            workflows=OF_ROLE[role],
            activities=activities[role],
            workflow_runner=runner,
            interceptors=interceptors,
            max_concurrent_activities=settings.worker_concurrency,
            max_concurrent_workflow_tasks=WORKFLOW_TASKS,
            workflow_task_poller_behavior=PollerBehaviorSimpleMaximum(POLLERS[role]),
            activity_task_poller_behavior=PollerBehaviorSimpleMaximum(POLLERS[role]),
            # How long a run waits for the worker that had it before any other may go on with it.
            sticky_queue_schedule_to_start_timeout=timedelta(seconds=5),
            deployment_config=deployment_config(settings, role),
            graceful_shutdown_timeout=timedelta(seconds=settings.drain_seconds),
        )
        for role in settings.worker_roles
    ]
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(measuring(clock))
        await stack.enter_async_context(in_background(gather_again(TableStatistics(database))))
        if is_traced(settings):
            await stack.enter_async_context(in_background(export_again(TraceExporter(database, settings, now))))
        for worker in workers:
            await worker.__aenter__()
        stack.push_async_exit(partial(_leave_in_time, workers, settings.drain_seconds + SHUTDOWN_SECONDS))
        yield
    await models.close()
    await toolbox.close()


async def _leave_in_time(workers: Sequence[Worker], seconds: float, *raised: Any) -> None:
    """What has not ended by then goes on in other workers; the SDK's core can wait for ever for an overdue activity."""
    with suppress(TimeoutError):
        await asyncio.wait_for(asyncio.gather(*(worker.__aexit__(*raised) for worker in workers)), seconds)


async def serve(settings: Settings, listener: socket.socket | None = None, sdk_address: str | None = None) -> None:
    """Work until SIGINT or SIGTERM; the steps under way then have `HEARTBEAT_DRAIN_SECONDS` to end.

    Raises `DatabaseTooNew` in the same way once a newer version has migrated the database so that this one has to end.
    """
    database = Database(settings.store_url(), DATABASE_SECONDS, settings.database_pool_size)
    await check_compatible(database)
    client = await connect(settings, lazy=False)
    await Schedules(client, database, settings).ensure_upkeep()
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)

    async def is_ready() -> bool:
        return not stop.is_set() and await healthy(client)

    async with AsyncExitStack() as stack:
        if listener is not None:
            await stack.enter_async_context(_telling(database, is_ready, listener, sdk_address))
        await stack.enter_async_context(running_worker(client, database, settings))
        await stack.enter_async_context(in_background(watch_revision(database, stop.set)))
        if Role.RUNS in settings.worker_roles:
            # Once it polls, and before a first run asks for them. Such a thread does not hold up the process's end.
            threading.Thread(target=load_libraries, args=(settings,), daemon=True).start()
        await stop.wait()
    await check_compatible(database)
    database.close()


def _telling(
    database: Database, is_ready: Callable[[], Awaitable[bool]], listener: socket.socket, sdk_address: str | None
) -> AbstractAsyncContextManager[None]:
    """Serve `/metrics` and the probes. What that takes is loaded only where it is wanted."""
    from heartbeat.telemetry.endpoint import Endpoint, serving

    return serving(Endpoint(database, is_ready, sdk_address), listener)


def listen(settings: Settings) -> socket.socket | None:
    """Take the port for `/metrics`, if the settings have one; raises `OSError`."""
    if settings.metrics_port is None:
        return None
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    return socket.create_server((settings.host, settings.metrics_port), family=family)


def main() -> None:
    """Run one worker on the settings of the environment."""
    settings = Settings()
    configure_logs(settings)
    try:
        listener = listen(settings)
    except OSError as problem:
        sys.exit(f"HEARTBEAT_METRICS_PORT: nothing can listen on {settings.metrics_port}: {problem}")
    sdk_address = set_runtime(has_metrics=listener is not None)
    try:
        uvloop.run(serve(settings, listener, sdk_address))
    except DatabaseTooNew as problem:
        leave(TOO_NEW_EXIT_CODE, str(problem))
    except RuntimeError as problem:
        sys.exit(f"Temporal cannot be reached at {settings.temporal_target()}: {problem}")
    leave()


if __name__ == "__main__":
    gc.freeze()
    gc.enable()
    main()
