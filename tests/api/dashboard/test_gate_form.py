"""The gate in a heartbeat's form: what is typed as the API's `gate`, and what is wrong at its control."""

from typing import Any

import pytest

from api.dashboard import heartbeat_form as forms
from api.dashboard.forms import Form
from api.dashboard.gate_form import gate_fields, gate_values
from heartbeat.domain.errors import Invalid, InvalidMany

USUAL = {"on_error": "run", "on_first": "run"}
URL = {"gate_source": "url", "gate_url": "https://example.com/feed"}


def typed(**fields: str) -> Form:
    return Form(gate_fields(None)).replaced(list(fields.items()))


@pytest.mark.parametrize(
    ("fields", "gate"),
    [
        ({}, None),
        ({"gate_url": "https://example.com/left-over"}, None),
        (URL, {"url": "https://example.com/feed", **USUAL}),
        (
            {**URL, "gate_select": "/items", "gate_on_error": "skip", "gate_on_first": "skip"},
            {"url": "https://example.com/feed", "select": "/items", "on_error": "skip", "on_first": "skip"},
        ),
        (
            {**URL, "gate_headers": "A: 1\nB: 2: 3"},
            {"url": URL["gate_url"], **USUAL, "headers": {"A": "1", "B": "2: 3"}},
        ),
        ({**URL, "gate_keep_headers": "forget"}, {"url": URL["gate_url"], **USUAL, "headers": None}),
        ({**URL, "gate_keep_headers": "replace"}, {"url": URL["gate_url"], **USUAL, "headers": None}),
        ({**URL, "gate_tool": "left__over"}, {"url": URL["gate_url"], **USUAL}),
        (
            {"gate_source": "tool", "gate_tool": "tickets__list", "gate_arguments": '{"state": "open"}'},
            {"tool": "tickets__list", **USUAL, "arguments": {"state": "open"}},
        ),
    ],
)
def test_what_is_typed_is_a_gate(fields: dict[str, str], gate: dict[str, Any] | None) -> None:
    assert gate_values(typed(**fields)) == gate


@pytest.mark.parametrize("kept", [{"header_names": ["A"], "headers": {}}, {}])
@pytest.mark.parametrize(
    "gate",
    [
        {"url": "https://example.com", "select": "main p", "on_error": "skip", "on_first": "run"},
        {"tool": "t__x", "arguments": {"ü": [1]}, "on_error": "run", "on_first": "skip"},
    ],
)
def test_a_gate_that_is_kept_is_typed_as_it_is(gate: dict[str, Any], kept: dict[str, Any]) -> None:
    assert gate_values(Form(gate_fields({**gate, **kept}))) == gate


@pytest.mark.parametrize(
    ("fields", "name", "words"),
    [
        ({"gate_source": "url"}, "gate_url", "must not be empty"),
        ({"gate_source": "tool", "gate_url": "https://example.com"}, "gate_tool", "must not be empty"),
        ({**URL, "gate_url": "ftp://example.com"}, "gate_url", "must be an http or https address"),
        ({**URL, "gate_headers": "no colon"}, "gate_headers", "write one a line"),
        ({**URL, "gate_select": "p::before"}, "gate_select", "names no element"),
        ({**URL, "gate_on_error": "perhaps"}, "gate_on_error", "run"),
        ({"gate_source": "tool", "gate_tool": "t__x", "gate_arguments": "{"}, "gate_arguments", "must be an object"),
        ({"gate_source": "tool", "gate_tool": "t__x", "gate_arguments": "[1]"}, "gate_arguments", "object"),
    ],
)
@pytest.mark.parametrize("ends", ["never", "after"])
def test_what_is_wrong_stands_at_its_control(fields: dict[str, str], name: str, words: str, ends: str) -> None:
    form = forms.form_of({"prompt": "", "interval_minutes": 30}, [("bot_id", "bot_1"), ("ends", ends)])
    with pytest.raises(InvalidMany) as problem:
        forms.request_of(form.replaced(list(fields.items())), "proj_1")
    errors = forms.form_errors(problem.value, form)
    assert words in errors[name]
    assert "prompt" in errors


def test_headers_that_are_none_are_not_repeated() -> None:
    with pytest.raises(Invalid) as problem:
        gate_values(typed(**URL, gate_headers="secret"))
    assert "secret" not in str(problem.value)
