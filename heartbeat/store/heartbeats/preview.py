"""A preview: what a configure would lead to, from the store's rows and the forecast. Nothing is written."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from heartbeat.domain.cadence.spread import longest_delay, start_delay
from heartbeat.domain.cadence.ticks import Cadence
from heartbeat.domain.errors import ProductError
from heartbeat.domain.forecast import Budget, UsageEstimate
from heartbeat.store.heartbeats.configure import ConfigureRequest, Resolved, resolve, resolve_new
from heartbeat.store.heartbeats.estimates import ModelRates, PastRun, median_credits, newest_runs, slow_ms
from heartbeat.store.heartbeats.gate_outlook import GateOutlook, gate_outlook
from heartbeat.store.heartbeats.heartbeats import count_heartbeats
from heartbeat.store.heartbeats.plan_limits import require_gap, require_heartbeats, require_models, require_room
from heartbeat.store.heartbeats.tasks import Models, NewTask, task_cadence
from heartbeat.store.projects.access import Access
from heartbeat.store.tables.heartbeats import Heartbeat


@dataclass(frozen=True)
class Preview:
    """Everything a forecast needs; `refusals` say why configure itself would refuse, `gate` what is known of one.

    It starts `start_delay` after its ticks: `None` for one with a spread that is not saved, of which only
    `longest_delay` is known.
    """

    cadence: Cadence
    measured: UsageEstimate
    budget: Budget
    refusals: list[str]
    gate: GateOutlook | None = None
    start_delay: timedelta | None = timedelta(0)
    longest_delay: timedelta = timedelta(0)


def preview(
    connection: Connection, access: Access, request: ConfigureRequest, rates: ModelRates, now: datetime
) -> Preview:
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
    models = _models(access, rates, resolved.after)
    jitter_seconds = resolved.after["jitter_seconds"]
    longest = longest_delay(jitter_seconds, resolved.cadence)
    used = heartbeat.period_credits if heartbeat is not None and heartbeat.period_start == start else 0
    return Preview(
        cadence=resolved.cadence,
        measured=_measured(connection, access, heartbeat, rates, models),
        budget=Budget(resolved.after["credit_budget"], used, project.period_anchor_day, end),
        refusals=list(_refusals(connection, access, resolved)),
        gate=gate_outlook(connection, heartbeat, resolved.after["gate"], now.date()),
        start_delay=_start_delay(heartbeat, jitter_seconds, resolved.cadence) if longest else timedelta(0),
        longest_delay=longest,
    )


def _start_delay(heartbeat: Heartbeat | None, jitter_seconds: int, cadence: Cadence) -> timedelta | None:
    return None if heartbeat is None else start_delay(heartbeat.uuid, jitter_seconds, cadence)


def preview_task(connection: Connection, access: Access, task: NewTask, rates: ModelRates, now: datetime) -> Preview:
    """Work out when this task would run, as `preview` does; raises `Invalid` as creating it does."""
    cadence = task_cadence(access.project, access.plan, task, now)
    models = _models(access, rates, {**vars(task.models or Models()), "chat_mode": "agent"})
    return Preview(cadence, _measured(connection, access, None, rates, models), Budget(None), [])


def _models(access: Access, rates: ModelRates, columns: Mapping[str, Any]) -> list[str]:
    """The models that may answer it, in the order in which they are asked."""
    of_bot = access.named_bot.model if access.named_bot else None
    return rates.models(columns["model"] or of_bot, columns["fallback_models"], columns["chat_mode"])


def _measured(
    connection: Connection, access: Access, heartbeat: Heartbeat | None, rates: ModelRates, models: list[str]
) -> UsageEstimate:
    """What runs cost if each is answered by the dearest of its models."""
    bot, dearest = access.named_bot, rates.dearest(models)
    of_bot = newest_runs(connection, bot) if bot else []
    cost = median_credits(rates.at_rate_of(dearest, of_bot))
    if bot is None or cost is None:
        [usual] = rates.at_rate_of(dearest, [PastRun(access.plan.usual_credits_per_run, 0, models[0])]) or [0.0]
        return UsageEstimate(usual, _at_rate(f"the usual cost of the plan {access.project.plan}", rates, models))
    own = newest_runs(connection, bot, heartbeat.id) if heartbeat is not None else []
    runs = f"the median of this bot's newest {len(of_bot)} runs" if len(of_bot) > 1 else "this bot's only run so far"
    return UsageEstimate(cost, _at_rate(runs, rates, models), slow_ms(own or of_bot))


def _at_rate(source: str, rates: ModelRates, models: list[str]) -> str:
    """Say where a number is from, and of which model it is the rate if that is dearer than the first."""
    dearest = rates.dearest(models)
    at_rate = f"at the rate of {dearest}"
    return source if rates.rate(dearest) == rates.rate(models[0]) else f"{source} ({at_rate})"


def _refusals(connection: Connection, access: Access, resolved: Resolved) -> Iterator[str]:
    try:
        if bot := access.named_bot:
            require_heartbeats(access.project, access.plan, bot)
            if resolved.heartbeat is None:
                require_room(access.project, access.plan, count_heartbeats(connection, bot))
        require_gap(access.project, access.plan, resolved.cadence)
        require_models(access.project, access.plan, resolved.models(access.named_bot))
    except ProductError as problem:
        yield f"Configure would refuse this: {problem.message}"
