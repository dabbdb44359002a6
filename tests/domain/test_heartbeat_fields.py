"""The declared fields of a heartbeat: described, with examples that hold, and clear about null."""

import pytest
from pydantic import ValidationError

from heartbeat.domain.heartbeat_fields import NULL_IS_LEFT_OUT, HeartbeatFields

FIELDS = HeartbeatFields.model_fields
# They replace each other, so one of them is empty though null clears neither.
WHEN = {"cron_pattern", "interval_minutes"}


@pytest.mark.parametrize("name", FIELDS)
def test_a_field_is_described_and_its_examples_are_values_of_it(name: str) -> None:
    field = FIELDS[name]
    assert field.description
    assert field.examples
    for value in field.examples:
        example = HeartbeatFields.model_validate({"prompt": "Check", name: value})
        assert example.model_dump(mode="json", exclude_unset=True)[name] == value


@pytest.mark.parametrize("name", [name for name, field in FIELDS.items() if not field.is_required()])
def test_a_default_is_a_value_of_the_field(name: str) -> None:
    default = FIELDS[name].default
    assert getattr(HeartbeatFields.model_validate({"prompt": "Check", name: default}), name) == default


@pytest.mark.parametrize("name", sorted(FIELDS.keys() - WHEN))
def test_null_clears_what_may_be_empty_and_nothing_else(name: str) -> None:
    if name in NULL_IS_LEFT_OUT or FIELDS[name].is_required():
        with pytest.raises(ValidationError):
            HeartbeatFields.model_validate({"prompt": "Check", name: None})
    else:
        assert getattr(HeartbeatFields.model_validate({"prompt": "Check", name: None}), name) is None


def test_null_clears_neither_a_pattern_nor_an_interval() -> None:
    assert WHEN <= NULL_IS_LEFT_OUT
