"""One model request, provider-neutral."""

import asyncio
from collections.abc import Callable
from functools import lru_cache

from pydantic_ai.direct import model_request
from pydantic_ai.models import Model, ModelRequestParameters
from pydantic_ai.settings import ModelSettings
from pydantic_ai.tools import ToolDefinition

from heartbeat.agents.completion import Completion, CompletionRequest, estimated_usage, read_response
from heartbeat.agents.failures import ModelFailure, explain
from heartbeat.agents.http import model_http_client
from heartbeat.agents.prompt import messages_of, told_of_unreadable_call
from heartbeat.agents.providers import models_of
from heartbeat.agents.tools.definitions import OfferedTool
from heartbeat.domain.model_names import PROVIDERS
from heartbeat.settings import Settings

MOST_MODELS = 100
NO_CLIENT = (
    "{model}: the provider's client cannot be made; check the proxies and certificates in the workers' settings."
)


class ProviderClients:
    """The clients of one process: one a provider, made at its first request, however many models are named."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._models_of: dict[str, Callable[[str], Model]] = {}
        # To make one looks its profile up in the lists of the libraries.
        self._model = lru_cache(MOST_MODELS)(self._make_model)
        self._http = model_http_client(settings)

    async def complete(self, request: CompletionRequest) -> Completion:
        """Send one request; raises `ModelFailure` in words the owner can act on."""
        options = ModelSettings(max_tokens=request.max_reply_tokens, timeout=float(self._settings.step_timeout_seconds))
        messages = messages_of(request.instruction, request.prompt, request.turns)
        if request.call_was_unreadable:
            messages = told_of_unreadable_call(messages)
        tools = ModelRequestParameters(function_tools=[_definition(tool) for tool in request.tools])
        try:
            model = self._model(request.model)
            # The libraries' own time-out is for each read; a server may send blanks for ever.
            async with asyncio.timeout(self._settings.step_timeout_seconds):
                response = await model_request(model, messages, model_settings=options, model_request_parameters=tools)
            return read_response(request, messages, response)
        except ModelFailure:
            raise
        except Exception as problem:
            failure = explain(request.model, problem)
            if failure.usage is None and failure.written is not None:
                failure.usage = estimated_usage(messages, request.tools, failure.written)
            raise failure from problem

    def _make_model(self, name: str) -> Model:
        service, _, model = name.partition(":")
        # Any other provider means OpenAI, as in `models_of`, and shares its client.
        service = service if service in PROVIDERS else "openai"
        if service not in self._models_of:
            try:
                self._models_of[service] = models_of(service, self._settings, self._http)
            except ModelFailure:
                raise
            except Exception as problem:
                # Google's library makes a client of its own beside ours, with the proxies as the environment has them.
                raise ModelFailure("misconfigured", NO_CLIENT.format(model=name)) from problem
        return self._models_of[service](model)

    async def close(self) -> None:
        """Give every connection back."""
        await self._http.aclose()


def _definition(tool: OfferedTool) -> ToolDefinition:
    return ToolDefinition(name=tool.name, description=tool.description, parameters_json_schema=tool.schema)
