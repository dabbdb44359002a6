"""What is checked and sealed of a gate before a transaction begins, for which the settings are needed."""

from api.tool_registration import require_open_address
from heartbeat.domain.errors import Invalid
from heartbeat.domain.gates import Gate, SealedHeaders
from heartbeat.secrets.gates import sealed_headers
from heartbeat.secrets.keyring import NoKey
from heartbeat.settings import Settings


def checked_headers(gate: Gate | None, settings: Settings) -> SealedHeaders | None:
    """Seal the headers that were sent with a gate, if any were. Raises `Invalid`, also when there is no key."""
    if gate is not None and gate.url is not None:
        require_open_address(gate.url, settings, "gate.url")
    try:
        return sealed_headers(gate, settings)
    except NoKey as problem:
        raise Invalid("gate.headers", problem.message, problem.code) from None
