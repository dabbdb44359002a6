"""Requests over a plain socket, because an HTTP client would cost more than the API."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any


class Connection:
    """One connection to a server of this machine; a request at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def send(self, request: bytes) -> bytes:
        """Send a request; returns the body of the answer, which must be a 200."""
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        body = await self._reader.readexactly(int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]))
        assert head.startswith(b"HTTP/1.1 200"), head + body
        return body


@asynccontextmanager
async def connection(port: int) -> AsyncIterator[Connection]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Connection(reader, writer)
    finally:
        writer.close()


def get(path: str, headers: Mapping[str, str]) -> bytes:
    return _request("GET", path, headers, b"")


def post(path: str, headers: Mapping[str, str], body: Mapping[str, Any]) -> bytes:
    content = json.dumps(body).encode()
    return _request("POST", path, {**headers, "content-length": str(len(content))}, content)


def _request(method: str, path: str, headers: Mapping[str, str], content: bytes) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "host: 127.0.0.1", *(f"{name}: {text}" for name, text in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode() + content
