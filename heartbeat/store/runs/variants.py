"""What a rehearsal does otherwise than its heartbeat: promised with the log id, taken when its run is opened."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, bindparam, delete, select

from heartbeat.domain.errors import Conflict, NotFound
from heartbeat.store.database.rows import columns, first, insert_once, joined
from heartbeat.store.heartbeats.plan_limits import require_heartbeats, require_models
from heartbeat.store.heartbeats.project_holds import require_no_hold
from heartbeat.store.heartbeats.sync import ScheduledRow
from heartbeat.store.projects.access import Access, as_public_id
from heartbeat.store.tables.bots import Bot
from heartbeat.store.tables.heartbeats import DRAFT, Heartbeat
from heartbeat.store.tables.runs import Run, Variant

RUN, VARIANT, HEARTBEAT, BOT = columns(Run), columns(Variant), columns(Heartbeat), columns(Bot)

# What a run takes over from its heartbeat and its bot, and so what a rehearsal may have otherwise.
OF_HEARTBEAT = ("prompt", "chat_mode", "max_steps", "run_timeout_seconds", "expect")
OF_BOT = ("model", "instruction", "max_reply_tokens")
VARIED = (*OF_HEARTBEAT, *OF_BOT)

TAKE = delete(VARIANT).where(VARIANT.c.run_uuid == bindparam("key")).returning(VARIANT)
OPENING = select(RUN.c.opening).where(RUN.c.uuid == bindparam("key"))
REPLAYED = (
    select(RUN, HEARTBEAT, BOT)
    .join(HEARTBEAT, HEARTBEAT.c.id == RUN.c.heartbeat_id)
    .join(BOT, BOT.c.id == RUN.c.bot_id)
    .where(RUN.c.uuid == bindparam("key"), RUN.c.project_id == bindparam("project"))
)

LOCK_REPLAYED = REPLAYED.with_for_update(read=True, key_share=True, of=RUN)


@dataclass(frozen=True)
class ReplayedRun:
    """A run that can be replayed, the heartbeat that it is of, its bot, and the plan of their project."""

    run: Run
    heartbeat: Heartbeat
    bot: Bot
    plan: str

    @property
    def scheduled_row(self) -> ScheduledRow:
        return ScheduledRow(self.heartbeat, self.bot.name, self.plan)


def promise_rehearsal(
    connection: Connection, access: Access, run_uuid: str, changes: Mapping[str, Any], now: datetime
) -> None:
    """Keep `changes`, by the names of `VARIED`, for the rehearsal that was promised the log id `run_uuid`.

    Raises `Conflict` while the project is on hold, and `Forbidden` for a model that its plan does not allow.
    """
    _promise(connection, access, run_uuid, changes, None, now)


def promise_replay(
    connection: Connection, access: Access, run_uuid: str, replay_of: str, changes: Mapping[str, Any], now: datetime
) -> ReplayedRun:
    """Keep for `run_uuid` what the run `replay_of` was, but for `changes`; raises as `replayable` does."""
    # Locked, so that its log is not pruned before what is promised of it is there.
    replayed = replayable(connection, access, replay_of, LOCK_REPLAYED)
    of_run = {name: getattr(replayed.run, name) for name in VARIED}
    _promise(connection, access, run_uuid, of_run | dict(changes), replayed.run.uuid, now)
    return replayed


def replayable(connection: Connection, access: Access, run_uuid: str, statement: Select[Any] = REPLAYED) -> ReplayedRun:
    """Read a run of the project, and of the bot that is named; raises `NotFound`, `Forbidden` or `Conflict`."""
    named_bot = access.named_bot
    key = {"key": as_public_id(run_uuid), "project": access.project.id}
    row = joined(connection, (Run, Heartbeat, Bot), statement, key)
    if row is None or (named_bot is not None and named_bot.id != row[2].id):
        raise NotFound("run", run_uuid[:64])
    run, heartbeat, bot = row
    require_heartbeats(access.project, access.plan, bot)
    if run.status == "running":
        raise Conflict("run_in_progress", f"The run {run.uuid} has not ended yet; replay it when it has.")
    if run.status == "skipped":
        raise Conflict("nothing_to_replay", f"The run {run.uuid} was skipped, so no model was asked; replay another.")
    if run.emptied_at is not None:
        raise Conflict("run_emptied", f"The texts of the run {run.uuid} are not kept any longer; replay a newer one.")
    if is_gone(heartbeat, dry_run=True):
        raise Conflict("heartbeat_deleted", f"The heartbeat of the run {run.uuid} was deleted; replay another run.")
    return ReplayedRun(run, heartbeat, bot, access.project.plan)


def is_gone(heartbeat: Heartbeat, dry_run: bool) -> bool:
    """Whether it was deleted, for a run; drafts and tasks that have ended are rehearsed all the same."""
    can_be_rehearsed = heartbeat.type == DRAFT or heartbeat.ended_as is not None
    return heartbeat.deleted_at is not None and not (dry_run and can_be_rehearsed)


def take_variant(connection: Connection, run_uuid: str | None) -> Variant | None:
    """Take what was promised for this log id, if anything was; the run has it from here on."""
    return first(connection, Variant, TAKE, {"key": run_uuid}) if run_uuid else None


def is_replay(connection: Connection, run_uuid: str | None) -> bool:
    """Whether what was promised for this log id is a replay: it is told what the run was told that it replays."""
    replays = select(VARIANT.c.run_uuid).where(VARIANT.c.run_uuid == run_uuid, VARIANT.c.replay_of.is_not(None))
    return connection.execute(replays).first() is not None


def varied(variant: Variant | None, heartbeat: Heartbeat, bot: Bot) -> tuple[Heartbeat, Bot]:
    """Return both as the variant has them; the rows stay as they are."""
    changes = variant.changes if variant else {}
    of_heartbeat = {name: changes[name] for name in OF_HEARTBEAT if name in changes}
    of_bot = {name: changes[name] for name in OF_BOT if name in changes}
    if "model" in changes:
        # It shows what this model does, and no other.
        of_heartbeat |= {"model": None, "fallback_models": []}
    return (
        Heartbeat.model_construct(**{**vars(heartbeat), **of_heartbeat}) if of_heartbeat else heartbeat,
        Bot.model_construct(**{**vars(bot), **of_bot}) if of_bot else bot,
    )


def opening_of_run(connection: Connection, run_uuid: str) -> str:
    """Return what the first message of this run said before its prompt."""
    return connection.execute(OPENING, {"key": run_uuid}).scalar() or ""


def _promise(
    connection: Connection,
    access: Access,
    run_uuid: str,
    changes: Mapping[str, Any],
    replay_of: str | None,
    now: datetime,
) -> None:
    require_no_hold(connection, access.project, now)
    require_models(access.project, access.plan, [changes.get("model")])
    row = {"run_uuid": run_uuid, "project_id": access.project.id, "changes": dict(changes)}
    row |= {"replay_of": replay_of, "created_at": now}
    insert_once(connection.dialect.name, VARIANT).run(connection, row)
