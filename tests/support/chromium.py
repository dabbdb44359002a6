"""A real browser, driven over its DevTools protocol."""

import asyncio
import json
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect

from tests.support.patience import PATIENCE, until

BINARY = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-port=0",
    # What slows a page down that nobody looks at, or after input, and what keeps the old page for the way back: each
    # can leave a new page without its content (headless Chrome since 134).
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
    "--disable-back-forward-cache",
    "--disable-features=DeferRendererTasksAfterInput,PaintHolding",
)
# What a page is that does not become what it should.
WHERE = "`${location.href} ${document.readyState}: ${document.documentElement?.innerText}`"


class Tab:
    """One page. `complaints` are the errors its console has shown so far."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._number = 0
        self.complaints: list[str] = []

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        message = await self._answer(method, **parameters)
        assert "error" not in message, message
        return message["result"]

    async def run(self, script: str) -> Any:
        """The value of a line of JavaScript."""
        result = await self.call("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    async def until(self, script: str) -> None:
        """Come back as soon as the line is true."""
        complete = f"document.readyState === 'complete' && Boolean({script})"
        try:
            await until(partial(self._holds, complete))
        except AssertionError:
            raise AssertionError(f"{script}: {await self._answer('Runtime.evaluate', expression=WHERE)}") from None

    async def _holds(self, script: str) -> bool:
        """Whether a line is true; it is not while one page takes the place of another, for then no script runs."""
        message = await self._answer("Runtime.evaluate", expression=script, returnByValue=True)
        return message.get("result", {}).get("result", {}).get("value") is True

    async def _answer(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        await self._socket.send(json.dumps({"id": self._number, "method": method, "params": parameters}))
        while True:
            message = json.loads(await asyncio.wait_for(self._socket.recv(), PATIENCE))
            if message.get("id") == self._number:
                return message
            self._note(message)

    async def go(self, url: str) -> None:
        # A mark on the old page, or it would be taken for the new one.
        await self.run("window.old = true")
        await self.call("Page.navigate", url=url)
        await self.until("!window.old")

    def _note(self, message: dict[str, Any]) -> None:
        entry = message.get("params", {}).get("entry", {})
        if message["method"] == "Runtime.exceptionThrown" or entry.get("level") == "error":
            self.complaints.append(json.dumps(message["params"]))


@asynccontextmanager
async def chromium(profile: Path) -> AsyncIterator[Tab]:
    """A browser with an empty profile, gone at the end."""
    assert BINARY is not None
    process = await asyncio.create_subprocess_exec(
        BINARY, *FLAGS, f"--user-data-dir={profile}", "about:blank", stderr=asyncio.subprocess.PIPE
    )
    try:
        port = await asyncio.wait_for(_port(process), PATIENCE)
        async with httpx.AsyncClient(trust_env=False) as http:
            targets = (await http.get(f"http://127.0.0.1:{port}/json/list")).json()
        [page] = [target for target in targets if target["type"] == "page"]
        async with connect(page["webSocketDebuggerUrl"], max_size=None, proxy=None) as socket:
            tab = Tab(socket)
            for domain in ("Page", "Runtime", "Log"):
                await tab.call(f"{domain}.enable")
            yield tab
    finally:
        process.kill()
        await process.wait()


async def _port(process: asyncio.subprocess.Process) -> str:
    assert process.stderr is not None
    async for line in process.stderr:
        if match := re.search(rb"DevTools listening on ws://[^:]+:(\d+)/", line):
            return match[1].decode()
    raise AssertionError("the browser did not start")
