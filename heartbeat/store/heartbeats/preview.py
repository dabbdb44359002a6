"""A preview: what a configure would lead to, from the store's rows and the forecast. Nothing is written."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from heartbeat.domain.cadence.ticks import Cadence
from heartbeat.domain.errors import ProductError
from heartbeat.domain.forecast import Budget, UsageEstimate
from heartbeat.store.heartbeats.configure import ConfigureRequest, Resolved, resolve, resolve_new
from heartbeat.store.heartbeats.estimates import median_credits, newest_runs, slow_ms
from heartbeat.store.heartbeats.heartbeats import count_heartbeats
from heartbeat.store.heartbeats.plan_limits import require_gap, require_heartbeats, require_room
from heartbeat.store.heartbeats.tasks import NewTask, task_cadence
from heartbeat.store.projects.access import Access
from heartbeat.store.tables.heartbeats import Heartbeat


@dataclass(frozen=True)
class Preview:
    """Everything a forecast needs; `refusals` say why configure itself would refuse."""

    cadence: Cadence
    measured: UsageEstimate
    budget: Budget
    refusals: list[str]


def preview(connection: Connection, access: Access, request: ConfigureRequest, now: datetime) -> Preview:
    """Work out what this request would lead to; raises `Invalid` and `NotFound` as configure does.

    If the access names no bot, it is of one that is still to be made.
    """
    bot = access.named_bot
    if bot is None:
        resolved = resolve_new(access.plan, request, now)
    else:
        resolved = resolve(connection, bot, access.plan, request, now)
    project = access.project
    start, end = project.period(now)
    heartbeat = resolved.heartbeat
    used = heartbeat.period_credits if heartbeat is not None and heartbeat.period_start == start else 0
    return Preview(
        cadence=resolved.cadence,
        measured=_measured(connection, access, heartbeat),
        budget=Budget(resolved.after["credit_budget"], used, project.period_anchor_day, end),
        refusals=list(_refusals(connection, access, resolved)),
    )


def preview_task(connection: Connection, access: Access, task: NewTask, now: datetime) -> Preview:
    """Work out when this task would run, as `preview` does; raises `Invalid` as creating it does."""
    cadence = task_cadence(access.project, access.plan, task, now)
    return Preview(cadence, _measured(connection, access, None), Budget(None), [])


def _measured(connection: Connection, access: Access, heartbeat: Heartbeat | None) -> UsageEstimate:
    bot = access.named_bot
    of_bot = newest_runs(connection, bot) if bot else []
    cost = median_credits(of_bot)
    if bot is None or cost is None:
        return UsageEstimate(
            float(access.plan.usual_credits_per_run), f"the usual cost of the plan {access.project.plan}"
        )
    own = newest_runs(connection, bot, heartbeat.id) if heartbeat is not None else []
    runs = f"the median of this bot's newest {len(of_bot)} runs" if len(of_bot) > 1 else "this bot's only run so far"
    return UsageEstimate(cost, runs, slow_ms(own or of_bot))


def _refusals(connection: Connection, access: Access, resolved: Resolved) -> Iterator[str]:
    try:
        if bot := access.named_bot:
            require_heartbeats(access.project, access.plan, bot)
            if resolved.heartbeat is None:
                require_room(access.project, access.plan, count_heartbeats(connection, bot))
        require_gap(access.project, access.plan, resolved.cadence)
    except ProductError as problem:
        yield f"Configure would refuse this: {problem.message}"
