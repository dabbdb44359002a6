"""The chain: each entry's hash is that of its own fields and of the hash before it."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

HASHED = (
    "project_id",
    "number",
    "at",
    "actor_kind",
    "actor_id",
    "actor_name",
    "address",
    "action",
    "object_type",
    "object_id",
    "object_name",
    "changes",
)
# Entries of before these were kept have none, and were hashed without.
HASHED_IF_KEPT = ("actor_email", "user_agent")


def entry_hash(previous: str, entry: Mapping[str, Any]) -> str:
    """Hash an entry after the one with the hash `previous`: SHA-256 over JSON with sorted names and no spaces."""
    at: datetime = entry["at"]
    fields = {name: entry[name] for name in HASHED} | {
        **{name: entry[name] for name in HASHED_IF_KEPT if entry[name] is not None},
        "previous": previous,
        "at": at.astimezone(UTC).isoformat(timespec="microseconds"),
    }
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return sha256(text.encode()).hexdigest()
