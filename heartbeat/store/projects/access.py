"""Who asks, and about what: a key's project, one of its bots and one of that bot's heartbeats, by one statement."""

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import Connection, Select, bindparam, select

from heartbeat.domain.errors import NotFound
from heartbeat.store.projects.projects import digest
from heartbeat.store.rows import built, columns
from heartbeat.store.tables.bots import Bot
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.projects import ApiKey, Project

KEY, PROJECT, BOT, HEARTBEAT = columns(ApiKey), columns(Project), columns(Bot), columns(Heartbeat)

PROJECT_NAMES, BOT_NAMES, HEARTBEAT_NAMES = PROJECT.c.keys(), BOT.c.keys(), HEARTBEAT.c.keys()
BOT_BEGINS = len(PROJECT_NAMES)
HEARTBEAT_BEGINS = BOT_BEGINS + len(BOT_NAMES)

PUBLIC_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")
LARGEST_NUMBER = 2**31 - 1


@dataclass(frozen=True)
class Access:
    """What a key opens: its project, and of what was asked for the bot and the heartbeat that are there."""

    project: Project
    found_bot: Bot | None
    found_heartbeat: Heartbeat | None
    bot_key: str
    heartbeat_key: str

    @property
    def bot(self) -> Bot:
        """The bot that was asked for; raises `NotFound`."""
        if self.found_bot is None:
            raise NotFound("bot", self.bot_key[:64])
        return self.found_bot

    @property
    def heartbeat(self) -> Heartbeat:
        """The bot's heartbeat that was asked for; raises `NotFound`."""
        return self._of_type("heartbeat", {"heartbeat"})

    @property
    def task(self) -> Heartbeat:
        """The bot's scheduled task that was asked for, one that has ended too; raises `NotFound`."""
        return self._of_type("task", {"scheduled_task"})

    @property
    def heartbeat_or_task(self) -> Heartbeat:
        """Whichever of the two was asked for; raises `NotFound`."""
        return self._of_type("heartbeat", {"heartbeat", "scheduled_task"})

    def _of_type(self, noun: str, types: set[str]) -> Heartbeat:
        if self.bot and (self.found_heartbeat is None or self.found_heartbeat.type not in types):
            raise NotFound(noun, self.heartbeat_key[:64])
        assert self.found_heartbeat is not None
        return self.found_heartbeat


def access(connection: Connection, secret: str, bot_key: str = "", heartbeat_key: str = "") -> Access | None:
    """What `secret` opens; `None` when it is unknown or revoked.

    `bot_key` is a bot's public id or its number, `heartbeat_key` a heartbeat's public id; empty asks for none.
    """
    number = as_number(bot_key)
    given = {"hash": digest(secret), "bot": as_public_id(bot_key) if number is None else number}
    if heartbeat_key:
        given["heartbeat"] = as_public_id(heartbeat_key)
    row = connection.execute(_statement(number is not None, bool(heartbeat_key)), given).first()
    if row is None:
        return None
    project, bot, heartbeat = row[:BOT_BEGINS], row[BOT_BEGINS:HEARTBEAT_BEGINS], row[HEARTBEAT_BEGINS:]
    return Access(
        built(Project, PROJECT_NAMES, project),
        built(Bot, BOT_NAMES, bot) if bot[0] else None,
        built(Heartbeat, HEARTBEAT_NAMES, heartbeat) if heartbeat_key and heartbeat[0] else None,
        bot_key,
        heartbeat_key,
    )


def as_number(key: str) -> int | None:
    """The integer a client may write instead of a public id, or `None`."""
    if key.isascii() and key.isdigit() and len(key) <= 10 and int(key) <= LARGEST_NUMBER:
        return int(key)
    return None


def as_public_id(key: str) -> str:
    """The key itself if it can be a public id at all, else one that nothing has: databases choke on odd characters."""
    return key if PUBLIC_ID.fullmatch(key) else ""


@cache
def _statement(by_number: bool, with_heartbeat: bool) -> Select[Any]:
    """Built once: putting such a statement together costs more than running it."""
    named = BOT.c.id == bindparam("bot") if by_number else BOT.c.uuid == bindparam("bot")
    of_project = (BOT.c.project_id == PROJECT.c.id) & BOT.c.deleted_at.is_(None) & named
    joined = KEY.join(PROJECT, PROJECT.c.id == KEY.c.project_id).outerjoin(BOT, of_project)
    # Whole tables: a statement is found again by all that it names, and naming their columns makes that slow.
    wanted = [PROJECT, BOT]
    if with_heartbeat:
        there = HEARTBEAT.c.deleted_at.is_(None) | HEARTBEAT.c.ended_as.is_not(None)
        of_bot = (HEARTBEAT.c.bot_id == BOT.c.id) & there
        joined = joined.outerjoin(HEARTBEAT, of_bot & (HEARTBEAT.c.uuid == bindparam("heartbeat")))
        wanted.append(HEARTBEAT)
    return select(*wanted).select_from(joined).where(KEY.c.hash == bindparam("hash"), KEY.c.revoked_at.is_(None))
