"""What a tool answered, as text for the model: joined, other things named, secrets out, cut to a size."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from heartbeat.agents.tools.definitions import McpServer
from heartbeat.domain.text import cut_bytes

if TYPE_CHECKING:
    from mcp_types import CallToolResult, ContentBlock

MIN_SECRET_LENGTH = 6
HIDDEN = "•••"


def result_text(result: "CallToolResult", server: McpServer, max_bytes: int) -> str:
    """Put a result into words for the model, at most `max_bytes` of UTF-8 and a line that says so if it was cut."""
    texts = [_words(block) for block in result.content]
    if result.structured_content is not None and not _repeats(result.structured_content, texts):
        texts.append(json.dumps(result.structured_content, ensure_ascii=False))
    return cut_bytes(without_secrets("\n".join(texts), server), max_bytes) or "(an empty answer)"


def without_secrets(text: str, server: McpServer) -> str:
    """Hide the header values and the environment that the server was given, should it say them back."""
    for secret in sorted(_secrets(server), key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return text


def _secrets(server: McpServer) -> Iterator[str]:
    for value in (*server.headers.values(), *server.env.values()):
        # "Bearer abc": the part that is secret may be said alone.
        yield from (part for part in (value, value.rpartition(" ")[2]) if len(part) >= MIN_SECRET_LENGTH)


def _words(block: "ContentBlock") -> str:
    match block.type:
        case "text":
            return block.text
        case "image" | "audio":
            return f"[{block.type}, {_size(block.data)}]"
        case "resource_link":
            return f"[link: {block.uri}]"
        case "resource":
            resource = block.resource
            return getattr(resource, "text", None) or f"[file {resource.uri}, {_size(getattr(resource, 'blob', ''))}]"


def _size(base64: str) -> str:
    size = len(base64) * 3 // 4
    return f"{size // 1024:,} KB" if size >= 1024 else f"{size} bytes"


def _repeats(structured: Any, texts: Sequence[str]) -> bool:
    """Whether the texts already say it: servers send both, for clients that know one of them."""
    plain = [_parsed(text) for text in texts]
    inner = (
        structured.get("result") if isinstance(structured, Mapping) and set(structured) == {"result"} else structured
    )
    return any(same in plain or same in texts or same in (plain, texts) for same in (structured, inner))


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
