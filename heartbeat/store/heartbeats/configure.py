"""Configure: find the heartbeat that is meant, or make it; check it; write it. One transaction, the bot locked."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, select

from heartbeat.domain.cadence.cron import CadenceError
from heartbeat.domain.cadence.ticks import Cadence
from heartbeat.domain.errors import Conflict, Invalid
from heartbeat.domain.failure_policy import no_more_probes
from heartbeat.domain.ids import new_id
from heartbeat.settings import Plan
from heartbeat.store.heartbeats.heartbeats import (
    CADENCE,
    IS_HEARTBEAT,
    NEXT_VERSION,
    change,
    count_heartbeats,
    disabling,
    enabling,
    heartbeat,
    lock_bot,
)
from heartbeat.store.heartbeats.plan_limits import require_gap, require_heartbeats, require_room
from heartbeat.store.projects.access import Access
from heartbeat.store.projects.members import subscriber
from heartbeat.store.rows import columns, exactly_one, first
from heartbeat.store.tables.bots import Bot
from heartbeat.store.tables.heartbeats import Heartbeat

HEARTBEAT = columns(Heartbeat)

USUAL_INTERVAL = 30
# What a schedule is made from: the beginning of the prompt is its summary.
SCHEDULED = {*CADENCE, "anchor_at", "prompt", "jitter_seconds"}
LIMITS = (
    "approval_timeout_hours",
    "credit_budget",
    "max_consecutive_errors",
    "max_steps",
    "run_timeout_seconds",
    "auto_resume",
    "chat_mode",
)
FIELDS = (*SCHEDULED, *LIMITS, "prompt_hash", "external_id", "label", "catch_up")


@dataclass(frozen=True)
class ConfigureRequest:
    """What a configure asks for. `fields` are the columns it gives, by name; what was left out is not in it."""

    fields: Mapping[str, Any]
    uuid: str | None = None
    member_key: str | None = None
    enabled: bool | None = None

    @property
    def prompt(self) -> str:
        prompt: str = self.fields["prompt"]
        return prompt

    @property
    def external_id(self) -> str | None:
        return self.fields.get("external_id")


def configure(connection: Connection, access: Access, plan: Plan, wish: ConfigureRequest, now: datetime) -> Heartbeat:
    """The heartbeat as it is then; raises `NotFound`, `Forbidden`, `Invalid` or `Conflict`."""
    bot = lock_bot(connection, access.bot)
    require_heartbeats(access.project, plan, bot)
    meant = intended(connection, bot, plan, wish, now)
    if meant.there is None:
        require_room(access.project, plan, count_heartbeats(connection, bot))
    require_gap(access.project, plan, meant.cadence)
    if meant.there is None:
        return _insert(connection, bot, meant.member_id, meant.after, bool(wish.enabled), now)
    changes = _changes(meant.there, meant.before, meant.after, wish.enabled, now)
    return change(connection, meant.there, changes, now)


@dataclass(frozen=True)
class Resolved:
    """What a wish comes to: the heartbeat it means (`None`: a new one), and its fields before and after."""

    there: Heartbeat | None
    member_id: int | None
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    cadence: Cadence


def intended(connection: Connection, bot: Bot, plan: Plan, wish: ConfigureRequest, now: datetime) -> Resolved:
    """Find what is meant and work out what it would be; nothing is written. Raises as `configure` does."""
    member_id = subscriber(connection, bot, wish.member_key).id if wish.member_key else None
    there = _meant(connection, bot, member_id, wish)
    if there is not None:
        _keep_apart(connection, there, member_id, wish)
    before = {name: getattr(there, name) for name in FIELDS} if there else _fresh(plan, now)
    after = _applied(before, wish, now)
    return Resolved(there, member_id, before, after, _cadence(after))


def _meant(connection: Connection, bot: Bot, member_id: int | None, wish: ConfigureRequest) -> Heartbeat | None:
    """By uuid, else by external id, else by member and prompt; a key of its own sets a heartbeat apart from others."""
    if wish.uuid:
        return heartbeat(connection, bot, wish.uuid)
    of_bot = select(HEARTBEAT).where(HEARTBEAT.c.bot_id == bot.id, IS_HEARTBEAT).order_by(HEARTBEAT.c.id).limit(1)
    same = of_bot.where(
        HEARTBEAT.c.prompt_hash == _hash(wish.prompt),
        HEARTBEAT.c.prompt == wish.prompt,
        HEARTBEAT.c.member_id.is_not_distinct_from(member_id),
    )
    if wish.external_id is None:
        return first(connection, Heartbeat, same)
    mine = first(connection, Heartbeat, of_bot.where(HEARTBEAT.c.external_id == wish.external_id))
    return mine or first(connection, Heartbeat, same.where(HEARTBEAT.c.external_id.is_(None)))


def _keep_apart(connection: Connection, there: Heartbeat, member_id: int | None, wish: ConfigureRequest) -> None:
    """A heartbeat stays with its member, because its logs are counted there; two cannot share an external id."""
    if wish.member_key and there.member_id != member_id:
        raise Invalid(
            "member_id", f"heartbeat {there.uuid} belongs to another member; configure a new one for this member"
        )
    if wish.external_id is None:
        return
    others = select(HEARTBEAT.c.uuid).where(
        HEARTBEAT.c.bot_id == there.bot_id,
        HEARTBEAT.c.external_id == wish.external_id,
        HEARTBEAT.c.id != there.id,
        IS_HEARTBEAT,
    )
    if (other := connection.execute(others).scalar()) is not None:
        raise Conflict(
            "external_id_taken", f"The external_id belongs to heartbeat {other} of this bot; choose another."
        )


def _fresh(plan: Plan, now: datetime) -> dict[str, Any]:
    """A heartbeat about which nothing was said."""
    usual = {
        "timezone": "UTC",
        "max_consecutive_errors": 5,
        "catch_up": "once",
        "jitter_seconds": 0,
        "max_steps": 20,
        "approval_timeout_hours": 24,
        "auto_resume": True,
        "chat_mode": "agent",
        "anchor_at": now,
        "interval_minutes": max(USUAL_INTERVAL, plan.min_interval_minutes),
    }
    return dict.fromkeys(FIELDS) | usual


def _applied(before: Mapping[str, Any], wish: ConfigureRequest, now: datetime) -> dict[str, Any]:
    """The fields as wished: what was left out stays; a cron pattern and an interval replace each other."""
    after = {**before, **wish.fields, "prompt_hash": _hash(wish.prompt)}
    if "cron_pattern" in wish.fields:
        after["interval_minutes"] = None
    elif "interval_minutes" in wish.fields:
        after["cron_pattern"] = None
    if after["interval_minutes"] != before["interval_minutes"]:
        after["anchor_at"] = now
    return after


def _cadence(fields: Mapping[str, Any]) -> Cadence:
    try:
        return Cadence(**{name: fields[name] for name in CADENCE}, anchor=fields["anchor_at"]).validated()
    except CadenceError as problem:
        raise Invalid(problem.field, problem.message) from None


def _insert(
    connection: Connection, bot: Bot, member_id: int | None, fields: Mapping[str, Any], enabled: bool, now: datetime
) -> Heartbeat:
    fresh = Heartbeat.model_construct(
        **fields,
        uuid=new_id("hb"),
        project_id=bot.project_id,
        bot_id=bot.id,
        member_id=member_id,
        enabled=enabled,
        accounted_until=now,
        next_tick_at=_cadence(fields).next_after(now),
        created_at=now,
        updated_at=now,
    )
    statement = HEARTBEAT.insert().values(**fresh.model_dump(exclude={"id"})).returning(HEARTBEAT)
    return exactly_one(connection, Heartbeat, statement)


def _changes(
    there: Heartbeat, before: Mapping[str, Any], after: Mapping[str, Any], enabled: bool | None, now: datetime
) -> dict[str, Any]:
    changes = {name: value for name, value in after.items() if value != before[name]}
    if SCHEDULED & changes.keys():
        changes["version"] = NEXT_VERSION
    if changes.get("auto_resume") is False and there.probe_at is not None:
        told = no_more_probes(there.pause_message)
        changes |= {"probe_at": None, "pause_message": told, "version": NEXT_VERSION}
    if enabled is None:
        return changes
    return changes | (enabling(there) if enabled else disabling(there))


def _hash(prompt: str) -> str:
    return sha256(prompt.encode()).hexdigest()
