"""A row of everything that pages show, with one text in all places where agents, tools or people write."""

import json
from datetime import UTC, datetime

from sqlalchemy import Connection, update

from heartbeat.store.database.rows import columns
from heartbeat.store.tables.bots import Bot, Subscriber
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.projects import Project
from heartbeat.store.tables.runs import Run
from heartbeat.store.users.invitations import invite
from tests.support import past_runs
from tests.support.dashboard import Owner, a_run
from tests.support.pending_rows import (
    a_call,
    a_finding,
    a_memory,
    a_message,
    a_subscriber,
    a_target,
    a_task,
    a_tool,
    an_approval,
    changed_tool,
)
from tests.support.people import a_member
from tests.support.seeds import NOW, YEARLY, a_heartbeat

RUNNING = {"status": "running", "finished_at": None, "duration_ms": None}


def one_of_everything(connection: Connection, owner: Owner, text: str) -> None:
    project, bot = columns(Project), columns(Bot)
    connection.execute(update(project).where(project.c.id == owner.project.id).values(name=text))
    changes = {"name": text, "instruction": text, "model": text}
    connection.execute(update(bot).where(bot.c.id == owner.bot.id).values(changes))
    member = a_subscriber(connection, owner.bot, name=text)
    heartbeat = _heartbeats(connection, owner.bot, member, text)
    run = _runs(connection, heartbeat, text)
    for member_id in (None, member.id):
        a_memory(connection, owner.bot, text, member_id=member_id, run_id=run.id)
    _waiting(connection, heartbeat, text)
    _messages(connection, heartbeat, run, text)
    a_member(connection, owner.project, "ada@example.com", "viewer", text)
    invite(connection, owner.project, "bob@example.com", "editor", text, datetime.now(UTC))
    changed = {**changed_tool(text), "description": text}
    a_tool(connection, heartbeat, server_label=text, last_error=text, tools=[changed], header_names=[text])


def _heartbeats(connection: Connection, bot: Bot, member: Subscriber, text: str) -> Heartbeat:
    """One that is on, one of a member that is paused, and a task that goes on and one that is over."""
    words = {"label": text, "description": text, "prompt": text, "cron_pattern": YEARLY, "synced_version": 1}
    paused = {"enabled": False, "pause_reason": "errors", "pause_detail": text, "pause_since": NOW}
    heartbeat = a_heartbeat(connection, bot, **words, external_id=text, credit_budget=10**9)
    a_heartbeat(connection, bot, **words, **paused, member_id=member.id)
    a_task(connection, heartbeat, **words)
    a_task(connection, heartbeat, **words, enabled=False, deleted_at=datetime.now(UTC), ended_as="done")
    return heartbeat


def _runs(connection: Connection, heartbeat: Heartbeat, text: str) -> Run:
    """Runs that ended in every way, with their steps; returns one that succeeded."""
    words = {"prompt": text, "instruction": text, "opening": text, "model": text}
    report = {"title": text, "summary": text, "status": "attention", "severity": "warning", "fingerprint": text}
    rating = {"liked": False, "rating_note": text, "rated_by": text, "rated_at": NOW}
    run = a_run(connection, heartbeat, **words, response=text, report=report, paused_tools=[text], **rating)
    arguments = json.dumps({text: text})
    past_runs.a_step(connection, run.uuid, 1, answer=text, model=text)
    past_runs.a_step(connection, run.uuid, 2, kind="tool", name=text, call_id=text, arguments=arguments, answer=text)
    past_runs.a_step(connection, run.uuid, 3, answer=text, final=True, model=text)
    a_run(connection, heartbeat, **words, status="error", error_code="overloaded", error_message=text)
    a_run(connection, heartbeat, **words, status="skipped", skip_reason="overlap")
    a_run(connection, heartbeat, **words, status="cancelled")
    a_run(connection, heartbeat, **words, dry_run=True, response=text)
    return run


def _waiting(connection: Connection, heartbeat: Heartbeat, text: str) -> None:
    run = a_run(connection, heartbeat, **RUNNING, prompt=text, opening=text)
    words = {"tool": text, "arguments": json.dumps({text: text}), "why": text}
    a_call(connection, run, name=text, arguments=words["arguments"], failure=text)
    an_approval(connection, run, **words)
    an_approval(connection, run, **words, step=3, state="denied", decided_by=text, decided_at=NOW)
    a_finding(connection, heartbeat, title=text, detail=text)
    a_finding(connection, heartbeat, title=text, detail=text, state="resolved", resolved_at=NOW)


def _messages(connection: Connection, heartbeat: Heartbeat, run: Run, text: str) -> None:
    words = {"name": text, "config": {"to": text}}
    target = a_target(connection, heartbeat, **words, is_enabled=False, disabled_reason=text)
    data = {"title": text, "message": text, "priority": "low", "action_url": f"https://example.org/?{text}"}
    a_message(connection, heartbeat, target, kind="user.notified", data=data, status="failed", last_error=text)
    failed = {"run": run.uuid, "message": text, "code": text}
    a_message(connection, heartbeat, a_target(connection, heartbeat, **words), kind="run.failed", data=failed)
