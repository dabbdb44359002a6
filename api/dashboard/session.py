"""A browser's session: a cookie that names a key and ends, signed with the key's own hash.

There is no secret and no table of sessions: revoking a key ends its sessions, and a cookie holds nothing that opens
the API. Own code: Starlette's sessions are signed with one secret of the installation and outlive the key.
"""

import hmac
from datetime import UTC, datetime, timedelta
from hashlib import sha256

COOKIE = "heartbeat_session"
LASTS = timedelta(days=7)


def issue(key_uuid: str, key_hash: str, now: datetime) -> str:
    """Build the cookie of a session that begins `now`."""
    claim = f"{key_uuid}.{int((now + LASTS).timestamp())}"
    return f"{claim}.{_signature(claim, key_hash)}"


def key_of(value: str) -> str:
    """Read which key a cookie claims to be of, by public id; empty for none. Nothing is verified yet."""
    parts = value.split(".")
    return parts[0] if len(parts) == 3 else ""


def holds(value: str, key_hash: str, now: datetime) -> bool:
    """Verify that the cookie was issued for the key with this hash, and has not ended."""
    claim, _, signature = value.rpartition(".")
    if not hmac.compare_digest(signature.encode(), _signature(claim, key_hash).encode()):
        return False
    return now < datetime.fromtimestamp(int(claim.rpartition(".")[2]), UTC)


def _signature(claim: str, key_hash: str) -> str:
    return hmac.new(key_hash.encode(), b"dashboard session " + claim.encode(), sha256).hexdigest()
