"""The table of heartbeats has a column for each declared field, with the same default."""

import pytest

from heartbeat.domain.heartbeat_fields import HeartbeatFields
from heartbeat.store.heartbeats.configure import COLUMNS
from heartbeat.store.tables.heartbeats import Heartbeat

FIELDS = HeartbeatFields.model_fields


def test_configure_writes_columns_of_the_table() -> None:
    assert set(COLUMNS) <= set(Heartbeat.model_fields)


@pytest.mark.parametrize("name", sorted(FIELDS.keys() - {"interval_minutes"}))
def test_a_column_is_as_its_field_is_declared(name: str) -> None:
    """A scheduled task, which has what is no interval from the table, is like a heartbeat in it."""
    column = Heartbeat.model_fields[name]
    assert column.get_default(call_default_factory=True) == FIELDS[name].default
    assert column.is_required() == FIELDS[name].is_required()
    assert Heartbeat.__table__.c[name].nullable == (FIELDS[name].default is None)  # type: ignore[attr-defined]


def test_an_interval_may_be_empty() -> None:
    """A row with a cron pattern has none."""
    assert Heartbeat.__table__.c.interval_minutes.nullable  # type: ignore[attr-defined]
    assert Heartbeat.model_fields["interval_minutes"].default is None
