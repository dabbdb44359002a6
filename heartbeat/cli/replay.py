"""Replay: a finished run's conversation again, with another prompt or model and the tool results it had.

Nothing outside is called but the model, and nothing is written: no log, no entry in the books.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from heartbeat.agents.failures import ModelFailure
from heartbeat.agents.prompt import ModelTurn, ToolTurn
from heartbeat.agents.request import Completion, CompletionRequest, ProviderClients, RequestedCall
from heartbeat.agents.tools.definitions import McpServer, OfferedTool
from heartbeat.agents.tools.offered import ANY_ARGUMENTS, ConnectedServer, define
from heartbeat.domain import credits
from heartbeat.domain.credits import rate_for
from heartbeat.domain.errors import Conflict
from heartbeat.domain.first_message import first_message
from heartbeat.settings import Settings
from heartbeat.store.runs.details import parsed
from heartbeat.store.runs.runs import run_by_uuid
from heartbeat.store.runs.steps import steps
from heartbeat.store.tables.bots import Tool
from heartbeat.store.tables.runs import Run, Step
from heartbeat.store.tools.toolset import Toolset, toolset

NOT_RECORDED = "This call is not in the recording of the run that is replayed, so nothing is known of what it answers."
WITHOUT_TOOLS = "local:"


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
    """One column of the comparison. `ended` is success, or what went wrong."""

    model: str
    prompt: str
    answer: str = ""
    calls: list[ReplayedCall] = field(default_factory=list)
    steps: int = 0
    tokens: int = 0
    credits: int = 0
    ended: str = "success"


def original(connection: Connection, uuid: str) -> OriginalRun:
    """The run to replay; raises `NotFound`, or `Conflict` when there is no conversation in it (yet)."""
    run = run_by_uuid(connection, uuid)
    if run.status == "running":
        raise Conflict("run_in_progress", f"The run {uuid} has not ended yet; replay it when it has.")
    if run.status == "skipped":
        raise Conflict("nothing_to_replay", f"The run {uuid} was skipped, so no model was asked; replay another.")
    return OriginalRun(run, steps(connection, run.id), toolset(connection, run.bot_id))


def as_it_was(found: OriginalRun) -> ReplayColumn:
    """The run's own column."""
    run = found.run
    calls = [ReplayedCall(step.name or "", parsed(step.arguments)) for step in found.steps if step.kind == "tool"]
    ended = run.status if run.status == "success" else f"{run.status}: {run.error_message}"
    return ReplayColumn(
        run.model, run.prompt, run.response or "", calls, len(found.steps), run.tokens_used, run.credits_charged, ended
    )


class Recording:
    """The results of a run's tool calls, by name and arguments; of a name, each is given once and in order."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self._calls = [step for step in steps if step.kind == "tool" and step.state == "done"]
        self._given: set[int] = set()

    def result(self, call: RequestedCall) -> str | None:
        """What was recorded for this very call, else for the next one of that tool; `None` if there is none.

        A call asked for more often than it was recorded gets its last result again.
        """
        same_tool = [step for step in self._calls if step.name == call.tool]
        same_call = [step for step in same_tool if parsed(step.arguments) == parsed(call.arguments)]
        fresh = [step for step in (*same_call, *([] if same_call else same_tool)) if step.number not in self._given]
        found = fresh[0] if fresh else same_call[-1] if same_call else None
        if found is None:
            return None
        self._given.add(found.number)
        return found.answer


async def replay(found: OriginalRun, prompt: str, model: str, settings: Settings) -> ReplayColumn:
    """Hold the conversation again, up to the run's own limit of steps."""
    side, recording, models = ReplayColumn(model, prompt), Recording(found.steps), ProviderClients(settings)
    turns: list[ModelTurn | ToolTurn] = []
    rate = rate_for(model, settings.credits_per_1000_tokens, settings.model_rates)
    run = found.run
    offered = [] if run.chat_mode == "ask" or model.startswith(WITHOUT_TOOLS) else tools(found)
    told = first_message(run.opening, prompt)
    try:
        while side.steps < run.max_steps:
            question = CompletionRequest(model, run.instruction, told, run.max_reply_tokens, turns, offered)
            answer = await models.ask(question)
            turns += [ModelTurn(answer.messages), *_heard(side, answer, recording, rate)]
            if not answer.calls:
                side.ended = f"error: {answer.failure}" if answer.failure else "success"
                return side
        side.ended = f"error: it came to its limit of {run.max_steps} steps (max_steps)"
    except ModelFailure as failure:
        side.ended = f"error: {failure.message}"
    finally:
        await models.close()
    return side


def tools(found: OriginalRun) -> list[OfferedTool]:
    """What the bot's model is offered today, and by name alone what the run called and is no longer there.

    No server is asked and no header opened.
    """
    known_here = define([_connected(row) for row in found.tools.servers])
    defined = [tool for tool in known_here if tool.server is not None or tool.name in found.tools.built_in]
    known = {tool.name for tool in defined}
    gone = {step.name or "": None for step in found.steps if step.kind == "tool" and step.name not in known}
    return [*defined, *(OfferedTool(name, "A tool of an earlier run.", ANY_ARGUMENTS) for name in gone)]


def _connected(row: Tool) -> ConnectedServer:
    server = McpServer(row.uuid, row.server_label, "sse" if row.transport == "sse" else "http", row.server_url)
    return ConnectedServer(server, row.tools, row.require_approval, row.approval_tools)


def _heard(side: ReplayColumn, answer: Completion, recording: Recording, rate: int) -> list[ToolTurn]:
    """Add an answer to the column, and what its calls are answered with."""
    tokens = answer.input_tokens + answer.output_tokens
    side.answer = answer.text
    side.steps += 1 + len(answer.calls)
    side.tokens += tokens
    side.credits += credits.cost(tokens, rate)
    results = [(call, recording.result(call)) for call in answer.calls]
    side.calls += [ReplayedCall(call.tool, parsed(call.arguments), result is not None) for call, result in results]
    return [ToolTurn(call.tool, call.call_id, result or NOT_RECORDED) for call, result in results]
