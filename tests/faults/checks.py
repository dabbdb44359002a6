"""What must hold once all is quiet again, one function a promise: each returns what is lost or doubled, in words."""

from collections import Counter
from collections.abc import Callable

from heartbeat.store.credits.audit import audit
from heartbeat.store.heartbeats.tick_accounting import cadence_of
from heartbeat.store.tables.credits import Entry, Usage
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.runs import Approval, Run, Step
from tests.faults import outside_checks
from tests.faults.aftermath import Aftermath
from tests.faults.measures import grown

# Nobody terminates a workflow, puts a database back, or lets a class name an error.
OF_NO_FAULT = ("workflow_terminated", "restored", "Unavailable", "error")


def ticks(after: Aftermath) -> list[str]:
    """Each tick up to where its heartbeat is accounted for has one log, and nothing else has one."""
    wrong, runs = [], after.rows(Run)
    for heartbeat in after.rows(Heartbeat):
        if heartbeat.type != "heartbeat":
            continue
        end = heartbeat.accounted_until
        if (oldest := cadence_of(heartbeat).next_after(end)) and oldest <= after.until:
            wrong.append(f"{heartbeat.uuid} stands still: {oldest} is not accounted for")
        logs = Counter(run.scheduled_for for run in runs if run.heartbeat_id == heartbeat.id and run.scheduled_for)
        due = Counter(cadence_of(heartbeat).between(heartbeat.created_at, end))
        logs = Counter({tick: count for tick, count in logs.items() if tick <= end})
        wrong += [f"{heartbeat.uuid} has no log of {tick}" for tick in due - logs]
        wrong += [f"{heartbeat.uuid} has one log more of {tick}" for tick in logs - due]
    return wrong


def settles(after: Aftermath) -> list[str]:
    """Each answer of a model was settled once."""
    entries = Counter((row.run_id, row.step) for row in after.rows(Entry) if row.kind == "settle")
    answered = Counter((row.run_id, row.number) for row in after.rows(Step) if row.kind == "model")
    missing = [f"step {step} of run {run} was not settled" for run, step in answered - entries]
    return missing + [f"step {step} of run {run} was settled once more" for run, step in entries - answered]


def balances(after: Aftermath) -> list[str]:
    """Every running sum is the sum of its entries."""
    return [str(difference) for difference in after.database.read_now(audit)]


def nothing_held(after: Aftermath) -> list[str]:
    """No run goes on, and none holds credits."""
    wrong = [f"run {row.uuid} goes on" for row in after.rows(Run) if row.status == "running"]
    wrong += [f"run {row.uuid} holds credits" for row in after.rows(Run) if row.credits_held]
    wrong += [f"heartbeat {row.uuid} holds credits" for row in after.rows(Heartbeat) if row.period_held]
    return wrong + [f"project {row.project_id} holds credits" for row in after.rows(Usage) if row.held]


def effects(after: Aftermath) -> list[str]:
    """Each request that was accepted had one effect, however often it was sent."""
    runs = Counter(run.uuid for run in after.rows(Run) if run.trigger == "manual")
    tasks = Counter(row.label for row in after.rows(Heartbeat) if row.type == "scheduled_task")
    wrong = [
        f"the accepted run {uuid} is there {runs[uuid]} times" for uuid in after.accepted.triggers if runs[uuid] != 1
    ]
    wrong += [f"nobody was told of the run {uuid}" for uuid in runs.keys() - after.accepted.triggers.keys()]
    names = after.accepted.tasks.keys() | tasks.keys()
    return wrong + [f"{name} is there {tasks[name]} times" for name in names if tasks[name] != 1]


def edits(after: Aftermath) -> list[str]:
    """The last change that was accepted is the one that is there."""
    prompts = {row.uuid: row.prompt for row in after.rows(Heartbeat)}
    accepted = after.accepted.prompts.items()
    return [f"{uuid} lost the change to {prompt!r}" for uuid, prompt in accepted if prompts.get(uuid) != prompt]


def decisions(after: Aftermath) -> list[str]:
    """What was decided of each call is what a person decided."""
    rows, accepted = {row.uuid: row.state for row in after.rows(Approval)}, after.accepted.decisions
    wrong = [f"{uuid} is {rows.get(uuid)} after {state}" for uuid, state in accepted.items() if rows.get(uuid) != state]
    decided = {uuid for uuid, state in rows.items() if state in ("approved", "denied")}
    return wrong + [f"nobody decided {uuid}" for uuid in decided - accepted.keys()]


def endings(after: Aftermath) -> list[str]:
    """No run was ended as one that is lost, or with a code that says nothing."""
    return [f"run {row.uuid} ended as {row.error_code}" for row in after.rows(Run) if row.error_code in OF_NO_FAULT]


def schedules(after: Aftermath) -> list[str]:
    """Temporal has the schedules that the rows stand for, and no others."""
    wanted = {row.uuid: row.enabled for row in after.rows(Heartbeat) if not row.deleted_at}
    names = wanted.keys() | after.schedules.keys()
    return [
        f"{name}: {after.schedules.get(name)} instead of {wanted.get(name)}"
        for name in names
        if wanted.get(name) != after.schedules.get(name)
    ]


def processes(after: Aftermath) -> list[str]:
    """No process has grown, and none is left that belongs to nothing any more."""
    return grown(after.sizes["warm"], after.sizes["end"]) + after.left


def answers(after: Aftermath) -> list[str]:
    """Nobody had an answer that says neither yes nor to ask again."""
    return list(after.accepted.unexpected)


CHECKS: dict[str, Callable[[Aftermath], list[str]]] = {
    "ticks": ticks,
    "settles": settles,
    "balances": balances,
    "held": nothing_held,
    "effects": effects,
    "edits": edits,
    "decisions": decisions,
    "calls": outside_checks.calls,
    "messages": outside_checks.messages,
    "secrets": outside_checks.secrets,
    "endings": endings,
    "schedules": schedules,
    "processes": processes,
    "answers": answers,
}
