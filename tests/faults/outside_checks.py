"""What must hold of what got outside: calls, messages and secrets."""

import json
from collections import Counter

from heartbeat.store.tables.notifications import Event, Notification
from heartbeat.store.tables.runs import Approval, Run, Step
from tests.faults.aftermath import Aftermath


def calls(after: Aftermath) -> list[str]:
    """Each call was carried out once at the most, none that needs a yes without one, and none is made up."""
    done = after.outside.desk.done
    wrong = [f"{what} was done {times} times" for what, times in done.items() if times > 1]
    allowed = {json.loads(row.arguments).get("what") for row in after.rows(Approval) if row.state == "approved"}
    wrong += [f"{what} was done without a yes" for what in done if what.startswith("Seat") and what not in allowed]
    said = {what for step in after.rows(Step) if (what := ordered(step)) and f"Done: {what}." in step.answer}
    return wrong + [f"{what} was never done" for what in said - done.keys()]


def ordered(step: Step) -> str:
    """What a step has ordered at the desk, if it has."""
    if step.name not in ("desk__book", "desk__note"):
        return ""
    return str(json.loads(step.arguments or "{}").get("what", ""))


def messages(after: Aftermath) -> list[str]:
    """Each message came, and each finding is told of under one id, however often it was sent."""
    rows, told = after.rows(Notification), after.outside.inbox.got
    wrong = [f"{row.uuid} failed: {row.last_error}" for row in rows if row.status == "failed"]
    wrong += [f"{row.uuid} is late" for row in rows if row.next_attempt_at and row.next_attempt_at < after.until]
    alone = [row for row in rows if row.summary_id is None]
    wrong += [f"{row.uuid} never came" for row in alone if row.status == "delivered" and row.uuid not in told]
    wrong += [f"nobody sent {uuid}" for uuid in told.keys() - {row.uuid for row in alone}]
    reports = [run.report for run in after.rows(Run) if run.status == "success" and run.report]
    titles = Counter(finding["title"] for report in reports for finding in report.get("findings", []))
    came = {title: sorted(uuid for uuid, body in told.items() if title in body) for title in titles}
    waits = on_their_way(after, rows)
    return wrong + [
        f"{title} came as {ids}" for title, ids in came.items() if len(ids) > 1 or not (ids or title in waits)
    ]


def on_their_way(after: Aftermath, rows: list[Notification]) -> set[str]:
    """What is found that a message which will be sent again tells of."""
    waiting = {row.event_id for row in rows if row.next_attempt_at}
    found = [event.data.get("findings", []) for event in after.rows(Event) if event.id in waiting]
    return {finding["title"] for findings in found for finding in findings}


def secrets(after: Aftermath) -> list[str]:
    """No secret was seen anywhere."""
    canaries, outside = after.outside.canaries, after.outside
    canaries.look_for("what the model is asked", (json.dumps(one["messages"]) for one in outside.model.requests))
    canaries.look_for("a message", outside.inbox.got.values())
    canaries.look_for("a call", (json.dumps(one.params) for one in outside.desk.received))
    return sorted(set(canaries.seen))
