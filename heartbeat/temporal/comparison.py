"""A schedule as Temporal has it, beside the one that is built from its row: version, content and next times."""

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import islice, takewhile
from typing import Any

from temporalio.client import Client, Schedule, ScheduleActionStartWorkflow, ScheduleDescription

from heartbeat.domain.contracts import RunRequest
from heartbeat.store.heartbeats.tick_accounting import cadence_of, start_delay_of
from heartbeat.store.tables.heartbeats import Heartbeat

log = logging.getLogger(__name__)

SUMMARY = "static summary"
# Enough to see that a zone is another one; each further tick would cost a computation.
COMPARED_TICKS = 3
# Temporal may have started a tick of this minute while its schedule was described.
MARGIN = timedelta(minutes=1)


async def version_of(client: Client, description: ScheduleDescription) -> int:
    """Return the row's version that a schedule was put from; 0 when a person changed its input in Temporal's UI."""
    request, *_ = await _arguments(client, description) or [None]
    return request.version if isinstance(request, RunRequest) else 0


async def is_as_built(client: Client, description: ScheduleDescription, built: Schedule) -> bool:
    """Whether a schedule has the content of `built`; whether it is paused is no part of that."""
    there, action, wanted = description.schedule, description.schedule.action, built.action
    assert isinstance(wanted, ScheduleActionStartWorkflow)
    if not isinstance(action, ScheduleActionStartWorkflow) or _plain(there, action) != _plain(built, wanted):
        return False
    if await _arguments(client, description) != list(wanted.args):
        return False
    shown = {SUMMARY: action.static_summary, **(action.memo or {})}
    return await _decoded(client, shown) == {SUMMARY: wanted.static_summary, **(wanted.memo or {})}


def missing_tick(description: ScheduleDescription, row: Heartbeat, now: datetime) -> datetime | None:
    """Find one of the row's next ticks at which Temporal will not start a run; `None` when it starts them all."""
    starts = description.info.next_action_times
    if not starts:
        return None
    delay = start_delay_of(row)
    ticks = takewhile(lambda tick: tick + delay <= starts[-1], cadence_of(row).ticks(now + MARGIN))
    return next((tick for tick in islice(ticks, COMPARED_TICKS) if tick + delay not in starts), None)


def _plain(schedule: Schedule, action: ScheduleActionStartWorkflow) -> tuple[Any, ...]:
    """What can be compared as it is."""
    limits = action.execution_timeout, action.run_timeout, action.task_timeout, action.retry_policy
    state = schedule.state.note, schedule.state.limited_actions
    return schedule.spec, schedule.policy, state, action.workflow, action.id, action.task_queue, limits, _turn(action)


def _turn(action: ScheduleActionStartWorkflow) -> tuple[str | None, float | None]:
    """Whose turn its runs take; a weight comes back as the nearest of four bytes."""
    weight = action.priority.fairness_weight
    return action.priority.fairness_key, None if weight is None else round(weight, 3)


async def _arguments(client: Client, description: ScheduleDescription) -> list[Any] | None:
    """Read what the schedule starts runs with; `None` for what no program wrote."""
    action = description.schedule.action
    assert isinstance(action, ScheduleActionStartWorkflow)
    try:
        return await client.data_converter.decode(list(action.args), [RunRequest, str][: len(action.args)])
    except Exception as problem:  # whatever a converter makes of it
        log.warning("the input of the schedule %s is not ours and is replaced: %r", description.id, problem)
        return None


async def _decoded(client: Client, payloads: Mapping[str, Any]) -> dict[str, Any] | None:
    try:
        values = await client.data_converter.decode(list(payloads.values()))
    except Exception:  # as above; a summary may be missing, too
        return None
    return dict(zip(payloads, values, strict=True))
