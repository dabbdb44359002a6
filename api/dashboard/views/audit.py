"""What the page of the audit log shows of an entry."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from api.dashboard.translations import marked
from api.dashboard.views.formats import Moment, moment, start
from api.dashboard.views.sessions import browser_name
from heartbeat.domain.actors import Visit
from heartbeat.store.audit.reading import actor_of_entry
from heartbeat.store.audit.recording import CHANGED
from heartbeat.store.tables.audit import AuditEntry

KINDS = {
    "user": marked("A person"),
    "key": marked("A key"),
    "link": marked("Whoever has the link of a message"),
    "agent": marked("An agent"),
    "shell": marked("Somebody at the command line"),
    "product": marked("Heartbeat itself"),
}
# What actions are done to, in the order of the menu.
NOUNS = {
    "heartbeat": marked("Heartbeats"),
    "task": marked("Tasks"),
    "tick": marked("Ticks"),
    "run": marked("Runs"),
    "approval": marked("Approvals"),
    "finding": marked("Findings"),
    "bot": marked("Bots"),
    "tool": marked("Tools"),
    "connection": marked("Sign-ins of tools"),
    "subscriber": marked("Subscribers"),
    "memory": marked("Memories"),
    "target": marked("Targets"),
    "project": marked("The project"),
    "member": marked("Members"),
    "invitation": marked("Invitations"),
    "key": marked("Keys"),
    "session": marked("Sessions"),
    "secrets": marked("Secrets"),
}
MAX_VALUE, MAX_CHANGES = 200, 12


@dataclass(frozen=True)
class ShownChange:
    """What a field was and what it is, as texts; neither for a secret."""

    name: str
    before: str | None
    after: str | None
    secret: bool = False


@dataclass(frozen=True)
class AuditLine:
    """An entry: who, with which program, what, to what, and its changes; `more` of them are not shown."""

    number: int
    at: Moment
    who: str
    visit: Visit
    program: str
    action: str
    object_name: str
    object_id: str
    changes: list[ShownChange]
    more: int
    hash: str


def audit_line(entry: AuditEntry, now: datetime) -> AuditLine:
    actor, changes = actor_of_entry(entry), list(_changes(entry.changes))
    return AuditLine(
        entry.number,
        moment(entry.at, UTC, now, seconds=True),
        actor.words,
        actor.visit,
        browser_name(actor.visit.user_agent) if actor.visit.user_agent else "",
        entry.action,
        start(entry.object_name, MAX_VALUE),
        entry.object_id,
        changes[:MAX_CHANGES],
        max(0, len(changes) - MAX_CHANGES),
        entry.hash,
    )


def _changes(changes: dict[str, Any]) -> Iterator[ShownChange]:
    for name, change in changes.items():
        if change == CHANGED:
            yield ShownChange(name, None, None, secret=True)
        else:
            before, after = change
            yield ShownChange(name, _text(before), _text(after))


def _text(value: Any) -> str | None:
    if value is None:
        return None
    return start(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False), MAX_VALUE)
