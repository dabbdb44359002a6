"""The headers that the address of a gate is read with, sealed for the id that they have in the gate."""

import json

from heartbeat.domain.gates import Gate, SealedHeaders
from heartbeat.domain.ids import new_id
from heartbeat.secrets.keyring import Keyring
from heartbeat.settings import Settings


def gate_row(gate_id: str) -> str:
    """What the headers of a gate are sealed with."""
    return f"gate:{gate_id}:headers"


def sealed_headers(gate: Gate | None, settings: Settings) -> SealedHeaders | None:
    """Seal the headers that were sent with a gate; `None` if none were. Raises `NoKey` and `CannotOpen`."""
    headers = gate.sent_headers() if gate else None
    if not headers:
        return None
    gate_id = new_id("gate")
    sealed = Keyring.from_settings(settings).seal(json.dumps(headers), gate_row(gate_id))
    return SealedHeaders(gate_id, list(headers), sealed)


def open_gate_headers(keyring: Keyring, gate_id: str | None, sealed: str | None) -> dict[str, str]:
    """Open the headers of a gate, none if it has none. Raises `CannotOpen`."""
    if sealed is None or gate_id is None:
        return {}
    headers: dict[str, str] = json.loads(keyring.open(sealed, gate_row(gate_id)))
    return headers
