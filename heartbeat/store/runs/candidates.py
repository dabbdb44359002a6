"""What a run begins from: its claim, the rows that it is of, and the most that its first step can cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, String, bindparam, cast, exists, func, select

from heartbeat.domain import credits
from heartbeat.domain.contracts import SkipReason, Trigger
from heartbeat.domain.first_message import first_message
from heartbeat.domain.gates import Look, skip_reason, words_of
from heartbeat.domain.plans import Plan
from heartbeat.domain.tool_connections import NEEDS_RECONNECT
from heartbeat.store.credits.budgets import Budgets
from heartbeat.store.credits.ledger import Account
from heartbeat.store.database.prepared import Prepared
from heartbeat.store.database.rows import columns
from heartbeat.store.heartbeats.project_holds import HOLD, IN_FORCE
from heartbeat.store.runs.limits import RunLimits
from heartbeat.store.runs.run_context import Told, opening_of
from heartbeat.store.runs.tool_changes import MANY_TOOLS, MissingTools, missing_tools
from heartbeat.store.runs.variants import opening_of_run, varied
from heartbeat.store.tables.bots import Bot, Memory, Tool
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.projects import Project
from heartbeat.store.tables.runs import Run, Variant
from heartbeat.store.tables.tool_connections import ToolConnection
from heartbeat.store.tools.toolset import HAS_TARGETS, built_in

TOOL, MEMORY, CONNECTION = columns(Tool), columns(Memory), columns(ToolConnection)
HEARTBEAT, BOT, PROJECT, RUN = columns(Heartbeat), columns(Bot), columns(Project), columns(Run)

# JSON is kept as ASCII, so that its length is its bytes.
TOOL_TEXT = (
    select(func.coalesce(func.sum(func.length(cast(TOOL.c.tools, String))), 0))
    .where(TOOL.c.bot_id == BOT.c.id, TOOL.c.is_enabled)
    .scalar_subquery()
)
CHANGED_TOOLS = (
    select(func.coalesce(func.sum(TOOL.c.changed_count), 0))
    .where(TOOL.c.bot_id == BOT.c.id, TOOL.c.is_enabled)
    .scalar_subquery()
)
# Of whichever member: to tell whose costs more than is saved.
NEEDS_SIGN_IN = exists().where(
    CONNECTION.c.tool_id == TOOL.c.id, TOOL.c.bot_id == BOT.c.id, CONNECTION.c.state == NEEDS_RECONNECT
)
HAS_MEMORIES = exists().where(MEMORY.c.bot_id == BOT.c.id)
# Of what is asked for by hand: it need not be as exact as that of a tick, for whoever puts a project on hold waits.
HOLD_IN_FORCE = select(HOLD.c.id).where(HOLD.c.project_id == HEARTBEAT.c.project_id, IN_FORCE).scalar_subquery()
IS_OPENED = exists().where(RUN.c.workflow_id == bindparam("workflow_id"))
# Built once: putting such a statement together costs more than running it.
CLAIMED = Prepared(
    select(HEARTBEAT, BOT, PROJECT, TOOL_TEXT, CHANGED_TOOLS, HAS_TARGETS, HAS_MEMORIES, NEEDS_SIGN_IN, HOLD_IN_FORCE)
    .add_columns(IS_OPENED)
    .join(BOT, BOT.c.id == HEARTBEAT.c.bot_id)
    .join(PROJECT, PROJECT.c.id == HEARTBEAT.c.project_id)
    .where(HEARTBEAT.c.uuid == bindparam("heartbeat_uuid"))
    .with_for_update(of=HEARTBEAT, key_share=True)
)


@dataclass(frozen=True)
class TickClaim:
    """A workflow's claim to run a heartbeat, for a tick or by hand. `run_uuid` is the log id a manual run was promised.

    `dry_run`: a rehearsal, logged apart and counted nowhere but in the credits; `variant` is what it does otherwise
    than its heartbeat. `temporal_time` is now by the clock that starts ticks, where it is known. `gated`: the gate is
    asked, if there is one; `look` is what was seen there. `triggered_by` is the `Actor.reference` of who started it.
    """

    heartbeat_uuid: str
    trigger: Trigger
    run_uuid: str | None
    workflow_id: str
    workflow_run_id: str
    scheduled_for: datetime | None
    dry_run: bool = False
    temporal_time: datetime | None = None
    variant: Variant | None = None
    gated: bool = False
    look: Look | None = None
    triggered_by: str | None = None

    @property
    def key(self) -> dict[str, Any]:
        """What `CLAIMED` finds it by."""
        return {"heartbeat_uuid": self.heartbeat_uuid, "workflow_id": self.workflow_id}

    @property
    def is_skippable(self) -> bool:
        """Whether a look at the gate may keep it from running: not a rehearsal, nor what tries a paused heartbeat."""
        return self.trigger != "probe" and not self.dry_run


@dataclass(frozen=True)
class RunCandidate:
    """A run that may begin: its claim, the rows it is of, and the most that its first step can cost.

    `opening` is the text of its first message before the prompt; the period pays for the step. `needs_sign_in`: some
    tool of its bot has to be signed in to again. `hold_id` is the hold that its project was on. `waits`: its first step
    takes a slot before it reserves these credits.
    """

    claim: TickClaim
    heartbeat: Heartbeat
    bot: Bot
    project: Project
    plan: Plan
    model: str
    fallback_models: list[str]
    max_reply_tokens: int
    opening: str
    missing: MissingTools
    needs_sign_in: bool
    hold_id: int | None
    credits: int
    waits: bool
    period_start: datetime
    period_end: datetime
    now: datetime

    @property
    def budgets(self) -> Budgets:
        period = self.period_start, self.period_end
        cap = self.plan.cap(self.heartbeat.max_credits_per_run)
        return Budgets(self.heartbeat, self.bot, self.project, self.plan.credits_per_month, *period, cap)

    def account(self, run_id: int) -> Account:
        """Return the account that the run is charged to, once it has its row."""
        return Account(**vars(self.budgets.period), heartbeat_id=self.heartbeat.id, run_id=run_id)


def why_skipped(claim: TickClaim, heartbeat: Heartbeat) -> SkipReason | None:
    """Return why the look at its gate keeps it from running; `None` if it does not."""
    if claim.look is None or heartbeat.gate is None or not claim.is_skippable:
        return None
    return skip_reason(heartbeat.gate, claim.look)


def candidate_of(
    connection: Connection,
    claim: TickClaim,
    heartbeat: Heartbeat,
    others: Sequence[Any],
    limits: RunLimits,
    now: datetime,
) -> RunCandidate:
    """`others` is what `CLAIMED` selects after the heartbeat, but for whether the run is opened."""
    bot, project, tool_text, changed_tools, has_targets, has_memories, needs_sign_in, hold_id = others
    heartbeat, bot = varied(claim.variant, heartbeat, bot)
    model = limits.model(heartbeat.model or bot.model)
    plan = limits.plan(project.plan)
    fallbacks = limits.fallbacks(model, heartbeat.fallback_models, heartbeat.chat_mode)
    fallbacks = [name for name in fallbacks if plan.allows(name)]
    max_reply_tokens = bot.max_reply_tokens or limits.max_reply_tokens
    missing = MissingTools()
    if changed_tools or tool_text >= MANY_TOOLS:
        missing = missing_tools(connection, heartbeat, model, len(built_in(bot.attributes, has_targets)))
    skip = why_skipped(claim, heartbeat)
    if claim.variant and claim.variant.replay_of:
        opening = opening_of_run(connection, claim.variant.replay_of)
    elif skip:
        opening = ""
    else:
        told = words_of(heartbeat.gate, claim.look) if heartbeat.gate and claim.look else ""
        opening = opening_of(connection, heartbeat, has_memories, now, Told(told, missing.sentences))
    tokens = credits.most_tokens(bot.instruction, first_message(opening, heartbeat.prompt))
    tokens += tool_text + limits.tool_tokens(built_in(bot.attributes, has_targets))
    start, end = project.period(now)
    return RunCandidate(
        claim=claim,
        heartbeat=heartbeat,
        bot=bot,
        project=project,
        plan=plan,
        model=model,
        fallback_models=fallbacks,
        max_reply_tokens=max_reply_tokens,
        opening=opening,
        missing=missing,
        needs_sign_in=needs_sign_in,
        hold_id=hold_id,
        # One that its gate stops costs nothing, however little is left.
        credits=0 if skip else limits.max_credits([model, *fallbacks], tokens, max_reply_tokens),
        waits=bool(limits.bounds.of(project.id, project.plan, model)),
        period_start=start,
        period_end=end,
        now=now,
    )
