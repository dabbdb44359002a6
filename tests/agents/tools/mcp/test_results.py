"""An answer as the model reads it."""

import json
from typing import Any

import pytest
from mcp_types import (
    AudioContent,
    BlobResourceContents,
    CallToolResult,
    EmbeddedResource,
    ResourceLink,
    TextContent,
    TextResourceContents,
)

from heartbeat.agents.tools.definitions import McpServer
from heartbeat.agents.tools.mcp.results import result_text, without_secrets

SHOP = McpServer("tool_1", "shop", "http", headers={"Authorization": "Bearer canary-4711", "X-Version": "2"})
DATA: dict[str, Any] = {"rows": [1, 2]}


def sent(result: CallToolResult) -> dict[str, Any]:
    """A result as it goes on the wire."""
    return result.model_dump(mode="json", by_alias=True, exclude_none=True)


def test_texts_are_joined_and_other_things_named() -> None:
    link = ResourceLink(name="notes", uri="file:///notes.txt")
    plan = ResourceLink(
        name="plan",
        title="The plan",
        uri="file:///plan.pdf",
        description="What is next.",
        mime_type="application/pdf",
        size=4_096,
    )
    text = EmbeddedResource(resource=TextResourceContents(uri="file:///a.txt", text="What a.txt says."))
    blob = EmbeddedResource(
        resource=BlobResourceContents(uri="file:///b.bin", blob="QUJD", mime_type="application/pdf")
    )
    sound = AudioContent(data="A" * 4_000_000, mime_type="audio/wav")
    answer = CallToolResult(
        content=[TextContent(text="First."), link, plan, text, blob, sound, TextContent(text="Last.")]
    )
    assert result_text(sent(answer), SHOP, 1_000).splitlines() == [
        "First.",
        "[link: file:///notes.txt]",
        "[link: file:///plan.pdf, The plan, application/pdf, 4 KB: What is next.]",
        "What a.txt says.",
        "[file file:///b.bin, application/pdf, 3 bytes]",
        "[audio, audio/wav, 2,929 KB]",
        "Last.",
    ]


@pytest.mark.parametrize(
    ("texts", "structured", "said"),
    [
        ([], DATA, json.dumps(DATA)),
        (["Two rows."], DATA, 'Two rows.\n{"rows": [1, 2]}'),
        ([json.dumps(DATA, indent=2)], DATA, json.dumps(DATA, indent=2)),
        (["Sun."], {"result": "Sun."}, "Sun."),
        (["1", "2"], {"result": [1, 2]}, "1\n2"),
        (["a", "b"], {"result": ["a", "b"]}, "a\nb"),
        ([], None, "(an empty answer)"),
    ],
)
def test_data_is_said_once(texts: list[str], structured: Any, said: str) -> None:
    answer = CallToolResult(content=[TextContent(text=text) for text in texts], structured_content=structured)
    assert result_text(sent(answer), SHOP, 1_000) == said


def test_header_values_are_hidden_whole_and_in_part() -> None:
    assert without_secrets("sent Bearer canary-4711; token canary-4711 is bad", SHOP) == "sent •••; token ••• is bad"
    assert without_secrets("a Bearer of news", SHOP) == "a Bearer of news"
    assert without_secrets("version 2", SHOP) == "version 2", "what is too short to be a secret stays"
