"""Who asks, and for which bot: a key's project and one of its bots, found by one statement."""

import re
from dataclasses import dataclass
from functools import cached_property

from sqlalchemy import Connection, and_, bindparam, select

from heartbeat.errors import NotFound
from heartbeat.store.database import columns
from heartbeat.store.projects import digest
from heartbeat.store.tables import ApiKey, Bot, Project

KEY, PROJECT, BOT = columns(ApiKey), columns(Project), columns(Bot)
PROJECT_NAMES = [column.name for column in PROJECT.c]
BOT_NAMES = [column.name for column in BOT.c]

PUBLIC_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")
LARGEST_ID = 2**31 - 1

# Built once: putting such a statement together costs more than running it.
_OPENED = (KEY.c.hash == bindparam("hash")) & KEY.c.revoked_at.is_(None)
_JOINED = select(PROJECT, *(column.label(f"bot_{column.name}") for column in BOT.c)).select_from(
    KEY.join(PROJECT, PROJECT.c.id == KEY.c.project_id).outerjoin(
        BOT,
        and_(BOT.c.project_id == PROJECT.c.id, BOT.c.deleted_at.is_(None), BOT.c.uuid == bindparam("bot")),
    )
)
BY_UUID = _JOINED.where(_OPENED)
BY_NUMBER = (
    select(PROJECT, *(column.label(f"bot_{column.name}") for column in BOT.c))
    .select_from(
        KEY.join(PROJECT, PROJECT.c.id == KEY.c.project_id).outerjoin(
            BOT,
            and_(BOT.c.project_id == PROJECT.c.id, BOT.c.deleted_at.is_(None), BOT.c.id == bindparam("bot")),
        )
    )
    .where(_OPENED)
)
