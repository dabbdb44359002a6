"""Who asks, and for which bot: a key's project and one of its bots, found by one statement."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, bindparam, select

from heartbeat.errors import NotFound
from heartbeat.store.database import columns
from heartbeat.store.projects import digest
from heartbeat.store.tables import ApiKey, Bot, Project

KEY, PROJECT, BOT = columns(ApiKey), columns(Project), columns(Bot)
PROJECT_NAMES = [column.name for column in PROJECT.c]
BOT_NAMES = [column.name for column in BOT.c]

PUBLIC_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")
LARGEST_NUMBER = 2**31 - 1


@dataclass(frozen=True)
class Access:
    """What a key opens: its project, and the bot that was asked for if the project has it."""

    project: Project
    found_bot: Bot | None
    bot_key: str

    @property
    def bot(self) -> Bot:
        """The bot that was asked for; raises `NotFound`."""
        if self.found_bot is None:
            raise NotFound("bot", self.bot_key[:64])
        return self.found_bot


def access(connection: Connection, secret: str, bot_key: str = "") -> Access | None:
    """What `secret` opens; `None` when it is unknown or revoked. `bot_key` is a bot's public id or its number."""
    number = as_number(bot_key)
    if number is not None:
        row = connection.execute(BY_NUMBER, {"hash": digest(secret), "bot": number}).first()
    else:
        row = connection.execute(BY_UUID, {"hash": digest(secret), "bot": as_public_id(bot_key)}).first()
    if row is None:
        return None
    project = Project.model_construct(**dict(zip(PROJECT_NAMES, row, strict=False)))
    return Access(project, _bot(row[len(PROJECT_NAMES) :]), bot_key)


def as_number(key: str) -> int | None:
    """The integer a client may write instead of a public id, or `None`."""
    if key.isascii() and key.isdigit() and len(key) <= 10 and int(key) <= LARGEST_NUMBER:
        return int(key)
    return None


def as_public_id(key: str) -> str:
    """The key itself if it can be a public id at all, else one that nothing has: databases choke on odd characters."""
    return key if PUBLIC_ID.fullmatch(key) else ""


def _bot(values: Sequence[Any]) -> Bot | None:
    return None if values[0] is None else Bot.model_construct(**dict(zip(BOT_NAMES, values, strict=True)))


def _statement(matches: ColumnElement[bool]) -> Select[Any]:
    """Built once for each way to name a bot: putting such a statement together costs more than running it."""
    of_project = (BOT.c.project_id == PROJECT.c.id) & BOT.c.deleted_at.is_(None) & matches
    return (
        select(PROJECT, *(column.label(f"bot_{column.name}") for column in BOT.c))
        .select_from(KEY.join(PROJECT, PROJECT.c.id == KEY.c.project_id).outerjoin(BOT, of_project))
        .where(KEY.c.hash == bindparam("hash"), KEY.c.revoked_at.is_(None))
    )


BY_UUID = _statement(BOT.c.uuid == bindparam("bot"))
BY_NUMBER = _statement(BOT.c.id == bindparam("bot"))
