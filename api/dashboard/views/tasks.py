"""What pages show of scheduled tasks: rows in, words out."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from api.dashboard.sentences import translate
from api.dashboard.translations import gettext as _
from api.dashboard.views import formats, heartbeats
from api.dashboard.views.formats import Moment, moment
from api.dashboard.views.schedules import schedule
from api.next_ticks import next_tick
from heartbeat.store.heartbeats.tasks import status
from heartbeat.store.heartbeats.tick_accounting import cadence_of
from heartbeat.store.tables.heartbeats import Heartbeat


@dataclass(frozen=True)
class TaskView:
    """One task in a list, and the head of its own page. `left` says how many executions there are still to come."""

    uuid: str
    title: str
    bot: str
    schedule: str
    state: str
    note: str | None
    next: Moment | None
    probe: Moment | None
    last_status: str | None
    last: Moment | None
    executions: int
    left: str
    by_run: bool
    maker: str | None
    ends: bool


def task_view(row: Heartbeat, bot_name: str, maker: str | None, now: datetime) -> TaskView:
    """`maker` is the log id of the run that made it, while that is kept."""
    due = next_tick(cadence_of(row))
    where, state = ZoneInfo(row.timezone), status(row)
    tick = due.next_after(now) if state == "active" else None
    return TaskView(
        uuid=row.uuid,
        title=heartbeats.title(row),
        bot=bot_name,
        schedule=schedule(cadence_of(row)),
        state=state,
        note=translate(row.pause_message or "") if state == "paused" and row.pause_reason else None,
        next=moment(tick, where, now) if tick else None,
        probe=moment(row.probe_at, where, now) if row.probe_at and state == "paused" else None,
        last_status=row.last_status,
        last=moment(row.last_executed_at, where, now) if row.last_executed_at else None,
        executions=row.execution_count,
        left=_left(row, state),
        by_run=row.made_by_run_id is not None,
        maker=maker,
        ends=state in ("active", "paused"),
    )


def _left(row: Heartbeat, state: str) -> str:
    if state not in ("active", "paused"):
        return _("none")
    if row.max_executions is None:
        return _("no limit")
    return _("{number} of {all}").format(
        number=formats.number(max(0, row.max_executions - row.execution_count)), all=formats.number(row.max_executions)
    )
