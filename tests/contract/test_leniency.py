"""What the API takes besides what its document says to send is read as it is meant."""

from typing import Any

import pytest

from tests.contract.leniency import as_meant, as_sent

SCHEMAS: dict[str, Any] = {
    "name": {"type": "string"},
    "label": {"anyOf": [{"type": "string"}, {"type": "null"}]},
    "bot_id": {"anyOf": [{"enum": ["bot_1"]}, {"type": "string"}]},
    "top": {"type": "integer"},
    "enabled": {"anyOf": [{"type": "boolean"}, {"type": "null"}]},
}


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        ({"name": "", "label": " "}, {"name": ""}),
        ({"bot_id": 7, "top": "5"}, {"bot_id": "7", "top": 5}),
        ({"top": "5.0"}, {"top": 5}),
        ({"top": "five", "enabled": "maybe"}, {"top": "five", "enabled": "maybe"}),
        ({"enabled": 1}, {"enabled": True}),
        ({"enabled": "inactive"}, {"enabled": False}),
        ({"gate": {"url": "x", "select": ""}}, {"gate": {"url": "x"}}),
        ({"top": None}, {"top": None}),
        ({"fallback_models": ["a", "", "a", "b"]}, {"fallback_models": ["a", "b"]}),
    ],
)
def test_a_request_is_read_as_it_is_meant(sent: dict[str, Any], meant: dict[str, Any]) -> None:
    assert as_meant("/v1/bot/create", sent, SCHEMAS, ["name"]) == meant


def test_a_null_leaves_a_field_out_where_that_is_promised() -> None:
    assert as_meant("/v1/bot/heartbeat/configure", {"top": None}, SCHEMAS, []) == {}


def test_the_last_value_of_a_query_counts_unless_it_is_a_list() -> None:
    schemas = SCHEMAS | {"tags": {"type": "array"}}
    sent = {"top": ["1", "2"], "tags": ["a", "b"], "label": []}
    assert as_sent(sent, schemas) == {"top": "2", "tags": ["a", "b"], "label": ""}
    assert as_sent({"top": [1, ["two", 3]], "bot_id": [[]]}, schemas) == {"top": 3, "bot_id": ""}
