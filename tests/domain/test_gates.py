"""What a gate may be, and what a row keeps of it."""

import pytest
from pydantic import TypeAdapter, ValidationError

from heartbeat.domain.errors import Invalid
from heartbeat.domain.gates import (
    MAX_FAILURE,
    MAX_TEXT,
    Accepted,
    Answer,
    Gate,
    GateField,
    SealedHeaders,
    look_of,
    name_of,
    shown_gate,
    skip_reason,
    source_of,
    words_of,
)
from heartbeat.store.heartbeats.gate_columns import NO_GATE, gate_columns

GATE = TypeAdapter(GateField)
URL = "https://example.com/feed.json"
SEALED = SealedHeaders("gate_1", ["Authorization"], "v1.k.sealed")
SECRET = {"Authorization": "Bearer abc"}


def gate(**fields: object) -> Gate:
    return GATE.validate_python(fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"url": URL},
        {"url": URL, "select": "/items", "on_error": "skip", "on_first": "skip"},
        {"url": "http://example.com:8080/?q=1", "headers": SECRET, "header_names": ["Authorization"]},
        {"tool": "crm__list", "arguments": {"open": True}, "select": "", "url": ""},
        '{"url": "https://example.com/feed.json", "select": "main article"}',
    ],
)
def test_what_may_be_a_gate(fields: object) -> None:
    assert GATE.validate_python(fields).kept()["on_error"] in ("run", "skip")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "give either url or tool"),
        ({"url": URL, "tool": "crm__list"}, "give either url or tool"),
        ({"url": "ftp://example.com/a"}, "must be an http or https address"),
        ({"url": "https://exa mple.com"}, "must be an http or https address"),
        ({"url": "https://me:secret@example.com/"}, "must not hold a name or password"),
        ({"url": "https://example.com:99999/"}, "must be an http or https address"),
        ({"url": URL, "headers": {"Host": "example.com"}}, "Host is set by the connection"),
        ({"tool": "crm__list", "headers": SECRET}, "headers go with a url"),
        ({"url": URL, "arguments": {}}, "arguments go with a tool"),
        ({"tool": "crm__list", "arguments": {"a": float("nan")}}, "must be plain JSON"),
        ({"tool": "crm__list", "arguments": {"a": "\x00"}}, "has characters that are not text"),
        ({"tool": "crm__list", "arguments": {"a": "b" * 10_001}}, "may have 10,000 characters at most"),
        ({"url": URL, "on_eror": "skip"}, "Extra inputs are not permitted"),
        ({"url": URL, "on_error": "wait"}, "Input should be 'run' or 'skip'"),
        ("https://example.com", "must be an object"),
        ([URL], "valid dictionary"),
    ],
)
def test_what_may_be_no_gate(fields: object, said: str) -> None:
    with pytest.raises(ValidationError, match=said) as problem:
        GATE.validate_python(fields)
    assert "secret" not in str([error["msg"] for error in problem.value.errors()])


def test_headers_are_kept_for_their_host_alone() -> None:
    kept = gate_columns(gate(url=URL, headers=SECRET), SEALED)
    assert kept["sealed_gate_headers"] == SEALED.sealed
    assert "abc" not in str(kept)
    assert shown_gate(kept["gate"]) == {
        "url": URL,
        "headers": {},
        "header_names": ["Authorization"],
        "tool": None,
        "arguments": None,
        "select": None,
        "on_error": "run",
        "on_first": "run",
    }
    same_host = gate(url="https://example.com:443/other", header_names=["X"])
    assert gate_columns(same_host, None, kept)["sealed_gate_headers"] == SEALED.sealed
    # As it is read, it may be sent back.
    assert gate_columns(GATE.validate_python(shown_gate(kept["gate"])), None, kept) == kept
    for url in ("http://example.com/feed.json", "https://example.org/feed.json", "https://example.com:444/"):
        with pytest.raises(Invalid, match=r"gate\.headers: must be sent again"):
            gate_columns(gate(url=url), None, kept)
        assert gate_columns(gate(url=url, headers=None), None, kept)["sealed_gate_headers"] is None
    assert gate_columns(gate(tool="crm__list"), None, kept)["sealed_gate_headers"] is None
    assert gate_columns(None, None, kept) == NO_GATE


def test_a_source_is_what_is_looked_at_and_not_what_becomes_of_it() -> None:
    one = source_of(gate(url=URL, on_error="skip").kept())
    assert one == source_of(gate(url=URL, on_first="skip", headers=SECRET).kept())
    others = [gate(url=URL, select="/a"), gate(url=f"{URL}?a"), gate(tool="t"), gate(tool="t", arguments={"a": 1})]
    assert len({one, *(source_of(other.kept()) for other in others)}) == 5


KEPT = gate(url=URL, on_error="skip", on_first="skip").kept()
ACCEPTED = Accepted(source_of(KEPT), 7, look_of(KEPT, None, Answer("a\nb")).digest or "", "a\nb", '"1"')


@pytest.mark.parametrize(
    ("answer", "accepted", "outcome", "change", "skipped"),
    [
        (Answer("a\nb"), None, "first", "@@\n+a\n+b", "unchanged"),
        (Answer("a\nb", etag='"2"'), ACCEPTED, "unchanged", "", "unchanged"),
        (Answer(), ACCEPTED, "unchanged", "", "unchanged"),
        (Answer("a\nc"), ACCEPTED, "changed", "@@\n a\n-b\n+c", None),
        (Answer(""), ACCEPTED, "changed", "@@\n-a\n-b", None),
        (Answer(failure="It is down."), ACCEPTED, "failed", "", "gate_failed"),
    ],
)
def test_what_a_look_comes_to(
    answer: Answer, accepted: Accepted | None, outcome: str, change: str, skipped: str | None
) -> None:
    look = look_of(KEPT, accepted, answer)
    assert (look.outcome, look.change, skip_reason(KEPT, look)) == (outcome, change, skipped)
    assert look.compared_with == (accepted.reading_id if accepted else None)
    assert name_of(KEPT) in words_of(KEPT, look)
    kept = gate(url=URL).kept()
    assert skip_reason(kept, look) == ("unchanged" if outcome == "unchanged" else None)


def test_of_a_long_value_the_beginning_is_kept_and_all_of_it_counts() -> None:
    text = "a\n" * MAX_TEXT
    first = look_of(KEPT, None, Answer(text))
    assert first.text == text[:MAX_TEXT]
    accepted = Accepted(first.source, 1, first.digest or "", first.text or "")
    assert look_of(KEPT, accepted, Answer(text)).outcome == "unchanged"
    further_in = look_of(KEPT, accepted, Answer(text + "b"))
    assert (further_in.outcome, further_in.change) == ("changed", "")


def test_words_in_which_a_source_fails_are_cut_and_without_what_nobody_sees() -> None:
    look = look_of(gate(url=URL).kept(), None, Answer(failure="Down.\x1b[31m\u202e\n" + "x" * 5_000))
    assert (look.failure or "").startswith("Down.[31m\nxxx")
    assert len(look.failure or "") == MAX_FAILURE


def test_a_source_is_named_without_what_may_be_a_secret_of_it() -> None:
    assert name_of(gate(url=f"{URL}?token=abc").kept()) == URL
