"""What OpenAI's client is asked reaches the provider as the client itself would have sent it, without its looking."""

import json
import sys
from types import FrameType
from typing import Any

import httpx2
from openai.types.chat import ChatCompletion
from pydantic_ai.direct import model_request
from pydantic_ai.messages import ModelMessage, ModelRequest, ModelResponse, ToolCallPart, ToolReturnPart
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.settings import ModelSettings
from pydantic_ai.tools import ToolDefinition

from heartbeat.agents.prompt import messages_of
from heartbeat.agents.providers import models_of
from heartbeat.settings import Settings
from tests.support.model_server import ModelServer

OPTIONS = ModelSettings(max_tokens=100, timeout=30.0, temperature=0.2, extra_headers={"x-run": "1"})
SCHEMA = {"type": "object", "properties": {"place": {"enum": ["here", None]}}, "required": ["place"]}
TOOLS = ModelRequestParameters(
    function_tools=[ToolDefinition(name="look", description="Look.", parameters_json_schema=SCHEMA)]
)


def conversation(calls: int) -> list[ModelMessage]:
    messages = messages_of("Be brief.", "Look twice.", [])
    for number in range(calls):
        messages.append(ModelResponse(parts=[ToolCallPart("look", {"place": "here"}, f"call_{number}")]))
        messages.append(ModelRequest(parts=[ToolReturnPart("look", "Nothing.", f"call_{number}")]))
    return messages


async def test_a_request_is_what_the_client_would_have_sent() -> None:
    sent: list[tuple[Any, str | None, str | None]] = []

    async def note(request: httpx2.Request) -> None:
        sent.append((json.loads(request.content), request.headers.get("authorization"), request.headers.get("x-run")))

    provider = ModelServer()
    settings = Settings(_env_file=None, openai_base_url=provider.base_url, openai_api_key="sk-x")
    async with httpx2.AsyncClient(event_hooks={"request": [note]}) as http:
        model: Any = models_of("openai", settings, http)("gpt-x")
        for _ in range(2):
            await model_request(model, conversation(2), model_settings=OPTIONS, model_request_parameters=TOOLS)
            # From here on as the library made it.
            model.client.__dict__.pop("chat", None)
    provider.close()
    [plain, librarys] = sent
    assert plain == librarys
    assert plain[1:] == ("Bearer sk-x", "1")


async def test_what_was_said_before_is_not_looked_through() -> None:
    provider = ModelServer()
    settings = Settings(_env_file=None, openai_base_url=provider.base_url, openai_api_key="sk-x")
    async with httpx2.AsyncClient() as http:
        model: Any = models_of("openai", settings, http)("gpt-x")
        await model_request(model, conversation(1), model_request_parameters=TOOLS)
        messages = provider.requests[0]["messages"]
        entered: list[str] = []

        def enter(frame: FrameType, event: str, _: Any) -> None:
            if event == "call" and frame.f_code.co_filename.endswith("openai/_utils/_transform.py"):
                entered.append(frame.f_code.co_name)

        sys.setprofile(enter)
        try:
            answer = await model.client.chat.completions.create(model="gpt-x", messages=messages)
        finally:
            sys.setprofile(None)
    provider.close()
    assert isinstance(answer, ChatCompletion)
    assert not entered
