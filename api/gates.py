"""What is checked and sealed of a gate before a transaction begins, for which the settings are needed."""

from api.tool_registration import require_open_address
from heartbeat.domain.gates import Gate, SealedHeaders
from heartbeat.secrets.gates import sealed_headers
from heartbeat.settings import Settings


def checked_headers(gate: Gate | None, settings: Settings) -> SealedHeaders | None:
    """Seal the headers that were sent with a gate, if any were. Raises `Invalid` for a closed address, and `NoKey`."""
    if gate is not None and gate.url is not None:
        require_open_address(gate.url, settings, "gate.url")
    return sealed_headers(gate, settings)
