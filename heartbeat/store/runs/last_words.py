"""A run's response: its agent's own last words, and never what a tool answered."""

from sqlalchemy import Connection, bindparam, case, null, or_, select

from heartbeat.domain.conduct import fitting_answer
from heartbeat.store.database.prepared import Prepared
from heartbeat.store.database.rows import columns
from heartbeat.store.runs.conduct import conduct_of
from heartbeat.store.runs.reminders import UNVERIFIED
from heartbeat.store.tables.runs import Run, Step

STEP = columns(Step)

# Built once: putting such a statement together costs more than running it. What a tool answered may be long, and is
# none of the agent's words.
SPOKEN = Prepared(
    select(
        STEP.c.kind,
        case((STEP.c.kind == "model", STEP.c.answer), else_=null()).label("answer"),
        (STEP.c.failure_code == UNVERIFIED).label("was_no_end"),
    )
    .where(STEP.c.run_id == bindparam("run"), or_(STEP.c.kind == "model", STEP.c.name == "report"))
    .order_by(STEP.c.number)
)


def last_words(connection: Connection, run: Run) -> str | None:
    """Return what the agent said last; before it, what it said beside its report; else the report's summary.

    What it said before it was asked for its report stands in front as well. Where an answer of some kind is expected,
    it is that one alone.
    """
    if run.expect and "answer" in run.expect:
        fitting = fitting_answer(run.expect, conduct_of(connection, run).answers)
        if fitting is not None:
            return fitting
    latest, beside_call, beside_report = "", "", ""
    for kind, answer, was_no_end in SPOKEN.run(connection, {"run": run.id}):
        if kind == "tool" or was_no_end:
            beside_report = answer or beside_call or beside_report
        if kind == "model":
            latest, beside_call = answer or latest, answer
    if beside_report and beside_report != latest:
        return f"{beside_report}\n\n{latest}"
    return latest or (run.report or {}).get("summary") or None
