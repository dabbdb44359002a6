"""What a run did of what is expected of it, as its steps record that."""

from sqlalchemy import Connection, bindparam, case, null, select

from heartbeat.domain.conduct import Conduct, unmet
from heartbeat.store.database.prepared import Prepared
from heartbeat.store.database.rows import columns
from heartbeat.store.tables.runs import Run, Step

STEP = columns(Step)

# It tells what its agent thinks of its run, and acts on nothing: a replay makes its own.
REPORT = "report"
# A rehearsal writes down the calls that would act.
SUCCEEDED = (None, "rehearsed")
# Built once: putting such a statement together costs more than running it. What a tool answered may be long, and is
# none of the agent's words.
DONE = Prepared(
    select(
        STEP.c.kind,
        STEP.c.name,
        STEP.c.state,
        STEP.c.failure_code,
        (STEP.c.final | STEP.c.reminder.is_not(None)).label("is_last_word"),
        case((STEP.c.kind == "model", STEP.c.answer), else_=null()).label("answer"),
    )
    .where(STEP.c.run_id == bindparam("run"))
    .order_by(STEP.c.number)
)


def missing(connection: Connection, run: Run, answer: str | None = None) -> list[str]:
    """What of its expectation a run did not meet, a sentence each; `answer` is one that is not written yet."""
    if not run.expect:
        return []
    return unmet(run.expect, conduct_of(connection, run, answer))


def conduct_of(connection: Connection, run: Run, answer: str | None = None) -> Conduct:
    """What the steps of a run record; `answer` is the newest one where that is not written yet."""
    called, succeeded, answers, beside = set(), set(), list[str](), ""
    for step in DONE.run(connection, {"run": run.id}):
        if step.kind == "model":
            beside = step.answer
            answers += [step.answer] if step.is_last_word and step.answer else []
            continue
        called.add(step.name)
        if step.state == "done" and step.failure_code in SUCCEEDED:
            succeeded.add(step.name)
        if step.name == REPORT and beside:
            answers.append(beside)
    answers += [answer] if answer else []
    return Conduct(run.report is not None, frozenset(called), frozenset(succeeded), answers)
