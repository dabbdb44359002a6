"""Attempts at a step: every request to a provider as it really was, and the charge for one that failed but was paid."""

from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection, and_, bindparam, select, update

from heartbeat.domain import credits
from heartbeat.store.credits.budgets import uses
from heartbeat.store.credits.ledger import Charge, account_of, settle
from heartbeat.store.database.prepared import Prepared
from heartbeat.store.database.rows import columns, insert_once, joined, many
from heartbeat.store.notifications.budget_events import record_thresholds
from heartbeat.store.tables.credits import Entry
from heartbeat.store.tables.runs import Attempt, Run

RUN, ENTRY, ATTEMPT = columns(Run), columns(Entry), columns(Attempt)

# Built once: putting such a statement together costs more than running it. A step whose attempt failed and was paid
# for is reserved anew: the last reservation is the one that pays.
RESERVED = Prepared(
    select(RUN, ENTRY.c.period_start)
    .outerjoin(
        ENTRY,
        and_(ENTRY.c.run_id == RUN.c.id, ENTRY.c.step == bindparam("step"), ENTRY.c.kind.startswith("reserve")),
    )
    .where(RUN.c.uuid == bindparam("run"))
    .order_by(ENTRY.c.id.desc())
    .limit(1)
    .with_for_update(of=RUN, key_share=True)
)
FAILURES = Prepared(
    select(ATTEMPT.c.model, ATTEMPT.c.failure_code)
    .where(
        ATTEMPT.c.run_id == bindparam("run"), ATTEMPT.c.step == bindparam("step"), ATTEMPT.c.failure_code.is_not(None)
    )
    .order_by(ATTEMPT.c.attempt)
)
NEWEST = Prepared(
    select(ATTEMPT.c.provider_words)
    .where(ATTEMPT.c.run_id == bindparam("run"))
    .order_by(ATTEMPT.c.step.desc(), ATTEMPT.c.attempt.desc())
    .limit(1)
)
CHARGES = Prepared(select(ENTRY.c.step, ENTRY.c.kind, ENTRY.c.credits).where(ENTRY.c.run_id == bindparam("run")))
CHARGE_RUN = Prepared(
    update(RUN)
    .where(RUN.c.id == bindparam("key"))
    .values(
        tokens_used=RUN.c.tokens_used + bindparam("more_tokens"),
        credits_charged=RUN.c.credits_charged + bindparam("more_credits"),
        cost_nano_usd=RUN.c.cost_nano_usd + bindparam("more_cost"),
        credits_held=0,
    )
)
COST_RUN = Prepared(
    update(RUN).where(RUN.c.id == bindparam("key")).values(cost_nano_usd=RUN.c.cost_nano_usd + bindparam("more_cost"))
)


@dataclass(frozen=True)
class AttemptUsage:
    """What one attempt at a step used, and what that cost the operator in billionths of a US dollar."""

    step: int
    attempt: int
    model: str
    input_tokens: int = 0
    output_tokens: int = 0
    cost_nano_usd: int = 0

    @property
    def tokens(self) -> int:
        """Tokens read and written together, which is what credits are counted on."""
        return self.input_tokens + self.output_tokens


@dataclass(frozen=True)
class FailedAttempt:
    """An attempt that came to nothing, and why; `provider_words` are masked."""

    usage: AttemptUsage
    code: str
    provider_words: str | None = None


@dataclass(frozen=True)
class StepFailure:
    """An attempt at a step that failed: the model that was asked, and the code of why it did not answer."""

    model: str
    code: str


def reserved_run(connection: Connection, run_uuid: str, step: int) -> tuple[Run, datetime | None]:
    """Lock a run; with it comes the start of the period that holds the step's reservation."""
    row = joined(connection, (Run,), RESERVED, {"run": run_uuid, "step": step})
    assert row is not None, f"a step of run {run_uuid}, which was never opened"
    return row


def charge(
    connection: Connection,
    reserved: tuple[Run, datetime | None],
    usage: AttemptUsage,
    kind: str,
    rate: int,
    now: datetime,
) -> None:
    """Charge an attempt against its reservation, of which nothing stays held; `rate` is credits a 1,000 tokens."""
    run, period_start = reserved
    account = account_of(run, period_start or credits.period(now)[0])
    # Nothing, if the run was closed meanwhile and gave it back: what comes too late is the operator's loss.
    due = Charge(usage.step, kind, usage.tokens, credits.cost(usage.tokens, rate), run.credits_held)
    settlement = settle(connection, account, due, now)
    used = {"more_tokens": usage.tokens, "more_credits": settlement.charged, "more_cost": usage.cost_nano_usd}
    CHARGE_RUN.run(connection, {"key": run.id, **used})
    if settlement.charged:
        record_thresholds(connection, run, account.period_start, uses(connection, account, settlement), now)


def note_failed(connection: Connection, run_uuid: str, failed: FailedAttempt, rate: int, now: datetime) -> None:
    """Write down an attempt that came to nothing. What it used all the same is charged, once."""
    usage = failed.usage
    reserved = reserved_run(connection, run_uuid, usage.step)
    is_new = record_attempt(connection, reserved[0].id, usage, "failed", now, failed)
    if is_new and usage.tokens:
        charge(connection, reserved, usage, f"failed-{usage.attempt}", rate, now)


def note_lost(connection: Connection, run_id: int, usage: AttemptUsage, now: datetime) -> None:
    """Write down the attempts up to this one of which nothing is known: their workers died with the answer.

    Each is taken to have read all that it could and written nothing.
    """
    for attempt in range(1, usage.attempt + 1):
        if record_attempt(connection, run_id, replace(usage, attempt=attempt), "lost", now):
            COST_RUN.run(connection, {"key": run_id, "more_cost": usage.cost_nano_usd})


def note_answer_of_lost(connection: Connection, run_id: int, usage: AttemptUsage) -> None:
    """Have an attempt that was taken for lost be the one that answered, with what it really used.

    Its worker stood still and went on, before another attempt had an answer.
    """
    is_lost = and_(
        ATTEMPT.c.run_id == run_id,
        ATTEMPT.c.step == usage.step,
        ATTEMPT.c.attempt == usage.attempt,
        ATTEMPT.c.outcome == "lost",
    )
    noted = connection.execute(select(ATTEMPT.c.cost_nano_usd).where(is_lost)).scalar_one_or_none()
    if noted is not None:
        connection.execute(update(ATTEMPT).where(is_lost).values(**vars(usage), outcome="answered"))
        COST_RUN.run(connection, {"key": run_id, "more_cost": -noted})


def record_attempt(
    connection: Connection,
    run_id: int,
    usage: AttemptUsage,
    outcome: str,
    now: datetime,
    failed: FailedAttempt | None = None,
) -> bool:
    """Write down what one request to the provider really used, once; false when it was written before."""
    why = {"failure_code": failed and failed.code, "provider_words": failed and failed.provider_words}
    row = {**vars(usage), "run_id": run_id, "outcome": outcome, **why, "created_at": now}
    return insert_once(connection.dialect.name, ATTEMPT).run(connection, row).first() is not None


def failures(connection: Connection, run_id: int, step: int) -> tuple[StepFailure, ...]:
    """The attempts at a step that failed, in order."""
    return tuple(StepFailure(*row) for row in FAILURES.run(connection, {"run": run_id, "step": step}))


def last_provider_words(connection: Connection, run_id: int) -> str | None:
    """What the provider said at the newest attempt of a run, if that failed."""
    words: str | None = NEWEST.run(connection, {"run": run_id}).scalar()
    return words


def spent_by_others(connection: Connection, run: Run) -> dict[str, dict[str, int]]:
    """What the models that stood in for the run's own used of its tokens, credits and cost, by model."""
    mine = select(ATTEMPT).where(ATTEMPT.c.run_id == run.id, ATTEMPT.c.model != run.model)
    attempts = many(connection, Attempt, mine)
    charged = {(row.step, row.kind): row.credits for row in CHARGES.run(connection, {"run": run.id})}
    spent: dict[str, dict[str, int]] = {}
    for attempt in attempts:
        of_model = spent.setdefault(attempt.model, dict.fromkeys(("tokens", "credits", "cost_nano_usd"), 0))
        kind = "settle" if attempt.outcome == "answered" else f"failed-{attempt.attempt}"
        # Of what a lost one used nothing was charged.
        of_model["tokens"] += 0 if attempt.outcome == "lost" else attempt.input_tokens + attempt.output_tokens
        of_model["credits"] += charged.get((attempt.step, kind), 0)
        of_model["cost_nano_usd"] += attempt.cost_nano_usd
    return spent
