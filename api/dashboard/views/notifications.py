"""What pages show of messages and of where they go: rows in, words out. No secret is opened for them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from api.dashboard.sentences import translate
from api.dashboard.translations import gettext as _
from api.dashboard.translations import marked
from api.dashboard.views import formats
from api.dashboard.views.formats import Moment, moment
from heartbeat.notifications.rendering import render_event
from heartbeat.store.database.rows import built
from heartbeat.store.notifications.events import APPROVAL
from heartbeat.store.notifications.messages import ListedNotification
from heartbeat.store.notifications.outbox import MessagePart
from heartbeat.store.notifications.targets import ListedTarget
from heartbeat.store.tables.bots import Bot
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.notifications import Notification

BODY = 240
SECRET = marked("an address that is kept secret")


@dataclass(frozen=True)
class TargetView:
    """One target. `where` is what may be shown of its address, `trouble` why nothing arrives."""

    uuid: str
    name: str
    channel: str
    where: str
    owner: str
    events: str
    cooldown: str | None
    enabled: bool
    trouble: str


@dataclass(frozen=True)
class NotificationView:
    """One message for one target, and what became of it. `link` leads to what it is about."""

    title: str
    body: str
    status: str
    story: str
    error: str | None
    target: str
    channel: str
    at: Moment
    link: str | None


def target_view(listed: ListedTarget, trouble: str | None) -> TargetView:
    """Show a target; `trouble` is what went wrong with its newest message, if anything did."""
    row = listed.target
    owner = (
        _("of a subscriber")
        if listed.member_uuid
        else _("of one heartbeat")
        if listed.heartbeat_uuid
        else _("of one bot")
        if listed.bot_uuid
        else _("of the whole project")
    )
    return TargetView(
        uuid=row.uuid,
        name=row.name,
        channel=_(formats.CHANNEL.get(row.channel, row.channel)),
        where=where_to(row.config),
        owner=owner,
        events=_("Everything")
        if row.events is None
        else ", ".join(_(formats.EVENT.get(kind, kind)) for kind in row.events),
        cooldown=formats.span(row.cooldown_seconds) if row.cooldown_seconds else None,
        enabled=row.is_enabled,
        trouble=translate((trouble if row.is_enabled else row.disabled_reason) or ""),
    )


def where_to(config: dict[str, Any]) -> str:
    """Return what may be shown of a target's address: of a URL no query, for that may hold a token."""
    if "to" in config:
        return str(config["to"])
    if "chat_id" in config:
        return _("chat {id}").format(id=config["chat_id"])
    if "name" in config:
        return _("the operator's {name}").format(name=formats.isolated(config["name"]))
    url = urlsplit(str(config.get("url") or config.get("server") or ""))
    if not url.hostname:
        return _(SECRET)
    return f"{url.hostname}{f':{url.port}' if url.port else ''}{url.path.rstrip('/')}"


def notification_view(listed: ListedNotification, now: datetime) -> NotificationView:
    """Show a message in the words it was sent with, with its time in its heartbeat's time zone."""
    row, event, run = listed.notification, listed.event, listed.event.data.get("run")
    heartbeat = built(Heartbeat, ["label", "timezone"], [listed.label, listed.timezone])
    bot = built(Bot, ["name"], [listed.bot_name])
    title, body = render_event(MessagePart(row, event, heartbeat, bot))
    if event.kind == APPROVAL:
        # The rest tells programs where to ask.
        body = _("It asks to call {tool}.").format(tool=formats.isolated(formats.tool(event.data["tool"])))
    return NotificationView(
        title=formats.isolated(translate(title)),
        body=formats.isolated(formats.start(translate(body), BODY)),
        status=row.status,
        story=story(row, now) + _lost(row),
        error=translate(row.last_error or "") if row.status != "delivered" else None,
        target=listed.target.name,
        channel=_(formats.CHANNEL.get(listed.target.channel, listed.target.channel)),
        at=moment(event.created_at, ZoneInfo(listed.timezone), now),
        link="/approvals" if event.kind == APPROVAL else f"/runs/{run}" if run else None,
    )


def _lost(row: Notification) -> str:
    if not row.lost_attempts:
        return ""
    return "; " + _("of {attempts} nobody knows whether it arrived").format(
        attempts=formats.count(row.lost_attempts, "attempt")
    )


def story(row: Notification, now: datetime) -> str:
    """Say what became of a message, in a sentence or less."""
    again = (
        formats.relative(row.next_attempt_at, now) if row.next_attempt_at and row.next_attempt_at > now else _("now")
    )
    tries = formats.count(row.attempts, "attempt")
    if row.summary_id is not None:
        return _("told in a summary") if row.status == "delivered" else _("part of a summary")
    if row.status == "delivered":
        took = formats.relative(row.delivered_at, now) if row.delivered_at else ""
        return _("{time}, at attempt {number}").format(time=took, number=row.attempts) if row.attempts > 1 else took
    if row.status == "failed":
        return _("given up after {attempts}").format(attempts=tries) if row.attempts else _("never sent")
    if row.status == "held":
        return _("for a summary, {time}").format(time=again)
    if row.attempts:
        return _("{attempts} so far, the next {time}").format(attempts=tries, time=again)
    return _("its first attempt is due {time}").format(time=again)
