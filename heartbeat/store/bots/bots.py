"""Bots: made, listed, changed, deleted. What happens to a bot's heartbeats with it happens in the same transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, func, select, update

from heartbeat.domain.ids import new_id
from heartbeat.store.audit.recording import field_changes, record
from heartbeat.store.database.pages import Page
from heartbeat.store.database.rows import columns, exactly_one, many
from heartbeat.store.heartbeats.heartbeats import delete_heartbeats, lock_bot, rename, switch_flag
from heartbeat.store.heartbeats.plan_limits import require_models
from heartbeat.store.memory.memory import forget_all
from heartbeat.store.notifications.targets import TARGET, delete_targets
from heartbeat.store.projects.access import Access
from heartbeat.store.tables.bots import Bot, Tool
from heartbeat.store.tables.heartbeats import Heartbeat

BOT, HEARTBEAT, TOOL = columns(Bot), columns(Heartbeat), columns(Tool)


@dataclass(frozen=True)
class BotChange:
    """A bot after a write, and the public ids of the heartbeats whose schedules must follow."""

    bot: Bot
    heartbeats: list[str]


def create_bot(connection: Connection, access: Access, fields: Mapping[str, Any], now: datetime) -> Bot:
    """Insert a bot; `fields` are columns by name, `name` among them. Raises `Forbidden`."""
    require_models(access.project, access.plan, [fields.get("model")])
    defaults = {"attributes": {}, **fields}
    identity = {"uuid": new_id("bot"), "project_id": access.project.id, "created_at": now, "updated_at": now}
    values = Bot.model_construct(**(defaults | identity)).model_dump(exclude={"id"})
    bot = exactly_one(connection, Bot, BOT.insert().values(**values).returning(BOT))
    _record(connection, "create", bot, {**fields})
    return bot


def bots(connection: Connection, access: Access, page: Page) -> tuple[list[Bot], int]:
    """Read one page of a project's bots, oldest first, and how many there are in all."""
    of_project = (BOT.c.project_id == access.project.id) & BOT.c.deleted_at.is_(None)
    total = connection.execute(select(func.count()).select_from(BOT).where(of_project)).scalar_one()
    in_order = select(BOT).where(of_project).order_by(BOT.c.id).limit(page.size).offset(page.offset)
    return many(connection, Bot, in_order), total


def with_tools(connection: Connection, some_bots: Sequence[Bot]) -> frozenset[str]:
    """Return the public ids of those bots that have a tool server connected and switched on."""
    uuids = {bot.id: bot.uuid for bot in some_bots}
    rows = select(TOOL.c.bot_id).where(TOOL.c.bot_id.in_(uuids), TOOL.c.is_enabled).distinct()
    return frozenset(uuids[bot_id] for bot_id in connection.execute(rows).scalars())


def update_bot(
    connection: Connection, access: Access, fields: Mapping[str, Any], attributes: Mapping[str, Any], now: datetime
) -> BotChange:
    """Write the columns in `fields` and the published `attributes` given; raises `NotFound` and `Forbidden`."""
    require_models(access.project, access.plan, [fields.get("model")])
    bot = lock_bot(connection, access.bot)
    values = {**fields, "attributes": {**bot.attributes, **attributes}, "updated_at": now}
    changed = exactly_one(connection, Bot, update(BOT).where(BOT.c.id == bot.id).values(values).returning(BOT))
    _record(connection, "update", bot, {**fields, "attributes": changed.attributes})
    heartbeats = switch_flag(connection, bot, changed.heartbeat, now) if changed.heartbeat != bot.heartbeat else []
    if changed.name != bot.name:
        heartbeats = rename(connection, bot)
    return BotChange(changed, heartbeats)


def reset_bot(connection: Connection, access: Access) -> int:
    """Forget everything that a bot and its members remember; returns how many memories those were."""
    _record(connection, "reset", access.bot)
    return forget_all(connection, access.bot)


def delete_bot(connection: Connection, access: Access, now: datetime) -> BotChange:
    """Delete a bot, its heartbeats, tools, targets and memories; logs and ledger stay. Raises `NotFound`."""
    bot = lock_bot(connection, access.bot)
    connection.execute(update(BOT).where(BOT.c.id == bot.id).values(deleted_at=now, heartbeat=False, updated_at=now))
    _record(connection, "delete", bot)
    connection.execute(delete(TOOL).where(TOOL.c.bot_id == bot.id))
    delete_targets(connection, TARGET.c.bot_id == bot.id, now)
    forget_all(connection, bot)
    return BotChange(bot, delete_heartbeats(connection, HEARTBEAT.c.bot_id == bot.id, now))


def _record(connection: Connection, verb: str, bot: Bot, fields: Mapping[str, Any] | None = None) -> None:
    before = {} if verb == "create" else vars(bot)
    changes = field_changes(before, fields or {})
    record(connection, bot.project_id, f"bot.{verb}", bot.uuid, bot.name, changes)
