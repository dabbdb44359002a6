"""Answers with which a run cannot end yet: its model is told once what is missing, and is asked again."""

from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import Connection, bindparam, exists, select

from heartbeat.domain.reminders import NO_ANSWER, NOT_DONE
from heartbeat.store.database.prepared import Prepared
from heartbeat.store.database.rows import columns
from heartbeat.store.runs.conduct import missing
from heartbeat.store.tables.runs import Run, Step

STEP = columns(Step)

UNVERIFIED = "unverified"
# A report takes three steps more: a request that asks for it, the call, and the request after it.
STEPS_MORE = 3

REMINDED = Prepared(
    select(
        exists().where(
            STEP.c.run_id == bindparam("run"), STEP.c.reminder.is_not(None), STEP.c.failure_code == bindparam("code")
        )
    )
)


class LastAnswer(Protocol):
    """An answer that calls no tool, not written yet: its number, its words, and why it is of no use, if it is not."""

    @property
    def number(self) -> int: ...
    @property
    def answer(self) -> str: ...
    @property
    def failure_code(self) -> str | None: ...
    @property
    def failure(self) -> str | None: ...
    @property
    def cut(self) -> bool: ...


@dataclass(frozen=True)
class Reminder:
    """Why an answer is no end, as a code and in words, and what the model is told of it.

    `steps_more` is how many steps what it is told to do takes at least.
    """

    code: str
    failure: str
    words: str
    steps_more: int = 1


def reminder_for(connection: Connection, run: Run, last: LastAnswer) -> Reminder | None:
    """What the model is told after the answer with which the run would end; `None`: it may end."""
    reminder = _of_no_answer(last) if last.failure_code else _of_expectation(connection, run, last.answer)
    if reminder is None or last.number + reminder.steps_more > run.max_steps:
        return None
    is_told = REMINDED.run(connection, {"run": run.id, "code": reminder.code}).scalar_one()
    return None if is_told else reminder


def _of_no_answer(last: LastAnswer) -> Reminder | None:
    """Of an answer that is none; one that was cut off would be so again."""
    code, failure = last.failure_code or "", last.failure or ""
    return Reminder(code, failure, NO_ANSWER[code]) if code in NO_ANSWER and not last.cut else None


def _of_expectation(connection: Connection, run: Run, answer: str) -> Reminder | None:
    if not run.expect or _failed_as_reported(run):
        return None
    sentences = " ".join(missing(connection, run, answer))
    return Reminder(UNVERIFIED, sentences, NOT_DONE.format(missing=sentences), STEPS_MORE) if sentences else None


def _failed_as_reported(run: Run) -> bool:
    return run.report is not None and run.report.get("outcome") == "failed"
