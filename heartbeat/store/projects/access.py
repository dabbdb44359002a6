"""Authorize a caller: its key's project, one of its bots and one of that bot's heartbeats, by one statement."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, select

from heartbeat.domain.actors import NOWHERE, PRODUCT, Actor, Visit
from heartbeat.domain.errors import BotsOnly, MissingScope, NotFound
from heartbeat.domain.people import scopes_of_role
from heartbeat.domain.plans import Plan, plan_named
from heartbeat.domain.scopes import Scope, read_scopes
from heartbeat.store.database.prepared import Prepared
from heartbeat.store.database.rows import built, columns
from heartbeat.store.projects.projects import WORKS
from heartbeat.store.tables.bots import Bot
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.projects import ApiKey, Project, ProjectHold

KEY, PROJECT, HOLD, BOT, HEARTBEAT = (columns(one) for one in (ApiKey, Project, ProjectHold, Bot, Heartbeat))

PROJECT_NAMES, HOLD_NAMES, BOT_NAMES, HEARTBEAT_NAMES = (one.c.keys() for one in (PROJECT, HOLD, BOT, HEARTBEAT))
HOLD_BEGINS = len(PROJECT_NAMES)
BOT_BEGINS = HOLD_BEGINS + len(HOLD_NAMES)
HEARTBEAT_BEGINS = BOT_BEGINS + len(BOT_NAMES)

PUBLIC_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")
MAX_ID = 2**31 - 1


class UsedKey(NamedTuple):
    """What a request needs to know of the key that it came with, or of that of its session."""

    id: int
    uuid: str
    name: str
    hash: str
    scopes: str
    bot_ids: list[int] | None
    requests_per_minute: int | None = None

    def actor(self, visit: Visit = NOWHERE) -> Actor:
        """Who acts with it, from there."""
        return Actor("key", self.uuid, self.name, visit=visit)


class ActingUser(NamedTuple):
    """A person who is signed in, and their role in the project of the session."""

    id: int
    uuid: str
    name: str
    email: str
    role: str

    def actor(self, visit: Visit = NOWHERE) -> Actor:
        """Who acts, from there."""
        return Actor("user", self.uuid, self.name, self.email, visit)


USED = tuple(KEY.c[name] for name in UsedKey._fields)


@dataclass(frozen=True)
class Access:
    """What a key or a session opens: a project with its plan, and the bot and heartbeat that a request names.

    A row is `None` when it was not named or does not exist; the keys are what the request names them by, if it does.
    `hold` is the project's that nobody has released, which may be over by itself. `actor` is who acts, with the
    `key` or as the `user`; without both it is the product's own.
    """

    project: Project
    plan: Plan
    bot_row: Bot | None = None
    heartbeat_row: Heartbeat | None = None
    bot_key: str = ""
    heartbeat_key: str = ""
    hold: ProjectHold | None = None
    key: UsedKey | None = None
    user: ActingUser | None = None
    actor: Actor = PRODUCT

    @property
    def scopes(self) -> frozenset[Scope]:
        """What may be done with it."""
        if self.user:
            return scopes_of_role(self.user.role)
        return read_scopes(self.key.scopes) if self.key else frozenset(Scope)

    @property
    def is_whole(self) -> bool:
        """Whether everything in the project may be done with it."""
        return Scope.ADMIN in self.scopes and (self.key is None or self.key.bot_ids is None)

    def require(self, scope: Scope | None) -> None:
        """Raise `Forbidden` unless its key may do what this scope stands for; `None` stands for what everybody may.

        Nothing that is about the whole project may be done with a key that is for some bots.
        """
        if scope is not None and scope not in self.scopes:
            raise MissingScope(scope, self.user.role if self.user else None)
        if self.key and self.key.bot_ids is not None and not self.bot_key:
            raise BotsOnly

    @property
    def bot(self) -> Bot:
        """Return the bot that the request names; raises `NotFound`."""
        if self.bot_row is None:
            raise NotFound("bot", self.bot_key[:64])
        return self.bot_row

    @property
    def named_bot(self) -> Bot | None:
        """Return `bot`, or `None` if the request names none; raises `NotFound`."""
        return self.bot if self.bot_key else None

    @property
    def heartbeat(self) -> Heartbeat:
        """Return the heartbeat that the request names; raises `NotFound`."""
        return self._of_type("heartbeat", {"heartbeat"})

    @property
    def named_heartbeat(self) -> Heartbeat | None:
        """Return `heartbeat`, or `None` if the request names none; raises `NotFound`."""
        return self.heartbeat if self.heartbeat_key else None

    def narrowed(self, bot: Bot, heartbeat: Heartbeat | None = None) -> "Access":
        """Narrow it to this bot of the project, and to this heartbeat of the bot."""
        heartbeat_key = heartbeat.uuid if heartbeat is not None else ""
        return replace(self, bot_row=bot, heartbeat_row=heartbeat, bot_key=bot.uuid, heartbeat_key=heartbeat_key)

    @property
    def task(self) -> Heartbeat:
        """Return the scheduled task that the request names, one that has ended too; raises `NotFound`."""
        return self._of_type("task", {"scheduled_task"})

    @property
    def heartbeat_or_task(self) -> Heartbeat:
        """Return the heartbeat or scheduled task that the request names; raises `NotFound`."""
        return self._of_type("heartbeat", {"heartbeat", "scheduled_task"})

    def _of_type(self, noun: str, types: set[str]) -> Heartbeat:
        if self.bot and (self.heartbeat_row is None or self.heartbeat_row.type not in types):
            raise NotFound(noun, self.heartbeat_key[:64])
        assert self.heartbeat_row is not None
        return self.heartbeat_row


def authorize(
    connection: Connection,
    plans: Mapping[str, Plan],
    hashes: Sequence[str],
    now: datetime,
    bot_key: str = "",
    heartbeat_key: str = "",
) -> Access | None:
    """Read what the key opens that is kept by one of these hashes; `None` when there is none that works.

    `bot_key` is a bot's public id or its number, `heartbeat_key` a heartbeat's public id; empty names none. A bot that
    the key is not for is not there. Raises `Unavailable` for a plan not in `plans`.
    """
    number = as_number(bot_key)
    parameters: dict[str, Any] = {f"hash{at}": kept for at, kept in enumerate(hashes)}
    parameters |= {"now": now, "bot": as_public_id(bot_key) if number is None else number}
    if heartbeat_key:
        parameters["heartbeat"] = as_public_id(heartbeat_key)
    row = _statement(len(hashes), number is not None, bool(heartbeat_key)).run(connection, parameters).first()
    if row is None:
        return None
    project, hold = built(Project, PROJECT_NAMES, row[:HOLD_BEGINS]), row[HOLD_BEGINS:BOT_BEGINS]
    bot, heartbeat = row[BOT_BEGINS:HEARTBEAT_BEGINS], row[HEARTBEAT_BEGINS : -len(USED)]
    key = UsedKey(*row[-len(USED) :])
    is_there = bool(bot[0]) and (key.bot_ids is None or bot[0] in key.bot_ids)
    return Access(
        project,
        plan_named(plans, project.plan),
        built(Bot, BOT_NAMES, bot) if is_there else None,
        built(Heartbeat, HEARTBEAT_NAMES, heartbeat) if is_there and heartbeat_key and heartbeat[0] else None,
        bot_key,
        heartbeat_key,
        built(ProjectHold, HOLD_NAMES, hold) if hold[0] else None,
        key,
        actor=key.actor(),
    )


def as_number(key: str) -> int | None:
    """Read the integer that a client may write instead of a public id; `None` when the key is none."""
    if key.isascii() and key.isdigit() and len(key) <= 10 and int(key) <= MAX_ID:
        return int(key)
    return None


def as_public_id(key: str) -> str:
    """Return the key if it can be a public id, else one that no row has: databases refuse some characters."""
    return key if PUBLIC_ID.fullmatch(key) else ""


# Putting such a statement together costs more than running it.
@cache
def _statement(hashes: int, by_number: bool, with_heartbeat: bool) -> Prepared:
    named = BOT.c.id == bindparam("bot") if by_number else BOT.c.uuid == bindparam("bot")
    of_project = (BOT.c.project_id == PROJECT.c.id) & BOT.c.deleted_at.is_(None) & named
    unreleased = (HOLD.c.project_id == PROJECT.c.id) & HOLD.c.released_at.is_(None)
    joined = KEY.join(PROJECT, PROJECT.c.id == KEY.c.project_id).outerjoin(HOLD, unreleased).outerjoin(BOT, of_project)
    tables = [PROJECT, HOLD, BOT]
    if with_heartbeat:
        visible = HEARTBEAT.c.deleted_at.is_(None) | HEARTBEAT.c.ended_as.is_not(None)
        of_bot = (HEARTBEAT.c.bot_id == BOT.c.id) & visible
        joined = joined.outerjoin(HEARTBEAT, of_bot & (HEARTBEAT.c.uuid == bindparam("heartbeat")))
        tables.append(HEARTBEAT)
    of_key = KEY.c.hash.in_([bindparam(f"hash{at}") for at in range(hashes)])
    return Prepared(select(*tables, *USED).select_from(joined).where(of_key, WORKS))
