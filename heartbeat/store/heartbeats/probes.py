"""The breaker that heals: a heartbeat that paused for a passing cause is tried again after a growing cool-down.

A probe is one run of the paused heartbeat; its schedule stays paused meanwhile. A success resumes the heartbeat, a
failure sets the next cool-down, and one that only a person can mend ends the probing.
"""

from datetime import datetime

from sqlalchemy import Connection, exists, select

from heartbeat.domain.failure_policy import BUDGET_EXHAUSTED, Ending, cooled_down, next_probe
from heartbeat.store.database.rows import columns, many
from heartbeat.store.heartbeats import states
from heartbeat.store.heartbeats.project_holds import HOLD, IN_FORCE
from heartbeat.store.notifications.events import RESUMED, record_event
from heartbeat.store.notifications.run_events import record_pause
from heartbeat.store.tables.bots import Bot
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.runs import Run

HEARTBEAT, BOT, RUN = columns(Heartbeat), columns(Bot), columns(Run)

# These say nothing about the cause of the pause, so the next cool-down is waited for whatever they are.
NO_VERDICT = ("cancelled", "skipped")


def probe_id(heartbeat: Heartbeat) -> str:
    """The workflow of the probe that a heartbeat waits for: one for each number of each pause."""
    assert heartbeat.pause_since is not None
    return f"{heartbeat.uuid}-probe-{heartbeat.pause_since:%Y-%m-%dT%H:%M:%SZ}-{heartbeat.probes + 1}"


def due_probes(connection: Connection, now: datetime, limit: int) -> list[Heartbeat]:
    """The paused heartbeats whose cool-down is over and that are not being tried at this moment, longest due first.

    Not those whose bot is switched off or whose project is on hold: they are tried when that is over.
    """
    trying = RUN.c.trigger == "probe", RUN.c.status == "running"
    under_way = exists().where(RUN.c.heartbeat_id == HEARTBEAT.c.id, *trying)
    on_hold = exists().where(HOLD.c.project_id == HEARTBEAT.c.project_id, IN_FORCE)
    due = (
        select(HEARTBEAT)
        .join(BOT, BOT.c.id == HEARTBEAT.c.bot_id)
        .where(HEARTBEAT.c.probe_at <= now, HEARTBEAT.c.deleted_at.is_(None), BOT.c.status, BOT.c.heartbeat)
        .where(~under_way, ~on_hold)
    )
    in_order = due.order_by(HEARTBEAT.c.probe_at, HEARTBEAT.c.id).limit(limit)
    return many(connection, Heartbeat, in_order, {"now": now})


def awaits(heartbeat: Heartbeat, workflow_id: str) -> bool:
    """Whether this workflow is the probe that the heartbeat waits for: no old one, and none that a person overtook."""
    return heartbeat.probe_at is not None and not heartbeat.enabled and probe_id(heartbeat) == workflow_id


def conclude(
    connection: Connection, heartbeat: Heartbeat, probe: Run, ending: Ending, now: datetime
) -> Heartbeat | None:
    """Resume the heartbeat that a probe tried, or set its next cool-down; returns it as it is then.

    `None` when somebody switched it on or off meanwhile: then their word stands.
    """
    if not awaits(heartbeat, probe.workflow_id or ""):
        return None
    if ending.status == "success":
        _tell_of_resume(connection, heartbeat, probe, now)
        return states.resume(connection, heartbeat, now)
    probe_at = _next_probe(ending, heartbeat.probes + 1, now)
    paused = states.note_failed_probe(connection, heartbeat, ending.message, probe_at, now)
    if probe_at is None:
        record_pause(connection, paused, now, probe.id)
    return paused


def _next_probe(ending: Ending, probes: int, now: datetime) -> datetime | None:
    no_verdict = ending.status in NO_VERDICT or ending.error_code == BUDGET_EXHAUSTED
    return cooled_down(probes, now) if no_verdict else next_probe(ending.error_code, probes, now)


def _tell_of_resume(connection: Connection, heartbeat: Heartbeat, probe: Run, now: datetime) -> None:
    since = heartbeat.pause_since.isoformat() if heartbeat.pause_since else None
    data = {"paused_since": since, "message": heartbeat.pause_message, "probes": heartbeat.probes + 1}
    record_event(connection, heartbeat, RESUMED, data, now, probe.id)
