"""Replay: hold a finished run's conversation again, with another prompt or model and the recorded tool results.

Only the model is called, and nothing is written: no log and no ledger entry.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from heartbeat.agents.client import ProviderClients
from heartbeat.agents.completion import Completion, CompletionRequest, RequestedCall
from heartbeat.agents.failures import ModelFailure
from heartbeat.agents.model_names import takes_tools
from heartbeat.agents.prompt import ModelTurn, ToolTurn
from heartbeat.agents.tools.definitions import McpServer, OfferedTool, gone_tool
from heartbeat.agents.tools.offered_tools import ConnectedServer, define_tools
from heartbeat.domain import credits
from heartbeat.domain.credits import rate_for
from heartbeat.domain.errors import Conflict
from heartbeat.domain.first_message import first_message
from heartbeat.settings import Settings
from heartbeat.store.runs.details import parsed
from heartbeat.store.runs.recordings import NOT_RECORDED
from heartbeat.store.runs.runs import run_by_uuid
from heartbeat.store.runs.steps import steps
from heartbeat.store.tables.bots import Tool
from heartbeat.store.tables.runs import Run, Step
from heartbeat.store.tools.toolset import Toolset, toolset


@dataclass(frozen=True)
class OriginalRun:
    """A run that has ended, its steps, and the tools that its bot has now."""

    run: Run
    steps: list[Step]
    tools: Toolset


@dataclass(frozen=True)
class ReplayedCall:
    """A tool call; `recorded` false: the run that is replayed never made one like it."""

    tool: str
    arguments: Any
    recorded: bool = True


@dataclass
class ReplayColumn:
    """One column of the comparison; `ended` is "success", or says what went wrong."""

    model: str
    prompt: str
    answer: str = ""
    calls: list[ReplayedCall] = field(default_factory=list)
    steps: int = 0
    tokens: int = 0
    credits: int = 0
    ended: str = "success"


def read_original(connection: Connection, run_uuid: str) -> OriginalRun:
    """Read the run to replay; raises `NotFound`, or `Conflict` when there is no conversation in it (yet)."""
    run = run_by_uuid(connection, run_uuid)
    if run.status == "running":
        raise Conflict("run_in_progress", f"The run {run_uuid} has not ended yet; replay it when it has.")
    if run.status == "skipped":
        raise Conflict("nothing_to_replay", f"The run {run_uuid} was skipped, so no model was asked; replay another.")
    return OriginalRun(run, steps(connection, run.id), toolset(connection, run.bot_id, run.member_id))


def original_column(original: OriginalRun) -> ReplayColumn:
    """Build the column of the run as it was."""
    run = original.run
    return ReplayColumn(
        model=run.model,
        prompt=run.prompt,
        answer=run.response or "",
        calls=[ReplayedCall(step.name or "", parsed(step.arguments)) for step in original.steps if step.kind == "tool"],
        steps=len(original.steps),
        tokens=run.tokens_used,
        credits=run.credits_charged,
        ended=run.status if run.status == "success" else f"{run.status}: {run.error_message}",
    )


class Recording:
    """The results of a run's tool calls, by name and arguments; of each tool they are returned once and in order."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self._calls = [step for step in steps if step.kind == "tool" and step.state == "done"]
        self._used: set[int] = set()

    def result(self, call: RequestedCall) -> str | None:
        """Return what was recorded for this very call, else for the next one of that tool; `None` if there is none.

        A call made more often than it was recorded gets its last result again.
        """
        same_tool = [step for step in self._calls if step.name == call.tool]
        same_call = [step for step in same_tool if parsed(step.arguments) == parsed(call.arguments)]
        unused = [step for step in same_call or same_tool if step.number not in self._used]
        step = unused[0] if unused else same_call[-1] if same_call else None
        if step is None:
            return None
        self._used.add(step.number)
        return step.answer


async def replay(original: OriginalRun, prompt: str, model: str, settings: Settings) -> ReplayColumn:
    """Hold the conversation again, up to the run's own limit of steps."""
    run, column = original.run, ReplayColumn(model, prompt)
    offered = tools(original) if takes_tools(run.chat_mode, model) else []
    rate = rate_for(model, settings.credits_per_1000_tokens, settings.model_rates)
    message, recording = first_message(run.opening, prompt), Recording(original.steps)
    models = ProviderClients(settings)
    turns: list[ModelTurn | ToolTurn] = []
    try:
        while column.steps < run.max_steps:
            request = CompletionRequest(model, run.instruction, message, run.max_reply_tokens, turns, offered)
            completion = await models.complete(request)
            turns += [ModelTurn(completion.messages), *_add_step(column, completion, recording, rate)]
            if not completion.calls:
                column.ended = f"error: {completion.failure}" if completion.failure else "success"
                return column
        column.ended = f"error: it came to its limit of {run.max_steps} steps (max_steps)"
    except ModelFailure as failure:
        column.ended = f"error: {failure.message}"
    finally:
        await models.close()
    return column


def tools(original: OriginalRun) -> list[OfferedTool]:
    """List what the bot's model is offered today, and by name alone what the run called and is no longer there.

    No server is asked and no secret header is opened.
    """
    defined = define_tools([_connected(row) for row in original.tools.servers])
    offered = [tool for tool in defined if tool.server is not None or tool.name in original.tools.built_in]
    known = {tool.name for tool in offered}
    missing = dict.fromkeys(
        step.name or "" for step in original.steps if step.kind == "tool" and step.name not in known
    )
    return [*offered, *(gone_tool(name) for name in missing)]


def _connected(row: Tool) -> ConnectedServer:
    server = McpServer(row.uuid, row.server_label, "sse" if row.transport == "sse" else "http", row.server_url)
    return ConnectedServer(server, row.tools, row.require_approval, row.approval_tools)


def _add_step(column: ReplayColumn, completion: Completion, recording: Recording, rate: int) -> list[ToolTurn]:
    """Add a completion to the column; returns the recorded results of its calls."""
    tokens = completion.input_tokens + completion.output_tokens
    column.answer = completion.text
    column.steps += 1 + len(completion.calls)
    column.tokens += tokens
    column.credits += credits.cost(tokens, rate)
    results = [(call, recording.result(call)) for call in completion.calls]
    column.calls += [ReplayedCall(call.tool, parsed(call.arguments), result is not None) for call, result in results]
    return [ToolTurn(call.tool, call.call_id, result or NOT_RECORDED) for call, result in results]
