"""Steps: where a run stands, the answer of a model, the calls it asks for. Each is written once, however often tried.

Step 1's worst case is reserved when the run is opened, every later one's when it begins.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy import Connection, bindparam, select, update

from heartbeat.domain import credits
from heartbeat.domain.errors import RunLost
from heartbeat.domain.first_message import first_message
from heartbeat.store.credits.budgets import Shortage, reserve
from heartbeat.store.credits.ledger import Reservation, account_of, enter_reservation
from heartbeat.store.database.prepared import Prepared
from heartbeat.store.database.rows import all_joined, columns, first, insert_once, joined, many
from heartbeat.store.notifications.outages import Fallback, note_model
from heartbeat.store.runs.attempts import (
    AttemptUsage,
    StepFailure,
    charge,
    failures,
    note_answer_of_lost,
    record_attempt,
    reserved_run,
)
from heartbeat.store.runs.limits import RunLimits
from heartbeat.store.runs.parks import WITH_PAYERS, PayingRun, park, resolve
from heartbeat.store.runs.rate_limits import LIMITED_UNTIL
from heartbeat.store.runs.reminders import reminder_for
from heartbeat.store.tables.bots import Bot
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.projects import Project
from heartbeat.store.tables.runs import Approval, Run, Step

RUN, STEP, HEARTBEAT = columns(Run), columns(Step), columns(Heartbeat)

# Built once: putting such a statement together costs more than running it.
TRANSCRIPT = Prepared(select(STEP).where(STEP.c.run_id == bindparam("run")).order_by(STEP.c.number))
WITH_STEPS = Prepared(
    select(RUN, STEP, LIMITED_UNTIL)
    .outerjoin(STEP, STEP.c.run_id == RUN.c.id)
    .where(RUN.c.uuid == bindparam("run"))
    .order_by(STEP.c.number)
)
LOCKED = Prepared(
    WITH_PAYERS.add_columns(LIMITED_UNTIL)
    .where(RUN.c.uuid == bindparam("run"))
    .with_for_update(of=[RUN, HEARTBEAT], key_share=True)
)
RESERVE_ON_RUN = Prepared(update(RUN).where(RUN.c.id == bindparam("key")).values(credits_held=bindparam("hold")))
ASKED = Prepared(STEP.insert().returning(STEP))
CUT_RUN = Prepared(update(RUN).where(RUN.c.id == bindparam("key")).values(cut=True))


@dataclass(frozen=True)
class ToolCall:
    """A tool call as the model asks for it; `arguments` is JSON, not yet looked at."""

    name: str
    call_id: str
    arguments: str


@dataclass(frozen=True)
class NewStep:
    """A model's answer: its content, what it used, what that really cost, and the calls it asks for."""

    number: int
    answer: str
    messages: str
    model: str
    input_tokens: int
    output_tokens: int
    duration_ms: int
    failure_code: str | None = None
    failure: str | None = None
    calls: Sequence[ToolCall] = field(default=())
    attempt: int = 1
    cost_nano_usd: int = 0
    cut: bool = False
    fell_back_from: str | None = None
    fallback_reason: str | None = None
    reminder: str | None = None

    @property
    def usage(self) -> AttemptUsage:
        """What the request that brought it used."""
        used = self.input_tokens, self.output_tokens, self.cost_nano_usd
        return AttemptUsage(self.number, self.attempt, self.model, *used)


@dataclass(frozen=True)
class Transcript:
    """A run and its steps so far. With a `shortage` the next one cannot be paid for.

    `park` is the approval that it then waits for, or that ended it, if its run `may_wait`. `failures` are the
    attempts at the next step that failed. `limited_until`: until then some provider limits the rate, if that is known.
    """

    run: Run
    steps: list[Step]
    shortage: Shortage | None = None
    park: Approval | None = None
    failures: tuple[StepFailure, ...] = ()
    limited_until: datetime | None = None

    def step(self, number: int) -> Step | None:
        """The step with this number, if it was made before."""
        return next((step for step in self.steps if step.number == number), None)


def read_transcript(connection: Connection, run_uuid: str) -> Transcript:
    """A run and its transcript, in one look."""
    rows = all_joined(connection, (Run, Step), WITH_STEPS, {"run": run_uuid})
    if not rows:
        raise RunLost(run_uuid)
    return Transcript(rows[0][0], [step for _, step, _ in rows if step.id], limited_until=rows[0][2])


def begin_step(connection: Connection, run_uuid: str, number: int, limits: RunLimits, now: datetime) -> Transcript:
    """Reserve the worst case of a model request, once; the transcript then has it held, or a shortage and its park.

    The first request's was reserved when the run was opened. A paid attempt that failed has used its reservation up.
    """
    locked = joined(connection, (Run, Heartbeat, Bot, Project), LOCKED, {"run": run_uuid})
    if locked is None:
        raise RunLost(run_uuid)
    *rows, limited_until = locked
    paying = PayingRun(*rows)
    run = paying.run
    failed = failures(connection, run.id, number)
    transcript = Transcript(run, steps(connection, run.id), failures=failed, limited_until=limited_until)
    if run.status != "running" or run.credits_held or transcript.step(number):
        return transcript
    budgets = paying.budgets(limits.plan, now)
    max_credits = limits.max_credits(run.models, next_request_tokens(transcript, limits), run.max_reply_tokens)
    reservation = Reservation(number, f"reserve-{len(transcript.failures) + 1}" if transcript.failures else "reserve")
    shortage = reserve(connection, budgets, max_credits, now)
    if shortage is not None:
        approval = park(connection, paying, number, shortage, now) if paying.may_wait else None
        return replace(transcript, shortage=shortage, park=approval)
    enter_reservation(connection, account_of(run, budgets.start), reservation, max_credits, now)
    RESERVE_ON_RUN.run(connection, {"key": run.id, "hold": max_credits})
    if run.parked:
        resolve(connection, run, now)
    return transcript


def next_request_tokens(transcript: Transcript, limits: RunLimits) -> int:
    """No fewer tokens than the next model request reads: what the last one is said to have, and what came since."""
    last = next((step for step in reversed(transcript.steps) if step.kind == "model"), None)
    since = [step.answer for step in transcript.steps if last is None or step.number > last.number]
    since += [last.reminder] if last is not None and last.reminder else []
    if last is not None and last.input_tokens:
        return last.input_tokens + last.output_tokens + credits.most_tokens(*since)
    run, texts = transcript.run, [step.messages + step.answer + (step.reminder or "") for step in transcript.steps]
    return limits.tool_tokens(limits.built_in_tokens) + credits.most_tokens(
        run.instruction, first_message(run.opening, run.prompt), *texts
    )


def steps(connection: Connection, run_id: int) -> list[Step]:
    """The transcript of a run so far, in order."""
    return many(connection, Step, TRANSCRIPT, {"run": run_id})


def settle_step(
    connection: Connection, run_uuid: str, step: NewStep, rate: int, now: datetime
) -> tuple[Step, list[Step]]:
    """Write an answer, the calls it asks for and its settle entry; a repeated one is left as it is, charging nothing.

    `rate` is in credits for each started 1,000 tokens. Returns the step as the store has it, and the steps after it.
    """
    reserved = reserved_run(connection, run_uuid, step.number)
    run, usage = reserved[0], step.usage
    if not step.calls and (reminder := reminder_for(connection, run, step)):
        step = replace(step, failure_code=reminder.code, failure=reminder.failure, reminder=reminder.words)
    is_new = record_attempt(connection, run.id, usage, "answered", now)
    stored = first(connection, Step, insert_once(connection.dialect.name, STEP), _answer(run.id, step, now))
    if stored is None:
        known = steps(connection, run.id)
        return next(other for other in known if other.number == step.number), known
    if not is_new:
        note_answer_of_lost(connection, run.id, usage)
    calls = [_call(run.id, number, call, now) for number, call in enumerate(step.calls, step.number + 1)]
    written = [first(connection, Step, ASKED, call) for call in calls]
    charge(connection, reserved, usage, "settle", rate, now)
    if run.fallback_models:
        note_model(connection, run, Fallback(step.model, step.fallback_reason), now)
    if step.cut:
        CUT_RUN.run(connection, {"key": run.id})
    return stored, [call for call in written if call]


TOOL = {
    "answer": "",
    "messages": "",
    "model": "",
    "fell_back_from": None,
    "fallback_reason": None,
    "input_tokens": 0,
    "output_tokens": 0,
    "duration_ms": 0,
}


def _call(run_id: int, number: int, call: ToolCall, now: datetime) -> dict[str, object]:
    fields = {"name": call.name, "call_id": call.call_id, "arguments": call.arguments, "reminder": None}
    of_run = {"run_id": run_id, "number": number, "created_at": now}
    return {**TOOL, **fields, **of_run, "kind": "tool", "state": "asked", "final": False}


def _answer(run_id: int, step: NewStep, now: datetime) -> dict[str, object]:
    fields = {name: value for name, value in vars(step).items() if name in STEP.c}
    nothing = {"name": None, "call_id": None, "arguments": None}
    is_final = not step.calls and step.reminder is None
    own = {"kind": "model", "state": "done", "final": is_final, "run_id": run_id, "created_at": now}
    return {**fields, **nothing, **own}
