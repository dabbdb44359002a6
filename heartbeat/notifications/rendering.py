"""Events in words: what a person reads, short enough for a telephone's lock screen."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from heartbeat.domain.first_message import spoken_time
from heartbeat.domain.pauses import HeartbeatPause
from heartbeat.notifications.channels.message import Message, Priority
from heartbeat.store.notifications.events import APPROVAL, FAILED, FINDING, MISSED, NOTIFIED, PAUSED, RECOVERED, RESUMED
from heartbeat.store.notifications.outbox import MessagePart, OutgoingMessage

MOST_TITLE = 200
MOST_LINES = 20
SEVERITIES = ("info", "warning", "critical")
PRIORITIES: tuple[Priority, ...] = ("low", "normal", "urgent")
PRIORITY_OF: dict[str, Priority] = {"info": "low", "warning": "normal", "critical": "urgent"}
SUMMARY = "summary"
BY_LINK = "The link leads to what it asks for; so does GET /v1/bot/approval/readall"
WITHOUT_LINK = "Decide on the dashboard's page Approvals, or with POST /v1/bot/approval/decide"
# Title, body, priority and link.
Told = tuple[str, str, Priority, str | None]


def message_of(sending: OutgoingMessage, approve: Callable[[str], str | None] = lambda _: None) -> Message:
    """The message that tells of these events: of one in full, of several in a line each.

    `approve` makes the link to an approval's page, if it can be linked to.
    """
    first = sending.parts[0]
    if sending.total == 1:
        title, body, priority, link = WORDS[first.event.kind](first, first.event.data)
        kind, data = first.event.kind, {**first.event.data, **_whose(first)}
        if kind == APPROVAL:
            link = approve(data["approval"])
            body = f"{body}\n{BY_LINK if link else WITHOUT_LINK} ({data['approval']})."
    else:
        kind, title = SUMMARY, f"{sending.total} messages of {_names(sending.parts)}"
        priority = max((_told(part)[2] for part in sending.parts), key=PRIORITIES.index)
        body, link = _lines([_told(part)[0] for part in sending.parts], sending.total), None
        data = {"events": [_entry(part) for part in sending.parts], "total": sending.total}
    alone = len({part.heartbeat.id for part in sending.parts}) == 1
    return Message(
        uuid=first.notification.uuid,
        kind=kind,
        priority=priority,
        title=title[:MOST_TITLE],
        body=body,
        link=link,
        bot=first.bot.name,
        heartbeat=first.heartbeat.label or "" if alone else "",
        at=max(part.event.created_at for part in sending.parts),
        data=data,
    )


def told(part: MessagePart) -> tuple[str, str]:
    """The title and the body of the message that tells of one event alone."""
    title, body, _, _ = _told(part)
    return title[:MOST_TITLE], body


def name_of(part: MessagePart) -> str:
    """What people call the heartbeat: its label, else its bot's name."""
    return part.heartbeat.label or part.bot.name


def _told(part: MessagePart) -> Told:
    return WORDS[part.event.kind](part, part.event.data)


def _finding(part: MessagePart, data: dict[str, Any]) -> Told:
    found = sorted(data["findings"], key=lambda it: -SEVERITIES.index(it["severity"]))
    worst, more = found[0], len(found) - 1
    known = "" if worst["news"] == "new" else f" ({worst['news']})"
    title = f"{name_of(part)}: {worst['title']}{f' and {more} more' if more else known}"
    if more:
        lines = [f"[{it['severity']}] {it['title']} ({it['news']})" + _detail(it.get("detail")) for it in found]
        first = _lines(lines, len(lines))
    else:
        # Its title is the message's.
        first = f"[{worst['severity']}] {worst.get('detail') or ''}".strip()
    body = "\n".join([first, *([data["summary"]] if data.get("summary") else [])])
    return title, body, PRIORITY_OF[worst["severity"]], None


def _detail(detail: str | None) -> str:
    return f"\n{detail}" if detail else ""


def _failed(part: MessagePart, data: dict[str, Any]) -> Told:
    body = data["message"] or "It failed."
    # After the last run of a task there are none.
    if "last" not in data:
        body += "\nFurther failures are not told until it works again or is paused."
    return f"{name_of(part)} failed", body, "normal", None


def _recovered(part: MessagePart, data: dict[str, Any]) -> Told:
    times = "one failure" if data["failures"] == 1 else f"{data['failures']} failures in a row"
    return f"{name_of(part)} works again", f"The last run succeeded, after {times}.", "low", None


def _paused(part: MessagePart, data: dict[str, Any]) -> Told:
    why = {"errors": "because it kept failing", "budget": "because its budget is used up"}[data["reason"]]
    # What the whole message says of what is next is in UTC, and short.
    message = HeartbeatPause(data["cause"]["code"], data["cause"]["detail"], data["cause"]["times"]).why
    heals = "probe_at" in data
    sooner = "" if "task" in data else "; enable it to have it run sooner"
    tried = f"It is tried again on {_when(part, data['probe_at'])}{sooner}." if heals else ""
    priority: Priority = "normal" if heals else "urgent"
    return f"{name_of(part)} is paused {why}", f"{message}\n{tried or data['resume']}", priority, None


def _resumed(part: MessagePart, data: dict[str, Any]) -> Told:
    times = "at the first attempt" if data["probes"] == 1 else f"at attempt {data['probes']}"
    body = f"It was paused, was tried again and succeeded {times}. It runs by its schedule again."
    return f"{name_of(part)} runs again", body, "low", None


def _missed(part: MessagePart, data: dict[str, Any]) -> Told:
    last = _when(part, data["last"])
    if data["ticks"] == 1:
        body = f"One run was missed: nothing was there for it on {last}. That is over."
    else:
        gap = f"from {_when(part, data['first'], zone=False)} to {last}"
        body = f"{data['ticks']} runs were missed: nothing was there for them {gap}. That is over."
    return f"{name_of(part)} did not run when it was due", body, "normal", None


def _notified(part: MessagePart, data: dict[str, Any]) -> Told:
    return data["title"], data["message"], data["priority"], data.get("action_url")


def _approval(part: MessagePart, data: dict[str, Any]) -> Told:
    until = _when(part, data["expires_at"])
    asked = f"It asks to call {data['tool']}, and waits for a person's yes or no until {until}."
    # Of an earlier version, an event says nothing of why.
    why = f"\n{data['why']}" if "why" in data else ""
    body = f"{asked} After that the answer is no.{why}"
    return f"{name_of(part)} waits for your approval", body, "urgent", None


WORDS: dict[str, Callable[[MessagePart, dict[str, Any]], Told]] = {
    FINDING: _finding,
    FAILED: _failed,
    RECOVERED: _recovered,
    PAUSED: _paused,
    RESUMED: _resumed,
    MISSED: _missed,
    NOTIFIED: _notified,
    APPROVAL: _approval,
}


def _when(part: MessagePart, instant: str, zone: bool = True) -> str:
    """An instant (ISO-8601) as the heartbeat's people say it, with the name of their `zone`."""
    there = part.heartbeat.timezone
    moment = spoken_time(datetime.fromisoformat(instant), ZoneInfo(there))
    return f"{moment} ({there})" if zone else moment


def _whose(part: MessagePart) -> dict[str, Any]:
    return {"event_id": part.event.uuid, "bot_id": part.bot.uuid, "heartbeat_id": part.heartbeat.uuid}


def _entry(part: MessagePart) -> dict[str, Any]:
    at = part.event.created_at.isoformat()
    return {**_whose(part), "kind": part.event.kind, "title": _told(part)[0], "at": at}


def _names(parts: list[MessagePart]) -> str:
    names = list(dict.fromkeys(name_of(part) for part in parts))
    return names[0] if len(names) == 1 else f"{len(names)} heartbeats"


def _lines(lines: list[str], total: int) -> str:
    shown = [f"- {line}" for line in lines[:MOST_LINES]]
    left = total - len(shown)
    return "\n".join([*shown, *([f"and {left} more"] if left > 0 else [])])
