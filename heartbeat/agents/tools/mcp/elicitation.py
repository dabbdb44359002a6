"""What a server asks a person in the middle of a call: it is refused, or becomes an approval.

A person says yes or no, and may take a day for it, so the call is broken off and made anew after a yes. A yes fills in
what a yes can: booleans, and what has a default.
"""

import json
from collections.abc import Mapping
from typing import Any

from mcp_types import ElicitRequest, ElicitRequestFormParams, ElicitRequestParams, ElicitResult
from pydantic import ValidationError

from heartbeat.agents.tools.definitions import Answers, McpServer
from heartbeat.agents.tools.mcp.results import without_secrets
from heartbeat.domain.text import storable_text

MAX_CHARACTERS = 1_000
REFUSED, BROKEN_OFF = ElicitResult(action="decline"), ElicitResult(action="cancel")


def answer_to_question(server: McpServer, params: ElicitRequestParams, answers: Answers) -> ElicitResult:
    """Answer a server's question; one that a person is to be asked is left in `answers.question`."""
    content = _content_of_yes(params)
    if not answers.may_ask or content is None:
        return REFUSED
    question = _words(server, params.message, content)
    if question == answers.approved:
        return ElicitResult(action="accept", content=content)
    if answers.approved is not None or answers.question is not None:
        return REFUSED
    answers.question = question
    return BROKEN_OFF


def responses_to(server: McpServer, answer: Mapping[str, Any], answers: Answers) -> dict[str, ElicitResult] | None:
    """Answer what a server of the protocol of 2026 wants before it goes on; `None` if it wants more than answers."""
    entries = answer.get("inputRequests")
    if not isinstance(entries, dict) or not entries:
        return None
    try:
        requests = {key: ElicitRequest.model_validate(entry) for key, entry in entries.items()}
    except ValidationError:
        return None
    return {key: answer_to_question(server, request.params, answers) for key, request in requests.items()}


def _content_of_yes(params: ElicitRequestParams) -> dict[str, Any] | None:
    """What a plain yes fills into the form that is shown; `None` if a yes is not enough for it."""
    if not isinstance(params, ElicitRequestFormParams):
        return None
    schema = params.requested_schema
    properties, required = schema.get("properties") or {}, schema.get("required") or []
    if not isinstance(properties, dict) or not isinstance(required, list):
        return None
    required = [str(name) for name in required]
    if [_type(one) for one in properties.values()] == ["boolean"]:
        return dict.fromkeys(properties, True)
    content = {name: one["default"] for name, one in properties.items() if _has_default(one)}
    content |= {name: True for name in required if name not in content and _type(properties.get(name)) == "boolean"}
    return content if set(required) <= set(content) else None


def _type(schema: Any) -> Any:
    return schema.get("type") if isinstance(schema, dict) else None


def _has_default(schema: Any) -> bool:
    return isinstance(schema, dict) and isinstance(schema.get("default"), str | int | float)


def _words(server: McpServer, message: str, content: Mapping[str, Any]) -> str:
    """The question as a person reads it, with what a yes says."""
    yes = f" A yes answers {json.dumps(content, ensure_ascii=False, sort_keys=True)}." if content else ""
    question = f"Its server {server.label} asks in the middle of the call: {' '.join(message.split())}"
    parts = (without_secrets(part, server)[:MAX_CHARACTERS] for part in (question, yes))
    return storable_text("".join(parts))
