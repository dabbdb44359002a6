"""Configure: find the heartbeat that is meant, or make a new one; check it; write it.

One transaction, with the bot locked.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, bindparam, select

from heartbeat.domain.cadence.cron import CadenceError
from heartbeat.domain.cadence.ticks import Cadence
from heartbeat.domain.errors import Conflict, Invalid
from heartbeat.domain.gates import SealedHeaders, looks_elsewhere
from heartbeat.domain.heartbeat_fields import HeartbeatFields
from heartbeat.domain.ids import new_id
from heartbeat.domain.plans import Plan
from heartbeat.store.database.prepared import Prepared
from heartbeat.store.database.rows import built, columns, first
from heartbeat.store.heartbeats import states
from heartbeat.store.heartbeats.gate_columns import gate_columns, require_reading_tool
from heartbeat.store.heartbeats.gates import forget_outage
from heartbeat.store.heartbeats.heartbeats import (
    IS_HEARTBEAT,
    count_heartbeats,
    lock_bot,
)
from heartbeat.store.heartbeats.heartbeats import heartbeat as heartbeat_of
from heartbeat.store.heartbeats.plan_limits import require_gap, require_heartbeats, require_models, require_room
from heartbeat.store.heartbeats.tick_accounting import CADENCE
from heartbeat.store.projects.access import Access, as_public_id
from heartbeat.store.projects.members import subscriber
from heartbeat.store.tables.bots import Bot
from heartbeat.store.tables.heartbeats import DRAFT, Heartbeat

HEARTBEAT = columns(Heartbeat)

OF_BOT = select(HEARTBEAT).where(HEARTBEAT.c.bot_id == bindparam("bot"), IS_HEARTBEAT).order_by(HEARTBEAT.c.id).limit(1)
OF_PROMPT = OF_BOT.where(
    HEARTBEAT.c.prompt_hash == bindparam("hash"),
    HEARTBEAT.c.prompt == bindparam("prompt"),
    HEARTBEAT.c.member_id.is_not_distinct_from(bindparam("member", type_=HEARTBEAT.c.member_id.type)),
)
SAME_PROMPT, SAME_PROMPT_WITHOUT_KEY = Prepared(OF_PROMPT), Prepared(OF_PROMPT.where(HEARTBEAT.c.external_id.is_(None)))
SAME_KEY = Prepared(OF_BOT.where(HEARTBEAT.c.external_id == bindparam("external_id")))

# The columns that configure writes: the declared fields, and what follows from them.
COLUMNS = (*HeartbeatFields.model_fields, "prompt_hash", "anchor_at", "sealed_gate_headers")

# The defaults of a new heartbeat. To have pydantic look for them each time takes as long as the insertion.
NEW_FIELDS: dict[str, Any] = HeartbeatFields.model_construct(prompt="").model_dump()
NEW_ROW: dict[str, Any] = vars(Heartbeat.model_construct(**dict[str, Any]()))


@dataclass(frozen=True)
class ConfigureRequest:
    """What a configure asks for. `fields` has the `HeartbeatFields` that were sent, by name, and no others.

    `always_new`: none is meant that is there already, whatever its member and prompt. `draft` is the public id of the
    draft that becomes the heartbeat, if that is a new one. `gate_headers` are those that were sent with its gate.
    """

    fields: Mapping[str, Any]
    uuid: str | None = None
    member_key: str | None = None
    enabled: bool | None = None
    always_new: bool = False
    draft: str | None = None
    gate_headers: SealedHeaders | None = None

    @property
    def prompt(self) -> str:
        prompt: str = self.fields["prompt"]
        return prompt

    @property
    def external_id(self) -> str | None:
        return self.fields.get("external_id")


def configure(connection: Connection, access: Access, request: ConfigureRequest, now: datetime) -> Heartbeat:
    """Create or change what `request` means and return it; raises `NotFound`, `Forbidden`, `Invalid` or `Conflict`."""
    bot = lock_bot(connection, access.bot)
    require_heartbeats(access.project, access.plan, bot)
    resolved = resolve(connection, bot, access.plan, request, now)
    if resolved.heartbeat is None and access.plan.heartbeats_per_bot is not None:
        require_room(access.project, access.plan, count_heartbeats(connection, bot))
    require_gap(access.project, access.plan, resolved.cadence)
    require_models(access.project, access.plan, resolved.models(bot))
    require_reading_tool(connection, bot, request.fields.get("gate"))
    if resolved.heartbeat is None:
        return _insert(connection, bot, resolved, request, now)
    changes = {name: value for name, value in resolved.after.items() if value != resolved.before[name]}
    heartbeat = states.change(connection, resolved.heartbeat, changes, request.enabled, now)
    if looks_elsewhere(resolved.before["gate"], heartbeat.gate):
        forget_outage(connection, heartbeat.id)
    return heartbeat


@dataclass(frozen=True)
class Resolved:
    """What a request comes to: the heartbeat it means (`None`: a new one), and its `COLUMNS` before and after."""

    heartbeat: Heartbeat | None
    member_id: int | None
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    cadence: Cadence

    def models(self, bot: Bot | None) -> list[str | None]:
        """The models that it would ask, as they are named; the first is that of its bot if it has none of its own."""
        return [self.after["model"] or (bot.model if bot else None), *self.after["fallback_models"]]


def resolve(connection: Connection, bot: Bot, plan: Plan, request: ConfigureRequest, now: datetime) -> Resolved:
    """Find the heartbeat that is meant and work out what it would be. Writes nothing; raises as `configure` does."""
    member_id = subscriber(connection, bot, request.member_key).id if request.member_key else None
    heartbeat = None if request.always_new else _meant(connection, bot, member_id, request)
    _keep_apart(connection, bot, heartbeat, request)
    if heartbeat is None:
        return replace(resolve_new(plan, request, now), member_id=member_id)
    _keep_member(heartbeat, member_id, request)
    before = {name: getattr(heartbeat, name) for name in COLUMNS}
    after = _applied(before, request, now)
    _require_tools(after)
    return Resolved(heartbeat, member_id, before, after, _cadence(after))


def resolve_new(plan: Plan, request: ConfigureRequest, now: datetime) -> Resolved:
    """Work out what a new heartbeat would be, of a bot that need not be there yet; raises `Invalid`."""
    before = _new_columns(plan, request.prompt, now)
    after = _applied(before, request, now)
    _require_tools(after)
    return Resolved(None, None, before, after, _cadence(after))


def draft_of(connection: Connection, project_id: int, uuid: str | None) -> Heartbeat | None:
    """The project's draft with this public id, locked; `None` when it has become a heartbeat, or never was one."""
    if uuid is None:
        return None
    named = (HEARTBEAT.c.uuid == as_public_id(uuid)) & (HEARTBEAT.c.project_id == project_id)
    drafts = select(HEARTBEAT).where(named, HEARTBEAT.c.type == DRAFT)
    return first(connection, Heartbeat, drafts.with_for_update(key_share=True))


def new_row(bot: Bot, resolved: Resolved) -> Heartbeat:
    """The heartbeat that a request makes anew, not written yet."""
    whose = {"project_id": bot.project_id, "bot_id": bot.id, "member_id": resolved.member_id}
    fields = {**NEW_ROW, **resolved.after, **whose, "uuid": new_id("hb")}
    return built(Heartbeat, fields.keys(), fields.values())


def _meant(connection: Connection, bot: Bot, member_id: int | None, request: ConfigureRequest) -> Heartbeat | None:
    """By uuid, else by external id, else by member and prompt; a key of its own sets a heartbeat apart from others."""
    if request.uuid:
        return heartbeat_of(connection, bot, request.uuid)
    prompt = {"bot": bot.id, "member": member_id, "hash": _hash(request.prompt), "prompt": request.prompt}
    if request.external_id is None:
        return first(connection, Heartbeat, SAME_PROMPT, prompt)
    same_key = first(connection, Heartbeat, SAME_KEY, {"bot": bot.id, "external_id": request.external_id})
    return same_key or first(connection, Heartbeat, SAME_PROMPT_WITHOUT_KEY, prompt)


def _keep_member(heartbeat: Heartbeat, member_id: int | None, request: ConfigureRequest) -> None:
    """A heartbeat stays with its member, because its logs are counted there."""
    if request.member_key and heartbeat.member_id != member_id:
        raise Invalid(
            "member_id", f"heartbeat {heartbeat.uuid} belongs to another member; configure a new one for this member"
        )


def _keep_apart(connection: Connection, bot: Bot, heartbeat: Heartbeat | None, request: ConfigureRequest) -> None:
    """Two heartbeats of a bot cannot share an external id."""
    if request.external_id is None:
        return
    others = select(HEARTBEAT.c.uuid).where(
        HEARTBEAT.c.bot_id == bot.id, HEARTBEAT.c.external_id == request.external_id, IS_HEARTBEAT
    )
    if heartbeat is not None:
        others = others.where(HEARTBEAT.c.id != heartbeat.id)
    if (other := connection.execute(others).scalar()) is not None:
        raise Conflict(
            "external_id_taken", f"The external_id belongs to heartbeat {other} of this bot; choose another."
        )


def _new_columns(plan: Plan, prompt: str, now: datetime) -> dict[str, Any]:
    """A heartbeat of which only the prompt is known."""
    interval_minutes = max(NEW_FIELDS["interval_minutes"], plan.min_interval_minutes)
    of_plan = {"interval_minutes": interval_minutes, "jitter_seconds": plan.jitter_seconds}
    return NEW_FIELDS | of_plan | {"prompt": prompt, "anchor_at": now, "sealed_gate_headers": None}


def _applied(before: Mapping[str, Any], request: ConfigureRequest, now: datetime) -> dict[str, Any]:
    """What was left out stays as it was; a cron pattern and an interval replace each other."""
    after = {**before, **request.fields, "prompt_hash": _hash(request.prompt)}
    if "gate" in request.fields:
        after |= gate_columns(request.fields["gate"], request.gate_headers, before)
    if "cron_pattern" in request.fields:
        after["interval_minutes"] = None
    elif "interval_minutes" in request.fields:
        after["cron_pattern"] = None
    if after["interval_minutes"] != before["interval_minutes"]:
        after["anchor_at"] = now
    return after


def _require_tools(columns: Mapping[str, Any]) -> None:
    """Raises `Invalid` where an agent that has no tools is expected to call some."""
    expect = columns["expect"] or {}
    part = next((part for part in ("report", "called") if expect.get(part)), None)
    if part is not None and columns["chat_mode"] == "ask":
        raise Invalid(f"expect.{part}", "with chat_mode ask it has no tools, and cannot call any")


def _cadence(columns: Mapping[str, Any]) -> Cadence:
    try:
        return Cadence(**{name: columns[name] for name in CADENCE}, anchor=columns["anchor_at"]).validated()
    except CadenceError as problem:
        raise Invalid(problem.field, problem.message) from None


def _insert(
    connection: Connection, bot: Bot, resolved: Resolved, request: ConfigureRequest, now: datetime
) -> Heartbeat:
    heartbeat, enabled = new_row(bot, resolved), bool(request.enabled)
    draft = draft_of(connection, bot.project_id, request.draft)
    if draft is None:
        return states.create(connection, heartbeat, enabled, now)
    return states.adopt(connection, draft, heartbeat, enabled, now)


def _hash(prompt: str) -> str:
    return sha256(prompt.encode()).hexdigest()
