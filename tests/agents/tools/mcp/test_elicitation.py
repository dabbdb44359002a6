"""A server that asks a person something in the middle of a call."""

from dataclasses import replace
from typing import Any

import pytest
from mcp_types import ElicitRequestFormParams, ElicitRequestURLParams

from heartbeat.agents.tools.definitions import Answers, McpServer, OfferedTool, ToolResult
from heartbeat.agents.tools.mcp.elicitation import answer_to_question
from heartbeat.agents.tools.mcp.sessions import Sessions

QUESTION = 'Its server workshop asks in the middle of the call: Burn the chair? A yes answers {"sure": true}.'


async def test_it_hears_a_no_unless_a_person_may_be_asked(workshop: McpServer, sessions: Sessions) -> None:
    plain = OfferedTool("workshop__burn", "", {}, workshop, "burn")
    refused = await sessions.call(plain, {"what": "the chair"}, "log_2", "log_2:2")
    assert (refused.question, refused.text) == (None, "Kept the chair (decline).")
    workshop = replace(workshop, elicitation="approval")

    async def burn(number: int, answers: Answers) -> ToolResult:
        tool = OfferedTool("workshop__burn", "", {}, workshop, "burn")
        return await sessions.call(tool, {"what": "the chair"}, "log_1", f"log_1:{number}", None, answers)

    assert (await burn(2, Answers())).text == "Kept the chair (decline)."
    asked = await burn(4, Answers(may_ask=True))
    assert asked.question == QUESTION
    yes = await burn(6, Answers(may_ask=True, approved=QUESTION))
    assert (yes.question, yes.text) == (None, "Burned the chair.")
    other = await burn(8, Answers(may_ask=True, approved="Another question."))
    assert (other.question, other.text) == (None, "Kept the chair (decline).")
    painting = OfferedTool("workshop__paint", "", {}, workshop, "paint")
    unanswerable = await sessions.call(painting, {}, "log_1", "log_1:10", None, Answers(may_ask=True))
    assert (unanswerable.question, unanswerable.text) == (None, "Not painted (decline).")


FORMS: dict[str, tuple[dict[str, Any], dict[str, Any] | None]] = {
    "nothing to fill in": ({}, {}),
    "the one thing is a yes": ({"properties": {"really": {"type": "boolean", "default": False}}}, {"really": True}),
    "what has a default, and what need not be said": (
        {"properties": {"days": {"type": "integer", "default": 3}, "why": {"type": "string"}}},
        {"days": 3},
    ),
    "a yes among others": (
        {
            "properties": {"sure": {"type": "boolean"}, "name": {"type": "string", "default": "x"}},
            "required": ["sure", "name"],
        },
        {"sure": True, "name": "x"},
    ),
    "a text": ({"properties": {"name": {"type": "string"}}, "required": ["name"]}, None),
    "a default that no form has": ({"properties": {"name": {"default": {}}}, "required": ["name"]}, None),
    "a name that is none": ({"properties": {}, "required": [["name"]]}, None),
    "what is no form": ({"properties": [], "required": "name"}, None),
}


@pytest.mark.parametrize("case", FORMS)
def test_a_yes_fills_in_what_a_yes_can(case: str) -> None:
    schema, content = FORMS[case]
    server, params = (
        McpServer("tool_1", "desk", "http"),
        ElicitRequestFormParams(message="Go on?", requested_schema=schema),
    )
    answers = Answers(may_ask=True)
    first = answer_to_question(server, params, answers)
    assert (first.action, answers.question is None) == (("decline", True) if content is None else ("cancel", False))
    yes = answer_to_question(server, params, Answers(may_ask=True, approved=answers.question))
    assert (yes.action, yes.content) == (("decline", None) if content is None else ("accept", content))


def test_nobody_is_sent_to_an_address() -> None:
    params = ElicitRequestURLParams(message="Pay.", url="https://pay.example", elicitation_id="1")
    answers = Answers(may_ask=True)
    assert answer_to_question(McpServer("tool_1", "desk", "http"), params, answers).action == "decline"
    assert answers.question is None
