"""Hearing from a server that its list of tools changed. Before the protocol of 2026 it said so by itself."""

import asyncio
from collections.abc import Callable

from mcp.client.session import ClientSession
from mcp.client.subscriptions import SubscriptionLost, listen
from mcp.shared.exceptions import MCPError
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

RETRY_SECONDS = 30.0


async def listen_for_changes(session: ClientSession, on_missed: Callable[[], None]) -> None:
    """Have the server say it, until cancelled; what it says reaches the session's message handler.

    `on_missed` is called when the stream broke off, for what was said meanwhile is not repeated.
    """
    capabilities = session.server_capabilities
    if session.protocol_version not in MODERN_PROTOCOL_VERSIONS or not (
        capabilities and capabilities.tools and capabilities.tools.list_changed
    ):
        return
    while True:
        try:
            async with listen(session, tools_list_changed=True) as subscription:
                async for _ in subscription:
                    pass
            return
        except SubscriptionLost:
            on_missed()
        except MCPError:
            # It does not take the request after all: the list is read once a session, as with any other.
            return
        await asyncio.sleep(RETRY_SECONDS)
