"""Events in words: what a person reads, short enough for a telephone's lock screen."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from heartbeat.domain.first_message import spoken_time
from heartbeat.domain.pauses import HeartbeatPause
from heartbeat.domain.text import spelled_turns
from heartbeat.domain.tool_connections import INSUFFICIENT_SCOPE
from heartbeat.notifications.budget_messages import budget_threshold, costly, credits_named, with_price
from heartbeat.notifications.channels.message import Message, Priority
from heartbeat.notifications.rendered import Rendered, heartbeat_name
from heartbeat.store.notifications.events import (
    APPROVAL,
    BUDGET_THRESHOLD,
    COSTLY,
    FAILED,
    FELL_BACK,
    FINDING,
    GATE_FAILED,
    GATE_RECOVERED,
    MISSED,
    MODEL_RECOVERED,
    NOTIFIED,
    PAUSED,
    QUALITY_DROPPED,
    RECOVERED,
    RESUMED,
    SIGN_IN_NEEDED,
    TOOL_CHANGED,
)
from heartbeat.store.notifications.findings import SEVERITIES
from heartbeat.store.notifications.outbox import MessagePart, OutgoingMessage
from heartbeat.store.runs.parks import BUDGET

MAX_TITLE = 200
MAX_LINES = 20
PRIORITIES: tuple[Priority, ...] = ("low", "normal", "urgent")
PRIORITY_OF: dict[str, Priority] = {"info": "low", "warning": "normal", "critical": "urgent"}
MAX_TOOLS = 3
SUMMARY = "summary"
# They tell what an agent did, so whoever reads it can say whether that was any good.
WORK = (FINDING, NOTIFIED)
ABOUT_CREDITS = (BUDGET_THRESHOLD, COSTLY, APPROVAL)
PLACES = {"heartbeat": "heartbeats", "scheduled_task": "tasks"}
BY_LINK = "The link leads to what it asks for; so does GET /v1/bot/approval/readall"
ACCEPT = "If it is as it should be, accept it on the dashboard's page Tools, or with POST /v1/bot/tool/{}/refresh."
SIGN_IN = "Sign in on the dashboard's page Tools, or at the address of POST /v1/bot/tool/{}/connect."
QUALITY = (
    "Counted are the runs that people rated, and those of which something is expected. You are told again only after "
    "it was as good as before."
)
MODEL = "You are told once it answers again, and of no other heartbeat that asks it meanwhile."
WITHOUT_GATE = {
    "run": "Until it can be read again, each tick runs without knowing of a change.",
    "skip": "Until it can be read again, each tick is skipped.",
}
WITHOUT_LINK = "Decide on the dashboard's page Approvals, or with POST /v1/bot/approval/decide"


def render_message(
    outgoing: OutgoingMessage,
    approval_link: Callable[[str], str | None] = lambda _: None,
    page_link: Callable[[str], str | None] = lambda _: None,
    sign_in_link: Callable[[str, int | None], str | None] = lambda *_: None,
    rating_link: Callable[[str], str | None] = lambda _: None,
    price: Callable[[float], str | None] = lambda _: None,
) -> Message:
    """Put one event into a message in full, and several into one with a line each.

    `approval_link` makes the link to an approval's page from its public id, `page_link` that to a page of the dashboard
    from its path, `sign_in_link` that to the page on which somebody signs in to a tool, for themselves if a member is
    given, and `rating_link` that to the page on which somebody rates a run, from its log id, if they can be linked to.
    `price` says what credits cost.
    """
    parts = outgoing.parts
    if outgoing.total == 1:
        kind, rendered, data = _single(parts[0], approval_link)
        if kind == TOOL_CHANGED:
            rendered = rendered._replace(link=page_link("/tools"))
        if kind == QUALITY_DROPPED:
            rendered = rendered._replace(link=page_link(f"/{PLACES[parts[0].heartbeat.type]}/{data['heartbeat_id']}"))
        if kind in ABOUT_CREDITS and (credits_ := credits_named(data)) and (worth := price(credits_)):
            rendered, data = with_price(rendered, data, worth), {**data, "price": worth}
        if kind == SIGN_IN_NEEDED:
            member_id = parts[0].heartbeat.member_id if data["per_member"] else None
            rendered = rendered._replace(link=sign_in_link(data["tool_id"], member_id))
    else:
        kind, rendered, data = _summary(parts, outgoing.total)
    is_work = kind in WORK and "run" in data
    # What is of more than one heartbeat names none.
    owner = data["owner"] if kind == BUDGET_THRESHOLD else None
    label = parts[0].heartbeat.label or ""
    of_one_heartbeat = len({part.heartbeat.id for part in parts}) == 1
    return Message(
        uuid=parts[0].notification.uuid,
        kind=kind,
        priority=rendered.priority,
        title=spelled_turns(rendered.title)[:MAX_TITLE],
        body=spelled_turns(rendered.body),
        link=rendered.link,
        bot="" if owner in ("project", "plan") else spelled_turns(parts[0].bot.name),
        heartbeat=spelled_turns(label) if of_one_heartbeat and owner in (None, "heartbeat") else "",
        at=max(part.event.created_at for part in parts),
        data=data,
        rating_link=rating_link(data["run"]) if is_work else None,
    )


def render_event(part: MessagePart) -> tuple[str, str]:
    """Return the title and the body that a message about this event alone has."""
    rendered = _rendered(part)
    return rendered.title[:MAX_TITLE], rendered.body


def _rendered(part: MessagePart) -> Rendered:
    return RENDERERS[part.event.kind](part, part.event.data)


def _single(part: MessagePart, approval_link: Callable[[str], str | None]) -> tuple[str, Rendered, dict[str, Any]]:
    rendered, data = _rendered(part), {**part.event.data, **_ids(part)}
    if part.event.kind == APPROVAL:
        link = approval_link(data["approval"])
        body = f"{rendered.body}\n{BY_LINK if link else WITHOUT_LINK} ({data['approval']})."
        rendered = rendered._replace(body=body, link=link)
    return part.event.kind, rendered, data


def _summary(parts: list[MessagePart], total: int) -> tuple[str, Rendered, dict[str, Any]]:
    rendered = [_rendered(part) for part in parts]
    priority = max((one.priority for one in rendered), key=PRIORITIES.index)
    title, body = f"{total} messages of {_names(parts)}", _lines([one.title for one in rendered], total)
    return SUMMARY, Rendered(title, body, priority), {"events": [_entry(part) for part in parts], "total": total}


def _finding(part: MessagePart, data: dict[str, Any]) -> Rendered:
    findings = sorted(data["findings"], key=lambda finding: -SEVERITIES.index(finding["severity"]))
    worst, more = findings[0], len(findings) - 1
    known = "" if worst["news"] == "new" else f" ({worst['news']})"
    title = f"{heartbeat_name(part)}: {worst['title']}{f' and {more} more' if more else known}"
    if more:
        first = _lines([_finding_line(finding) for finding in findings], len(findings))
    else:
        # Its title is the message's.
        first = f"[{worst['severity']}] {worst.get('detail') or ''}".strip()
    body = "\n".join([first, *([data["summary"]] if data.get("summary") else [])])
    return Rendered(title, body, PRIORITY_OF[worst["severity"]])


def _finding_line(finding: dict[str, Any]) -> str:
    detail = f"\n{finding['detail']}" if finding.get("detail") else ""
    return f"[{finding['severity']}] {finding['title']} ({finding['news']}){detail}"


def _failed(part: MessagePart, data: dict[str, Any]) -> Rendered:
    body = data["message"] or "It failed."
    # After the last run of a task there are none.
    if "last" not in data:
        body += "\nFurther failures are not told until it works again or is paused."
    return Rendered(f"{heartbeat_name(part)} failed", body, "normal")


def _recovered(part: MessagePart, data: dict[str, Any]) -> Rendered:
    times = "one failure" if data["failures"] == 1 else f"{data['failures']} failures in a row"
    return Rendered(f"{heartbeat_name(part)} works again", f"The last run succeeded, after {times}.", "low")


def _quality_dropped(part: MessagePart, data: dict[str, Any]) -> Rendered:
    recent, before = data["recent"], data["before"]
    shares = (
        f"{recent['good']} of the last {recent['of']} runs were good, before them {before['good']} of {before['of']}."
    )
    return Rendered(f"{heartbeat_name(part)} is doing worse than before", f"{shares}\n{QUALITY}", "normal")


def _paused(part: MessagePart, data: dict[str, Any]) -> Rendered:
    reason = {"errors": "because it kept failing", "budget": "because its budget is used up"}[data["reason"]]
    # What the whole message says of what is next is in UTC, and short.
    message = HeartbeatPause(data["cause"]["code"], data["cause"]["detail"], data["cause"]["times"]).explanation
    is_probed = "probe_at" in data
    sooner = "" if "task" in data else "; enable it to have it run sooner"
    tried = f"It is tried again on {_when(part, data['probe_at'])}{sooner}." if is_probed else ""
    priority: Priority = "normal" if is_probed else "urgent"
    return Rendered(f"{heartbeat_name(part)} is paused {reason}", f"{message}\n{tried or data['resume']}", priority)


def _resumed(part: MessagePart, data: dict[str, Any]) -> Rendered:
    times = "at the first attempt" if data["probes"] == 1 else f"at attempt {data['probes']}"
    body = f"It was paused, was tried again and succeeded {times}. It runs by its schedule again."
    return Rendered(f"{heartbeat_name(part)} runs again", body, "low")


def _missed(part: MessagePart, data: dict[str, Any]) -> Rendered:
    last = _when(part, data["last"])
    if data["ticks"] == 1:
        body = f"One run was missed: nothing was there for it on {last}. That is over."
    else:
        gap = f"from {_when(part, data['first'], zone=False)} to {last}"
        body = f"{data['ticks']} runs were missed: nothing was there for them {gap}. That is over."
    return Rendered(f"{heartbeat_name(part)} did not run when it was due", body, "normal")


def _notified(part: MessagePart, data: dict[str, Any]) -> Rendered:
    return Rendered(data["title"], data["message"], data["priority"], data.get("action_url"))


def _approval(part: MessagePart, data: dict[str, Any]) -> Rendered:
    if data.get("reason") == BUDGET:
        return _park(part, data)
    until = _when(part, data["expires_at"])
    request = f"It asks to call {data['tool']}, and waits for a person's yes or no until {until}."
    # Of an earlier version, an event says nothing of why.
    why = f"\n{data['why']}" if "why" in data else ""
    body = f"{request} After that the answer is no.{why}"
    return Rendered(f"{heartbeat_name(part)} waits for your approval", body, "urgent")


def _park(part: MessagePart, data: dict[str, Any]) -> Rendered:
    """A run that waits for credits; those of the plan are not a person's to give."""
    amount = data["credits"]
    give = f"Give {amount} more and it goes on, or end it." if amount else "It can be ended."
    expires, renews = data["expires_at"], data["renews_at"]
    if renews is not None and renews < expires:
        then = f"With the new period, on {_when(part, renews)}, it goes on by itself."
    else:
        then = f"Without an answer by {_when(part, expires)} it ends."
    return Rendered(f"{heartbeat_name(part)} waits for credits", f"{data['why']}\n{give} {then}", "urgent")


def _tool_changed(part: MessagePart, data: dict[str, Any]) -> Rendered:
    tools = data["tools"]
    first, more = tools[0]["tool"], len(tools) - 1
    name, which = heartbeat_name(part), f"{first} and {more} more" if more else first
    lines = [_tool_change(tool) for tool in tools[:MAX_TOOLS]]
    body = "\n".join([*lines, ACCEPT.format(tools[0]["tool_id"])])
    if data.get("again"):
        return Rendered(f"{name}: its tool {which} is still not used, because it changed", body, "normal")
    return Rendered(f"{name}: its tool {which} changed and is not used any more", body, "normal")


def _tool_change(tool: dict[str, Any]) -> str:
    if tool["gone"]:
        return f"{tool['tool']} is not offered by its server any more."
    return f"{tool['tool']} is described in another way than when it was connected:\n{tool['difference']}"


def _sign_in_needed(part: MessagePart, data: dict[str, Any]) -> Rendered:
    label, sign_in = data["server_label"], SIGN_IN.format(data["tool_id"])
    if data["code"] == INSUFFICIENT_SCOPE:
        body = f"It wants more than it was granted: {', '.join(data['scopes'])}. What it was granted goes on to work."
        return Rendered(f"{part.bot.name}: {label} wants another permission", f"{body}\n{sign_in}", "normal")
    refused = f"Its authorization server does not take our sign-in any more ({data['code']})."
    body = f"{refused} {_who_waits(len(data['heartbeats']))}".strip()
    who = f"the subscriber {data['member_id']}" if "member_id" in data else "a person"
    return Rendered(f"{part.bot.name}: {who} has to sign in to {label} again", f"{body}\n{sign_in}", "urgent")


def _fell_back(part: MessagePart, data: dict[str, Any]) -> Rendered:
    first = f"{data['model']} does not answer ({data['reason']}), so {data['answered_by']} does in its place."
    return Rendered(f"{heartbeat_name(part)}: another model answers", f"{first}\n{MODEL}", "normal")


def _model_recovered(part: MessagePart, data: dict[str, Any]) -> Rendered:
    body = f"{data['model']} answers again, which it did not since {_when(part, data['since'])}."
    return Rendered(f"{heartbeat_name(part)}: its own model answers again", body, "low")


def _who_waits(heartbeats: int) -> str:
    if not heartbeats:
        return ""
    if heartbeats == 1:
        return "One heartbeat that uses it pauses when next due, and goes on once somebody has signed in."
    return f"{heartbeats} heartbeats that use it pause when next due, and go on once somebody has signed in."


def _gate_failed(part: MessagePart, data: dict[str, Any]) -> Rendered:
    body = f"{data['message']}\n{WITHOUT_GATE[data['on_error']]}"
    return Rendered(f"{heartbeat_name(part)}: its gate {data['source']} cannot be read", body, "normal")


def _gate_recovered(part: MessagePart, data: dict[str, Any]) -> Rendered:
    body = f"It could not be read since {_when(part, data['since'])}."
    return Rendered(f"{heartbeat_name(part)}: its gate {data['source']} can be read again", body, "low")


RENDERERS: dict[str, Callable[[MessagePart, dict[str, Any]], Rendered]] = {
    FINDING: _finding,
    FAILED: _failed,
    RECOVERED: _recovered,
    QUALITY_DROPPED: _quality_dropped,
    COSTLY: costly,
    BUDGET_THRESHOLD: budget_threshold,
    PAUSED: _paused,
    RESUMED: _resumed,
    MISSED: _missed,
    NOTIFIED: _notified,
    GATE_FAILED: _gate_failed,
    GATE_RECOVERED: _gate_recovered,
    APPROVAL: _approval,
    TOOL_CHANGED: _tool_changed,
    SIGN_IN_NEEDED: _sign_in_needed,
    FELL_BACK: _fell_back,
    MODEL_RECOVERED: _model_recovered,
}


def _when(part: MessagePart, instant: str, zone: bool = True) -> str:
    """Say an instant (ISO-8601) in the heartbeat's timezone, with its name if `zone` is set."""
    timezone = part.heartbeat.timezone
    time = spoken_time(datetime.fromisoformat(instant), ZoneInfo(timezone))
    return f"{time} ({timezone})" if zone else time


def _ids(part: MessagePart) -> dict[str, Any]:
    return {"event_id": part.event.uuid, "bot_id": part.bot.uuid, "heartbeat_id": part.heartbeat.uuid}


def _entry(part: MessagePart) -> dict[str, Any]:
    at = part.event.created_at.isoformat()
    return {**_ids(part), "kind": part.event.kind, "title": _rendered(part).title, "at": at}


def _names(parts: list[MessagePart]) -> str:
    names = list(dict.fromkeys(heartbeat_name(part) for part in parts))
    return names[0] if len(names) == 1 else f"{len(names)} heartbeats"


def _lines(lines: list[str], total: int) -> str:
    shown = [f"- {line}" for line in lines[:MAX_LINES]]
    left = total - len(shown)
    return "\n".join([*shown, *([f"and {left} more"] if left > 0 else [])])
