"""Chat completions of OpenAI's client, sent as they are.

The client looks for fields to rename and values to encode, by the type of each message and tool; of chat completions
there are none. Twenty tools and twenty earlier calls cost some milliseconds of the event loop at every step.
"""

from typing import Any

from openai import AsyncOpenAI, NotGiven, Omit
from openai.types.chat import ChatCompletion

# Arguments of `create` that say how the request is made, and what they are called there.
OPTIONS = {"extra_headers": "headers", "extra_query": "params", "extra_body": "extra_json", "timeout": "timeout"}


def send_plainly(client: AsyncOpenAI) -> None:
    """Have `client.chat.completions.create` hand its arguments on. A copy of the client is as the library made it."""
    client.__dict__["chat"] = _Chat(client)


class _Chat:
    def __init__(self, client: AsyncOpenAI) -> None:
        self.completions = _Completions(client)


class _Completions:
    def __init__(self, client: AsyncOpenAI) -> None:
        self._client = client

    async def create(self, **arguments: Any) -> ChatCompletion:
        """Make one request whose answer comes whole."""
        given = {name: value for name, value in arguments.items() if not isinstance(value, Omit | NotGiven)}
        options: Any = {OPTIONS[name]: value for name in OPTIONS if (value := given.pop(name, None)) is not None}
        return await self._client.post("/chat/completions", cast_to=ChatCompletion, body=given, options=options)
