"""A look at a gate, whatever happens there."""

import pytest

from heartbeat.domain.gates import Gate
from heartbeat.gates.looking import DEFECT, GateReader
from heartbeat.settings import Settings
from heartbeat.store.database.database import Database
from heartbeat.store.heartbeats.gate_columns import gate_columns
from heartbeat.store.heartbeats.gates import GateQuestion

SETTINGS = Settings(_env_file=None)


async def test_a_fault_of_our_own_is_a_failure_and_no_look_for_ever(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    async def is_broken(*of: object) -> list[str]:
        raise ZeroDivisionError("at a fault")

    gate = gate_columns(Gate.model_validate({"url": "https://example.com/feed?key=s3cret"}), None)["gate"]
    reader = GateReader(database, SETTINGS, resolve=is_broken)
    look = await reader.look(GateQuestion(gate, None, None, None, None))
    assert (look.outcome, look.failure) == ("failed", DEFECT)
    assert "a gate cannot be looked at: https://example.com/feed" in caplog.text
