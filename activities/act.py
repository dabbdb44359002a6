"""Act: one tool call of a run, made at most once unless its tool says that more do no harm."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime

from sqlalchemy import Connection
from temporalio import activity

from activities.heartbeating import heartbeating
from activities.runs import utc_now
from activities.toolbox import Toolbox
from heartbeat.agents.tools.approval_reasons import reason
from heartbeat.agents.tools.definitions import OfferedTool, ToolResult
from heartbeat.domain.contracts import ActInput, ActResult
from heartbeat.domain.errors import Unavailable
from heartbeat.domain.text import storable
from heartbeat.domain.tool_effects import ScheduleTaskEffect
from heartbeat.domain.tool_risks import REGISTERED, ApprovalReason
from heartbeat.settings import Plan
from heartbeat.store.database import Database
from heartbeat.store.heartbeats.task_effects import unsynced_of
from heartbeat.store.notifications.outbox import waiting_of
from heartbeat.store.runs.approvals import ask
from heartbeat.store.runs.tool_calls import CallOutcome, CallReceipt, begin_call, finish_call, read_call
from heartbeat.store.tables.runs import Run
from heartbeat.store.tools.servers import mark_changed
from heartbeat.store.tools.toolset import Toolset, toolset

UNKNOWN = "Nobody knows whether this call was made: the worker was lost in the middle of it. It is not made again."
REHEARSED = (
    "Rehearsal: this call was not made. It was written down as what you would have done; go on as if it had been made."
)
REFUSED = {
    "denied": "This call was not made: a person was asked, and said no.",
    "expired": "This call was not made: a person was asked, and nobody answered in time, which counts as a no.",
}


class ActActivities:
    """Makes the tool calls that models ask for."""

    def __init__(
        self,
        database: Database,
        toolbox: Toolbox,
        follow: Callable[[str], Awaitable[bool]],
        plans: Mapping[str, Plan],
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._database = database
        self._toolbox = toolbox
        self._follow = follow
        self._plans = plans
        self._now = now

    @activity.defn
    async def act(self, act: ActInput) -> ActResult:
        """Make one call and write down what it came to; what a tool fails at is for the model to read."""
        receipt, tools = await self._database.read_inline(_as_it_stands, act)
        if receipt.over:
            return ActResult()
        async with heartbeating():
            definition = await self._defined(receipt, tools)
            why = _why(receipt, definition)
            if why and receipt.before == "asked" and not receipt.run.dry_run:
                approval = await self._database.write(ask, receipt, why, self._now())
                if approval.state == "pending":
                    waiting = (approval.expires_at - self._now()).total_seconds()
                    return ActResult(waiting, await self._to_tell(receipt))
                if approval.state != "approved":
                    await self._finish(receipt, CallOutcome(REFUSED[approval.state], "refused"))
                    return ActResult()
            await self._make(act, definition, why)
        return ActResult(notification_uuids=await self._to_tell(receipt) if receipt.call.name == "notify_user" else ())

    async def _to_tell(self, receipt: CallReceipt) -> tuple[str, ...]:
        return await self._database.read(waiting_of, receipt.run.id)

    async def _make(self, act: ActInput, definition: OfferedTool | None, why: ApprovalReason | None) -> None:
        receipt = await self._database.write(begin_call, act.run_uuid, act.number)
        if receipt.over:
            return
        began = time.monotonic()
        called = await self._call(receipt, definition, why, f"{act.run_uuid}:{act.number}")
        if called.outcome == "changed" and definition and definition.server:
            await self._mark_changed(definition, called)
        await self._finish(receipt, _outcome(called, round((time.monotonic() - began) * 1000)))
        if isinstance(called.effect, ScheduleTaskEffect):
            await self._follow_tasks(receipt.run)

    async def _defined(self, receipt: CallReceipt, tools: Toolset) -> OfferedTool | None:
        offered = await self._toolbox.offered(receipt.run, tools)
        return next((tool for tool in offered if tool.name == receipt.call.name), None)

    async def _call(
        self, receipt: CallReceipt, definition: OfferedTool | None, why: ApprovalReason | None, key: str
    ) -> ToolResult:
        if definition is None:
            return ToolResult("failed", f"There is no tool {receipt.call.name} here, or it may not be used any more.")
        rehearsal = receipt.run.dry_run and (definition.acts or why is not None)
        if receipt.before == "called" and not rehearsal and not definition.idempotent:
            return ToolResult("unknown", UNKNOWN)
        try:
            arguments = storable(json.loads(receipt.call.arguments or "{}"))
        except (ValueError, RecursionError):
            arguments = None
        if not isinstance(arguments, dict):
            return ToolResult("failed", "The arguments are no JSON object; ask again with one.")
        if rehearsal:
            return ToolResult("would_ask" if why else "rehearsed", REHEARSED)
        return await self._toolbox.call(definition, arguments, key)

    async def _mark_changed(self, definition: OfferedTool, called: ToolResult) -> None:
        assert definition.server is not None
        server, name = definition.server.uuid, definition.on_server
        await self._database.write(mark_changed, server, name, called.found, self._now())

    async def _follow_tasks(self, run: Run) -> None:
        """At once, for a task may be due in a minute; what Temporal does not take now is left to Upkeep."""
        for task in await self._database.read(unsynced_of, run):
            await self._follow(task)

    async def _finish(self, receipt: CallReceipt, outcome: CallOutcome) -> None:
        """The call is made, so a store that is away is waited for, not failed on."""
        while True:
            try:
                return await self._database.write(finish_call, receipt, outcome, self._plans, self._now())
            except Unavailable:
                await asyncio.sleep(1)


def _as_it_stands(connection: Connection, act: ActInput) -> tuple[CallReceipt, Toolset]:
    receipt = read_call(connection, act.run_uuid, act.number)
    return receipt, toolset(connection, receipt.run.bot_id)


def _why(receipt: CallReceipt, definition: OfferedTool | None) -> ApprovalReason | None:
    """Why the call waits for a person. Once one was asked the answer counts, whatever was configured since."""
    if definition is None:
        return None
    found = reason(definition, receipt.call.arguments or "", receipt.owners_words)
    return found or (REGISTERED if receipt.approval else None)


def _outcome(called: ToolResult, duration_ms: int) -> CallOutcome:
    code = None if called.outcome == "ok" else called.outcome
    return CallOutcome(storable(called.text), code, duration_ms, called.report, called.effect)
