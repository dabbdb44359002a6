"""Act: one tool call of a run, made at most once unless its tool says that repeating it does no harm."""

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from sqlalchemy import Connection
from temporalio import activity

from activities.call_progress import showing_progress
from activities.durable_database import read_durably, write_durably
from activities.heartbeating import heartbeating
from activities.run_metrics import count_call
from activities.toolbox import Toolbox
from heartbeat.agents.tools.approval_reasons import reason_to_ask
from heartbeat.agents.tools.arguments import read_arguments
from heartbeat.agents.tools.definitions import Answers, OfferedTool, ToolResult
from heartbeat.domain.clock import Clock, utc_now
from heartbeat.domain.contracts import ActInput, ActResult
from heartbeat.domain.plans import Plan
from heartbeat.domain.text import storable, storable_text
from heartbeat.domain.tool_effects import ScheduleTaskEffect
from heartbeat.domain.tool_names import name_prefix
from heartbeat.domain.tool_risks import REGISTERED, ApprovalReason
from heartbeat.store.database.database import Database
from heartbeat.store.heartbeats.task_effects import unsynced_tasks
from heartbeat.store.notifications.outbox import unsent_notifications
from heartbeat.store.runs.approvals import approved_question, ask, ask_in_call
from heartbeat.store.runs.conduct import REPORT
from heartbeat.store.runs.recordings import recorded_outcome
from heartbeat.store.runs.tool_calls import (
    CallOutcome,
    CallReceipt,
    begin_call,
    finish_call,
    read_call,
    was_called_before,
)
from heartbeat.store.runs.tool_changes import ToolChange, record_change
from heartbeat.store.tables.runs import Approval, Run
from heartbeat.store.tools.toolset import Toolset, toolset

UNKNOWN = "Nobody knows whether this call was made: the worker was lost in the middle of it. It is not made again."
REHEARSED = (
    "Rehearsal: this call was not made. It was written down as what you would have done; go on as if it had been made."
)
NEW_SESSION = (
    "(This call was made in a new session with {}. What earlier calls left open there, such as a page or a login, "
    "may be gone.)"
)
BROKEN_OFF = {
    "denied": "This call was broken off: its server asked a person something, and the answer was no.",
    "expired": "This call was broken off: its server asked a person something, and nobody answered in time.",
}
REFUSED = {
    "denied": "This call was not made: a person was asked, and said no.",
    "expired": "This call was not made: a person was asked, and nobody answered in time, which counts as a no.",
}


class ToolActivities:
    """The tool calls that models ask for."""

    def __init__(
        self,
        database: Database,
        toolbox: Toolbox,
        sync_schedule: Callable[[str], Awaitable[bool]],
        plans: Mapping[str, Plan],
        now: Clock = utc_now,
    ) -> None:
        self._database = database
        self._toolbox = toolbox
        self._sync_schedule = sync_schedule
        self._plans = plans
        self._now = now

    @activity.defn
    async def act(self, step: ActInput) -> ActResult:
        """Make one call and write down its outcome; what a tool fails at is for the model to read."""
        async with heartbeating():
            return await self._act(step)

    async def _act(self, step: ActInput) -> ActResult:
        receipt, tools = await read_durably(self._database, _read_call, step)
        if receipt.over:
            return ActResult()
        if receipt.run.replay_of and receipt.call.name != REPORT:
            await self._finish(receipt, await self._database.read_inline(recorded_outcome, receipt))
            return ActResult()
        tool = await self._tool(receipt, tools)
        approval_reason = _approval_reason(receipt, tool)
        if approval_reason and receipt.before == "asked" and not receipt.run.dry_run:
            approval = await write_durably(self._database, ask, receipt, approval_reason, self._now())
            if approval.state == "pending":
                return await self._wait(receipt, approval)
            if approval.state != "approved":
                refused = BROKEN_OFF if approval.reason == "elicitation" else REFUSED
                await self._finish(receipt, CallOutcome(refused[approval.state], "refused"))
                return ActResult()
        result = await self._make(step, tool, approval_reason, await self._answers(receipt, tool))
        if result is not None and result.question is not None:
            asking = write_durably(self._database, ask_in_call, receipt, result.question, self._now())
            return await self._wait(receipt, await asking)
        tells = receipt.call.name == "notify_user" or (result is not None and result.outcome == "changed")
        return ActResult(notification_uuids=await self._notification_uuids(receipt) if tells else ())

    async def _wait(self, receipt: CallReceipt, approval: Approval) -> ActResult:
        seconds = (approval.expires_at - self._now()).total_seconds()
        return ActResult(seconds, await self._notification_uuids(receipt))

    async def _answers(self, receipt: CallReceipt, tool: OfferedTool | None) -> Answers:
        """How what the server asks is answered: by a person if that is allowed, and one was not asked already."""
        if tool is None or tool.server is None or tool.server.elicitation == "decline" or receipt.run.dry_run:
            return Answers()
        if not receipt.approval:
            return Answers(may_ask=True)
        approved = await self._database.read_inline(approved_question, receipt.call)
        return Answers(approved is not None, approved)

    async def _notification_uuids(self, receipt: CallReceipt) -> tuple[str, ...]:
        return await self._database.read(unsent_notifications, receipt.run.id)

    async def _make(
        self, step: ActInput, tool: OfferedTool | None, approval_reason: ApprovalReason | None, answers: Answers
    ) -> ToolResult | None:
        """Make the call, and write what it came to unless its server waits for an answer; `None` if that was known."""
        receipt = await write_durably(self._database, begin_call, step.run_uuid, step.number)
        if receipt.over:
            return None
        started = time.monotonic()
        result = await self._call(receipt, tool, approval_reason, answers)
        count_call(time.monotonic() - started)
        if result.question is not None:
            return result
        if result.outcome == "changed" and tool and tool.server:
            change = ToolChange(tool.server.uuid, tool.on_server, tool.name, result.discovered)
            await self._database.write(record_change, receipt.run, change, self._now())
        await self._finish(receipt, _outcome(result, round((time.monotonic() - started) * 1000)))
        if isinstance(result.effect, ScheduleTaskEffect):
            await self._sync_tasks(receipt.run)
        return result

    async def _tool(self, receipt: CallReceipt, tools: Toolset) -> OfferedTool | None:
        offered = await self._toolbox.offered(receipt.run, tools, receipt.run.models)
        return next((tool for tool in offered if tool.name == receipt.call.name), None)

    async def _call(
        self, receipt: CallReceipt, tool: OfferedTool | None, approval_reason: ApprovalReason | None, answers: Answers
    ) -> ToolResult:
        if tool is None:
            return ToolResult("failed", f"There is no tool {receipt.call.name} here, or it may not be used any more.")
        is_rehearsal = receipt.run.dry_run and (tool.acts or approval_reason is not None)
        if receipt.before == "called" and not is_rehearsal and not tool.idempotent:
            return ToolResult("unknown", UNKNOWN)
        arguments = storable(read_arguments(receipt.call.arguments or "", tool.schema))
        if arguments is None:
            return ToolResult("invalid_arguments", "The arguments are no JSON object; ask again with one.")
        if is_rehearsal:
            return ToolResult("would_ask" if approval_reason else "rehearsed", REHEARSED)
        key = f"{receipt.run.uuid}:{receipt.call.number}"
        if answers.approved is not None:
            # To its server it is another call than the one that was broken off.
            key += ":approved"
        async with showing_progress(self._database, receipt) as on_progress:
            result = await self._toolbox.call(tool, arguments, receipt.run.uuid, key, on_progress, answers)
        return await self._told_of_new_session(receipt, tool, result) if result.new_session else result

    async def _told_of_new_session(self, receipt: CallReceipt, tool: OfferedTool, result: ToolResult) -> ToolResult:
        """Tell the model that what earlier calls of its run left with the server is gone, if there were any."""
        assert tool.server is not None
        prefix = name_prefix(tool.server.label)
        if not await read_durably(self._database, was_called_before, receipt.call, prefix):
            return result
        return replace(result, text=f"{NEW_SESSION.format(tool.server.label)}\n{result.text}")

    async def _sync_tasks(self, run: Run) -> None:
        """At once, for a task may be due in a minute; what Temporal does not take now is left to Upkeep."""
        for task_uuid in await self._database.read(unsynced_tasks, run):
            await self._sync_schedule(task_uuid)

    async def _finish(self, receipt: CallReceipt, outcome: CallOutcome) -> None:
        await write_durably(self._database, finish_call, receipt, outcome, self._plans, self._now())


def _read_call(connection: Connection, step: ActInput) -> tuple[CallReceipt, Toolset]:
    receipt = read_call(connection, step.run_uuid, step.number)
    return receipt, toolset(connection, receipt.run.bot_id, receipt.run.member_id)


def _approval_reason(receipt: CallReceipt, tool: OfferedTool | None) -> ApprovalReason | None:
    """Why the call waits for a person. Once one was asked the answer counts, whatever was configured since."""
    if tool is None:
        return None
    current = reason_to_ask(tool, receipt.call.arguments or "", receipt.owners_words)
    return current or (REGISTERED if receipt.approval else None)


def _outcome(result: ToolResult, duration_ms: int) -> CallOutcome:
    failure_code = None if result.outcome == "ok" else result.outcome
    return CallOutcome(storable_text(result.text), failure_code, duration_ms, result.report, result.effect)
