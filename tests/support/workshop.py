"""A server made with the SDK's `MCPServer`, which does what servers do beside answering calls.

In a test: `Workshop()`, a thread of its own; `modern` false speaks the protocol of 2025 alone. `python -m
tests.support.workshop` is the same over pipes.
"""

import asyncio
import threading
from typing import Annotated

from mcp.server.elicitation import ElicitationResult
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.resolve import Elicit, Resolve
from mcp_types import ToolAnnotations, ToolListChangedNotification
from pydantic import BaseModel
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.support.thread_server import ThreadServer
from tests.support.tool_server import ANY_NAME

READS = ToolAnnotations(read_only_hint=True)
# While it is not set, `sand` does not end.
FINISH = threading.Event()
FINISH.set()


class Sure(BaseModel):
    sure: bool


class Paint(BaseModel):
    colour: str


def ask_to_burn(what: str) -> Elicit[Sure]:
    return Elicit(f"Burn {what}?", Sure)


def ask_for_paint() -> Elicit[Paint]:
    return Elicit("Which colour?", Paint)


def workshop() -> MCPServer:
    server = MCPServer("workshop")

    @server.tool(annotations=READS)
    def saw(what: str) -> str:
        """Saw something."""
        return f"Sawed {what}."

    @server.tool(annotations=READS)
    async def rearrange(ctx: Context) -> str:
        """Describes `saw` otherwise from now on, has a tool more, and says so."""

        def saw(what: str, twice: bool = False) -> str:
            """Saw something, once or twice."""
            return f"Sawed {what} otherwise."

        server.remove_tool("saw")
        server.add_tool(saw, annotations=READS)
        if all(tool.name != "file" for tool in await server.list_tools()):
            server.add_tool(saw, "file", "File something.", annotations=READS)
        # As servers of 2025 say it, here among what comes with the answer; and as those of 2026 do.
        await ctx.session.send_notification(ToolListChangedNotification(), ctx.request_id)
        await ctx.notify_tools_changed()
        return "It looks different now."

    @server.tool()
    async def sand(coats: int, ctx: Context) -> str:
        """Sand something, coat after coat."""
        for coat in range(coats):
            await ctx.report_progress(coat + 1, coats, f"coat\n{coat + 1}")
        while not FINISH.is_set():
            await asyncio.sleep(0.01)
        return "Smooth."

    @server.tool()
    async def burn(what: str, sure: Annotated[ElicitationResult[Sure], Resolve(ask_to_burn)]) -> str:
        """Burn something, after a yes."""
        if sure.action == "accept" and sure.data.sure:
            return f"Burned {what}."
        return f"Kept {what} ({sure.action})."

    @server.tool()
    async def paint(name: Annotated[ElicitationResult[Paint], Resolve(ask_for_paint)]) -> str:
        """Paint something in a colour that somebody names."""
        return f"Not painted ({name.action})."

    @server.resource("plan://chair", title="The chair", mime_type="text/plain")
    def chair() -> str:
        """How a chair is made."""
        return "Four legs and a seat."

    @server.resource("plan://picture", mime_type="image/png")
    def picture() -> bytes:
        return bytes(2_048)

    @server.resource("plan://{name}/{step}")
    def step(name: str, step: str) -> str:
        """One step of a plan."""
        return f"Step {step} of {name}."

    @server.prompt()
    def mend(what: str, hurry: bool = False) -> str:
        """How to mend something."""
        return f"Mend {what}{' at once' if hurry else ''}."

    return server


class Workshop(ThreadServer):
    """The workshop behind streamable HTTP."""

    server = staticmethod(workshop)

    def __init__(self, *, modern: bool = True) -> None:
        self._modern = modern
        super().__init__()
        self.url = f"{self.url}/mcp"

    def app(self) -> ASGIApp:
        app = self.server().streamable_http_app(transport_security=ANY_NAME)

        async def at_the_door(scope: Scope, receive: Receive, send: Send) -> None:
            version = dict(scope.get("headers", ())).get(b"mcp-protocol-version", b"")
            if not self._modern and version.startswith(b"2026"):
                return await PlainTextResponse("Unsupported protocol version", 400)(scope, receive, send)
            return await app(scope, receive, send)

        return at_the_door


def main() -> None:
    """Serve over pipes."""
    workshop().run("stdio")


if __name__ == "__main__":
    main()
