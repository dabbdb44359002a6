"""Drafts: rows that the rehearsals of a heartbeat belong to before it is saved. Saving makes the heartbeat of one."""

import re
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection, select

from heartbeat.domain.ids import ALPHABET, new_id
from heartbeat.store.database.rows import columns, exactly_one
from heartbeat.store.heartbeats import states
from heartbeat.store.heartbeats.configure import ConfigureRequest, draft_of, new_row, resolve_new
from heartbeat.store.heartbeats.plan_limits import require_heartbeats, require_models
from heartbeat.store.projects.access import Access
from heartbeat.store.projects.members import subscriber
from heartbeat.store.tables.bots import Bot
from heartbeat.store.tables.heartbeats import Heartbeat

BOT, HEARTBEAT = columns(Bot), columns(Heartbeat)

NEW_ID = re.compile(f"hb_[{ALPHABET}]{{20}}")


def write_draft(connection: Connection, access: Access, request: ConfigureRequest, now: datetime) -> Heartbeat:
    """Write what `request` asks for as a draft of the bot, with the id that it names, or over the draft that has it.

    Raises as `configure` does, but not for what only keeps a heartbeat from being saved: how many there are, how close
    its ticks are, an external id that is taken.
    """
    require_heartbeats(access.project, access.plan, access.bot)
    member = subscriber(connection, access.bot, request.member_key) if request.member_key else None
    resolved = resolve_new(access.plan, request, now)
    require_models(access.project, access.plan, resolved.models(access.bot))
    heartbeat = new_row(access.bot, replace(resolved, member_id=member.id if member else None))
    draft = draft_of(connection, access.project.id, request.draft)
    if draft is not None:
        return states.redraft(connection, draft, heartbeat, now)
    if request.draft is not None and _is_free(connection, request.draft):
        heartbeat = Heartbeat.model_construct(**{**vars(heartbeat), "uuid": request.draft})
    return states.draft(connection, heartbeat, now)


def _is_free(connection: Connection, uuid: str) -> bool:
    """Whether this is an id as heartbeats have them, and no row has it."""
    taken = select(HEARTBEAT.c.id).where(HEARTBEAT.c.uuid == uuid)
    return NEW_ID.fullmatch(uuid) is not None and connection.execute(taken).first() is None


def unsaved_bot(connection: Connection, access: Access, draft_uuid: str | None, name: str, now: datetime) -> Bot:
    """Return a bot for the draft of a heartbeat whose bot is not saved either: the draft's own, or a new one.

    Its row is deleted from the beginning, so nothing lists it. What it says and which model it has stands in the
    variants of its rehearsals, which move to the bot that the heartbeat is saved for.
    """
    draft = draft_of(connection, access.project.id, draft_uuid)
    if draft is not None:
        bot = exactly_one(connection, Bot, select(BOT).where(BOT.c.id == draft.bot_id))
        if bot.deleted_at is not None:
            return bot
    bot = Bot(
        uuid=new_id("bot"),
        project_id=access.project.id,
        name=name,
        heartbeat=True,
        created_at=now,
        updated_at=now,
        deleted_at=now,
    )
    return exactly_one(connection, Bot, BOT.insert().values(**bot.model_dump(exclude={"id"})).returning(BOT))
