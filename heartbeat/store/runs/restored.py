"""Runs that were under way when a backup was made which has been put back: nobody can know what they did afterwards."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, exists, func, or_, select, update

from heartbeat.domain.failure_policy import RESTORED, Ending
from heartbeat.store.audit.recording import record
from heartbeat.store.database.rows import columns
from heartbeat.store.projects.projects import projects
from heartbeat.store.runs.closing import close_run
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.notifications import Notification
from heartbeat.store.tables.run_indexes import of_running
from heartbeat.store.tables.runs import Approval, Run, Step
from heartbeat.store.users.sign_in_links import sign_everybody_out

RUN, STEP, APPROVAL, HEARTBEAT = columns(Run), columns(Step), columns(Approval), columns(Heartbeat)
NOTIFICATION = columns(Notification)

UNKNOWN = Ending(
    "error",
    RESTORED,
    "The database was put back to a time at which this run was under way. Nobody can know what it did afterwards.",
)
_IS_ASKED = exists().where(
    APPROVAL.c.run_id == STEP.c.run_id, APPROVAL.c.step == STEP.c.number, APPROVAL.c.state == "pending"
)
_HAS_OTHER_CALLS = exists().where(STEP.c.run_id == RUN.c.id, STEP.c.kind == "tool", STEP.c.state != "done", ~_IS_ASKED)
# They do nothing before a person answers, and have nothing else under way.
WAITS_FOR_A_PERSON = exists().where(APPROVAL.c.run_id == RUN.c.id, APPROVAL.c.state == "pending") & ~_HAS_OTHER_CALLS


@dataclass(frozen=True)
class Settled:
    """What was under way: runs that were `closed`, runs `waiting` for a person, and messages not delivered yet."""

    closed: int
    waiting: int
    undelivered: int


def settle_restored(connection: Connection, now: datetime) -> Settled:
    """Close the runs whose further course is lost, and note that the database went back. No worker may be at work.

    A run that waits for a person goes on waiting: whoever is asked knows whether they have answered before. Everybody
    signs in anew, for sessions are open again that were ended since.
    """
    for project in projects(connection):
        record(connection, project.id, "project.restore", project.uuid, project.name)
    sign_everybody_out(connection)
    lost = list(connection.execute(of_running(select(RUN.c.uuid)).where(~WAITS_FOR_A_PERSON)).scalars())
    for run_uuid in lost:
        close_run(connection, run_uuid, UNKNOWN, now)
    waiting = connection.execute(of_running(select(func.count()).select_from(RUN))).scalar_one()
    connection.execute(update(HEARTBEAT).where(HEARTBEAT.c.deleted_at.is_(None)).values(restored_at=now))
    is_undelivered = or_(NOTIFICATION.c.status == "pending", NOTIFICATION.c.status == "held")
    undelivered = connection.execute(select(func.count()).select_from(NOTIFICATION).where(is_undelivered)).scalar_one()
    return Settled(len(lost), waiting, undelivered)
