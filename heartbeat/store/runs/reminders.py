"""Answers with which a run cannot end yet: its model is told once what is missing, and is asked again."""

from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, exists, select

from heartbeat.domain.reminders import NOT_DONE
from heartbeat.store.rows import columns
from heartbeat.store.runs.conduct import missing
from heartbeat.store.tables.runs import Run, Step

STEP = columns(Step)

UNVERIFIED = "unverified"
# A report takes three steps more: a request that asks for it, the call, and the request after it.
STEPS_MORE = 3

REMINDED = select(
    exists().where(
        STEP.c.run_id == bindparam("run"), STEP.c.reminder.is_not(None), STEP.c.failure_code == bindparam("code")
    )
)


@dataclass(frozen=True)
class Reminder:
    """Why an answer is no end, as a code and in words, and what the model is told of it."""

    code: str
    failure: str
    words: str


def reminder_for(
    connection: Connection, run: Run, number: int, answer: str, failure_code: str | None
) -> Reminder | None:
    """What the model is told after `answer`, its step `number`, with which the run would end; `None`: it may end."""
    if failure_code is not None or not run.expect or _failed_as_reported(run):
        return None
    sentences = missing(connection, run, answer)
    if not sentences or number + STEPS_MORE > run.max_steps or _was_reminded(connection, run, UNVERIFIED):
        return None
    return Reminder(UNVERIFIED, " ".join(sentences), NOT_DONE.format(missing=" ".join(sentences)))


def _failed_as_reported(run: Run) -> bool:
    return run.report is not None and run.report.get("outcome") == "failed"


def _was_reminded(connection: Connection, run: Run, code: str) -> bool:
    return connection.execute(REMINDED, {"run": run.id, "code": code}).scalar_one()
