"""The gate of a run that is being opened: asked or not, looked at or not yet, and what follows from the look."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from heartbeat.domain.gates import Look
from heartbeat.store.heartbeats.gates import (
    GateQuestion,
    accept_reading,
    is_current,
    note_look,
    question_of,
    record_reading,
    state_of,
)
from heartbeat.store.runs.candidates import TickClaim
from heartbeat.store.runs.variants import is_replay
from heartbeat.store.tables.gates import GateState
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.runs import Run

NOTED = "This is the first value that its gate has seen. It was noted, and nothing ran."


@dataclass(frozen=True)
class AskedGate:
    """A gate that a claim asks. `look` is what was seen there, written down as `reading_id`.

    There is none as long as nobody has looked, or when the gate, or the value to compare with, is another one by now.
    """

    question: GateQuestion
    state: GateState | None
    look: Look | None = None
    reading_id: int | None = None

    @property
    def as_seen(self) -> dict[str, Any] | None:
        """What the run keeps of the look."""
        if self.look is None:
            return None
        return {"reading": self.reading_id, "outcome": self.look.outcome, "detail": self.look.failure}

    def settle(self, connection: Connection, heartbeat: Heartbeat, run: Run, now: datetime) -> tuple[str, ...]:
        """Tell of a source that began to fail or does so no more; returns the messages. A rehearsal changes nothing.

        A first value that no run is to see is accepted here.
        """
        if self.look is None or run.dry_run:
            return ()
        if self.look.outcome == "first" and run.skip_reason == "unchanged":
            assert self.reading_id is not None
            accept_reading(connection, heartbeat.id, self.reading_id, now)
        return note_look(connection, heartbeat, self.state, self.look, now)


def gate_of(connection: Connection, claim: TickClaim, heartbeat: Heartbeat, now: datetime) -> AskedGate | None:
    """Return the gate that a claim asks, with its look written down; `None` if it asks none."""
    if heartbeat.gate is None or (claim.trigger == "manual" and not claim.gated):
        return None
    if claim.dry_run and is_replay(connection, claim.run_uuid):
        return None
    state = state_of(connection, heartbeat)
    question = question_of(heartbeat, state)
    if claim.look is None or not is_current(question, claim.look):
        return AskedGate(question, state)
    return AskedGate(question, state, claim.look, record_reading(connection, heartbeat, claim.look, now))


def why_in_words(claim: TickClaim) -> str:
    """Say why the look at its gate keeps a claim from running; nothing where the skip reason says enough."""
    assert claim.look is not None
    if claim.look.outcome == "first":
        return NOTED
    return claim.look.failure or ""
