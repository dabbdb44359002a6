"""What an authorization server granted, sealed for the row of its connection."""

import asyncio
from datetime import datetime, timedelta
from importlib import import_module
from typing import TYPE_CHECKING

from heartbeat.domain.tool_connections import OAuthClient
from heartbeat.secrets.connections import seal_client, seal_tokens
from heartbeat.secrets.keyring import Keyring
from heartbeat.store.tools.connections import SealedGrant

if TYPE_CHECKING:
    from heartbeat.agents.tools.mcp.authorization.sign_in import Grant

MAX_SECONDS = 10 * 365 * 86_400


async def load() -> None:
    """Load the SDK in a thread: the first time takes half a second, in which others want their answers."""
    await asyncio.to_thread(import_module, "heartbeat.agents.tools.mcp.authorization.sign_in")


def sealed_grant(
    keyring: Keyring, connection_uuid: str, client: OAuthClient, grant: "Grant", began: datetime
) -> SealedGrant:
    """Seal what was granted to a request that was sent when it `began`. Raises `NoKey`."""
    lasts = None if grant.expires_in is None else timedelta(seconds=max(0, min(grant.expires_in, MAX_SECONDS)))
    return SealedGrant(
        sealed_client=seal_client(keyring, connection_uuid, client),
        sealed_tokens=seal_tokens(keyring, connection_uuid, grant.tokens),
        issuer=client.issuer,
        scopes=list(grant.scopes),
        expires_at=None if lasts is None else began + lasts,
    )
