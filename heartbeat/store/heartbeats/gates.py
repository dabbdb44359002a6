"""Gates in the store: what a look at one needs, what it came to, and the value that the next one is compared with.

The value moves when a run succeeds that was opened with a newer one, and in the transaction that closes it. All of it
is written with the heartbeat's row locked.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, exists, or_, select, update

from heartbeat.domain.gates import Accepted, Look, name_of, source_of
from heartbeat.store.database.rows import columns, first, insert_once, many
from heartbeat.store.notifications.events import GATE_FAILED, GATE_RECOVERED, record_event
from heartbeat.store.tables.gates import GateReading, GateState
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.runs import Run

STATE, READING, RUN = columns(GateState), columns(GateReading), columns(Run)

# Of one heartbeat, for people to look at.
MAX_READINGS = 20

# Built once: putting such a statement together costs more than running it.
STATE_OF = select(STATE).where(STATE.c.heartbeat_id == bindparam("heartbeat"))
NEWEST = select(READING).where(READING.c.heartbeat_id == bindparam("heartbeat")).order_by(READING.c.id.desc())
OLD = (
    select(READING.c.id)
    .where(READING.c.heartbeat_id == bindparam("heartbeat"))
    .order_by(READING.c.id.desc())
    .limit(1)
    .offset(MAX_READINGS)
    .scalar_subquery()
)
# A run in progress may yet make its value the accepted one, however many rehearsals look there meanwhile.
IN_PROGRESS = exists().where(
    RUN.c.heartbeat_id == bindparam("heartbeat"), RUN.c.status == "running", RUN.c.dry_run.is_(False)
)
PRUNE = delete(READING).where(READING.c.heartbeat_id == bindparam("heartbeat"), READING.c.id <= OLD, ~IN_PROGRESS)


@dataclass(frozen=True)
class GateQuestion:
    """A gate that is to be looked at, whose it is, and what its value is compared with.

    One of an address can be of a bot that is still to be made.
    """

    gate: dict[str, Any]
    sealed_headers: str | None
    bot_id: int | None
    member_id: int | None
    accepted: Accepted | None


def state_of(connection: Connection, heartbeat: Heartbeat) -> GateState | None:
    return first(connection, GateState, STATE_OF, {"heartbeat": heartbeat.id})


def question_of(heartbeat: Heartbeat, state: GateState | None) -> GateQuestion:
    """Return what a look at the heartbeat's gate needs; what is known of another source is nothing to compare with."""
    assert heartbeat.gate is not None
    accepted = None
    if state is not None and state.reading_id is not None and state.source == source_of(heartbeat.gate):
        fields = {name: getattr(state, name) for name in Accepted.__dataclass_fields__}
        accepted = Accepted(**fields)
    return GateQuestion(heartbeat.gate, heartbeat.sealed_gate_headers, heartbeat.bot_id, heartbeat.member_id, accepted)


def is_current(question: GateQuestion, look: Look) -> bool:
    """Whether the look was at this very gate, and compared with the value that is the accepted one."""
    known = question.accepted.reading_id if question.accepted else None
    return look.source == source_of(question.gate) and look.compared_with == known


def record_reading(connection: Connection, heartbeat: Heartbeat, look: Look, now: datetime) -> int:
    """Write down what a look came to, and forget the oldest ones; returns its number."""
    row = {name: getattr(look, name) for name in ("source", "outcome", "digest", "text", "etag", "last_modified")}
    row |= {"heartbeat_id": heartbeat.id, "detail": look.failure, "created_at": now}
    reading_id: int = connection.execute(READING.insert().returning(READING.c.id), row).scalar_one()
    connection.execute(PRUNE, {"heartbeat": heartbeat.id})
    return reading_id


def readings_of(connection: Connection, heartbeat: Heartbeat, most: int = MAX_READINGS) -> list[GateReading]:
    """The newest looks at a heartbeat's gate, newest first."""
    return many(connection, GateReading, NEWEST.limit(most), {"heartbeat": heartbeat.id})


def note_look(
    connection: Connection, heartbeat: Heartbeat, state: GateState | None, look: Look, now: datetime
) -> tuple[str, ...]:
    """Tell once that the source began to fail, and once that it does so no more; returns the messages to deliver."""
    assert heartbeat.gate is not None
    since = state.failing_since if state is not None else None
    has_failed = look.outcome == "failed"
    if not has_failed and state is not None and _has_new_validators(state, look):
        _write_state(connection, heartbeat, {"etag": look.etag, "last_modified": look.last_modified})
    if has_failed == (since is not None):
        return ()
    _write_state(connection, heartbeat, {"failing_since": now if has_failed else None})
    data: dict[str, Any] = {"source": name_of(heartbeat.gate), "on_error": heartbeat.gate["on_error"]}
    if since is None:
        return tuple(record_event(connection, heartbeat, GATE_FAILED, data | {"message": look.failure}, now))
    return tuple(record_event(connection, heartbeat, GATE_RECOVERED, data | {"since": since.isoformat()}, now))


def forget_outage(connection: Connection, heartbeat_id: int) -> None:
    """Begin anew with a gate that looks elsewhere: whether that fails has nothing to do with the source before."""
    connection.execute(update(STATE).where(STATE.c.heartbeat_id == heartbeat_id).values(failing_since=None))


def accept_reading(connection: Connection, heartbeat_id: int, reading_id: int, now: datetime) -> None:
    """Make the value of a reading the accepted one, unless a newer one is that already."""
    reading = first(connection, GateReading, select(READING).where(READING.c.id == reading_id))
    if reading is None or reading.digest is None or reading.text is None:
        return
    names = ("source", "digest", "text", "etag", "last_modified")
    values = {name: getattr(reading, name) for name in names} | {"reading_id": reading_id, "accepted_at": now}
    if not _insert_state(connection, heartbeat_id, values):
        is_older = or_(STATE.c.reading_id.is_(None), STATE.c.reading_id < reading_id)
        connection.execute(update(STATE).where(STATE.c.heartbeat_id == heartbeat_id, is_older).values(values))
    connection.execute(update(READING).where(READING.c.id == reading_id).values(text=None))


def accept_value_of(connection: Connection, run: Run, now: datetime) -> None:
    """Make the value that a run was opened with the accepted one, for the run succeeded."""
    if run.gate is not None and run.gate["outcome"] in ("first", "changed"):
        accept_reading(connection, run.heartbeat_id, run.gate["reading"], now)


def _has_new_validators(state: GateState, look: Look) -> bool:
    """Whether the accepted value came with other validators than before, which the next look may ask with."""
    if look.outcome != "unchanged" or look.compared_with != state.reading_id or not (look.etag or look.last_modified):
        return False
    return (look.etag, look.last_modified) != (state.etag, state.last_modified)


def _write_state(connection: Connection, heartbeat: Heartbeat, values: dict[str, Any]) -> None:
    if not _insert_state(connection, heartbeat.id, values):
        connection.execute(update(STATE).where(STATE.c.heartbeat_id == heartbeat.id).values(values))


def _insert_state(connection: Connection, heartbeat_id: int, values: dict[str, Any]) -> bool:
    """Write the first that is known of a gate; false if something was."""
    row = dict.fromkeys(STATE.c.keys()) | values | {"heartbeat_id": heartbeat_id}
    return insert_once(connection.dialect.name, STATE).run(connection, row).first() is not None
