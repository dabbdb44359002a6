"""The tools that come with Heartbeat, and a call of one.

For a new tool copy the file of its neighbour and add a line to `TOOLS`; store/tools/toolset.py says which bots have
it. What it does to the store is an effect: a class in domain/tool_effects.py, a line in store/runs/tool_effects.py.
"""

from typing import Any

from pydantic import ValidationError

from heartbeat.agents.tools.built_in.memory import FORGET, RECALL, REMEMBER
from heartbeat.agents.tools.built_in.notify_user import NOTIFY_USER
from heartbeat.agents.tools.built_in.report import REPORT
from heartbeat.agents.tools.built_in.schedule_task import SCHEDULE_TASK
from heartbeat.agents.tools.built_in.web_fetch import WEB_FETCH
from heartbeat.agents.tools.definitions import ToolResult
from heartbeat.settings import Settings

TOOLS = {
    tool.definition.name: tool for tool in (WEB_FETCH, REPORT, REMEMBER, RECALL, FORGET, NOTIFY_USER, SCHEDULE_TASK)
}
BUILT_IN = [tool.definition for tool in TOOLS.values()]


async def call_built_in(name: str, arguments: dict[str, Any], settings: Settings) -> ToolResult:
    """Call the built-in tool `name`. Arguments that do not fit make a call that says what to write instead."""
    try:
        valid = TOOLS[name].arguments.model_validate(arguments)
    except ValidationError as problem:
        text = f"{name} was not called: {_instead(problem)}. Call it again with that put right."
        return ToolResult("invalid_arguments", text)
    return await valid.call(settings)


def _instead(problem: ValidationError) -> str:
    return "; ".join(
        f"{'.'.join(str(part) for part in error['loc']) or 'the arguments'}: {error['msg']}"
        for error in problem.errors(include_url=False, include_context=False, include_input=False)[:5]
    )
