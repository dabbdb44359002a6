"""What a tool answered, as text for the model: joined, other things named, secrets out, cut to a size.

The answer is read as it was sent, as far as it can be: blocks of unknown types, texts that are none, no content at all.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

from heartbeat.agents.tools.definitions import McpServer
from heartbeat.domain.text import cut_bytes

MIN_SECRET_LENGTH = 6
HIDDEN = "•••"
EMPTY = "(an empty answer)"
# What is about the answer, not in it.
BESIDE = {"_meta", "isError", "resultType", "content", "structuredContent"}


def result_text(result: Mapping[str, Any], server: McpServer, max_bytes: int) -> str:
    """Put a result into words for the model, at most `max_bytes` of UTF-8 and a line that says so if it was cut."""
    blocks = _blocks(result.get("content"))
    texts = [text for block in blocks if (text := _words(block))]
    structured = result.get("structuredContent")
    if structured is not None and not _repeats(structured, texts, blocks):
        texts.append(_text(structured))
    if not texts:
        texts = list(_elsewhere(result))
    return cut_bytes(without_secrets("\n".join(texts), server), max_bytes) or EMPTY


def is_error(result: Mapping[str, Any]) -> bool:
    """Whether the tool says that it failed: a yes of any type. Nothing, and a text that is no yes, is no error."""
    value = result.get("isError")
    return value.strip().lower() in ("true", "yes", "1") if isinstance(value, str) else bool(value)


def asks_for_input(result: Mapping[str, Any]) -> bool:
    """Whether the tool wants more from a person before it answers (the protocol of 2026)."""
    return result.get("resultType") == "input_required"


def without_secrets(text: str, server: McpServer) -> str:
    """Hide the header values, the query and the environment that the server was given, should it say them back."""
    for secret in sorted(_secrets(server), key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return text


def _secrets(server: McpServer) -> Iterator[str]:
    query = server.url.partition("?")[2].partition("#")[0]
    in_query = (query, *(value for _, value in parse_qsl(query)))
    access = (server.access.value,) if server.access else ()
    for value in (*server.headers.values(), *access, *server.env.values(), *in_query):
        # "Bearer abc": the part that is secret may be said alone.
        yield from (part for part in (value, value.rpartition(" ")[2]) if len(part) >= MIN_SECRET_LENGTH)


def _blocks(content: Any) -> Sequence[Any]:
    if content is None:
        return ()
    return content if isinstance(content, list) else [content]


def _words(block: Any) -> str:
    if not isinstance(block, dict):
        return _text(block)
    kind = block.get("type")
    if kind == "resource_link":
        return _link(block)
    if kind == "resource":
        return _resource(block.get("resource"))
    if "text" in block:
        return _text(block["text"])
    if isinstance(kind, str) and kind != "text":
        return f"[{', '.join([kind, *_about(block, block.get('data'))])}]"
    return "" if kind == "text" else _text(block)


def _resource(resource: Any) -> str:
    if not isinstance(resource, dict):
        return _text(resource)
    if resource.get("text"):
        return _text(resource["text"])
    uri, blob = resource.get("uri"), resource.get("blob")
    about = _about(resource, blob if isinstance(blob, str) else "")
    return f"[{', '.join([f'file {_text(uri)}', *about])}]"


def _link(block: Mapping[str, Any]) -> str:
    """A resource that could be read: what it is called and about, as far as its server says."""
    size = block.get("size")
    about = [_text(block.get(name)) for name in ("title", "mimeType")]
    about += [_bytes(size)] if isinstance(size, int) and not isinstance(size, bool) else []
    link = ", ".join(filter(None, [_text(block.get("uri") or block.get("name")), *about]))
    description = _text(block.get("description"))
    return f"[link: {link}: {description}]" if description else f"[link: {link}]"


def _about(block: Mapping[str, Any], base64: Any) -> list[str]:
    """What kind of data it is, and how much."""
    kind = block.get("mimeType")
    size = [_bytes(len(base64) * 3 // 4)] if isinstance(base64, str) else []
    return [*([kind] if isinstance(kind, str) and kind else []), *size]


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _elsewhere(result: Mapping[str, Any]) -> Iterator[str]:
    """What an answer without content says elsewhere: in the `toolResult` of old, or in fields of its own."""
    if "toolResult" in result:
        yield _text(result["toolResult"])
    elif rest := {name: value for name, value in result.items() if name not in BESIDE}:
        yield _text(rest)


def _bytes(size: int) -> str:
    return f"{size // 1024:,} KB" if size >= 1024 else f"{size} bytes"


def _repeats(structured: Any, texts: Sequence[str], blocks: Sequence[Any]) -> bool:
    """Whether the content already says it: servers send both, for clients that know one of them.

    What they repeat, be it the texts or the blocks themselves, often stands under one name, such as `result`.
    """
    plain = [_parsed(text) for text in texts]
    inner = next(iter(structured.values())) if isinstance(structured, Mapping) and len(structured) == 1 else structured
    return any(same in plain or same in texts or same in (plain, texts, blocks) for same in (structured, inner))


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
