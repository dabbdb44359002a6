"""What is expected of a run: which expectations are taken, and what of them a run did not meet."""

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from heartbeat.domain.conduct import Conduct, fitting_answer, unmet
from heartbeat.domain.expectations import ExpectationField
from heartbeat.domain.json_schemas import misfit
from heartbeat.domain.patterns import is_match
from heartbeat.domain.reminders import instructions
from heartbeat.domain.text import storable_text

ANY: TypeAdapter[Any] = TypeAdapter(ExpectationField)
OPEN = {"type": "object", "required": ["open"], "properties": {"open": {"type": "integer"}}}

NOTHING: dict[str, Any] = {
    "no part": {},
    "parts that are empty": {"report": None, "called": [], "answer": {}},
    "an answer of nothing": {"answer": {"matches": None, "json_schema": None}},
}
TAKEN: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "a tool twice": ({"called": ["a", "a", "b"]}, {"called": ["a", "b"]}),
    "null beside a report": ({"report": "required", "answer": None}, {"report": "required"}),
    "a schema of its own draft": (
        {"answer": {"json_schema": {"$schema": "http://json-schema.org/draft-07/schema#", **OPEN}}},
        {"answer": {"json_schema": {"$schema": "http://json-schema.org/draft-07/schema#", **OPEN}}},
    ),
    "a property that is called as a keyword": (
        {"answer": {"json_schema": {"properties": {"$id": {"type": "string"}}}}},
        {"answer": {"json_schema": {"properties": {"$id": {"type": "string"}}}}},
    ),
}


def nested(depth: int) -> dict[str, Any]:
    schema: dict[str, Any] = {}
    for _ in range(depth):
        schema = {"not": schema}
    return schema


REFUSED: dict[str, tuple[dict[str, Any], tuple[str, ...], str]] = {
    "a part that is none": ({"answr": {}}, ("answr",), "Extra inputs"),
    "a report of another kind": ({"report": "yes"}, ("report",), "required"),
    "many tools": ({"called": [f"t{n}" for n in range(21)]}, ("called",), "at most 20"),
    "a tool without a name": ({"called": [" "]}, ("called", "0"), "must not be empty"),
    "a pattern that is none": ({"answer": {"matches": "["}}, ("answer", "matches"), "unclosed character class"),
    "look-around": ({"answer": {"matches": "(?=x)"}}, ("answer", "matches"), "look-around"),
    "a back reference": ({"answer": {"matches": r"(a)\1"}}, ("answer", "matches"), "backreferences"),
    "a long pattern": ({"answer": {"matches": "a" * 501}}, ("answer", "matches"), "at most 500"),
    "counts within counts": ({"answer": {"matches": "(?:.{0,40}){0,60}x"}}, ("answer", "matches"), "1,000 together"),
    "a pattern that is too large": ({"answer": {"matches": r"\w{900}"}}, ("answer", "matches"), "size limit"),
    "no schema": ({"answer": {"json_schema": {"type": "nope"}}}, ("answer", "json_schema"), "at $.type"),
    "a schema elsewhere": (
        {"answer": {"json_schema": {"$ref": "http://x/y"}}},
        ("answer", "json_schema"),
        "begins with",
    ),
    "a place that is not there": (
        {"answer": {"json_schema": {"items": {"$ref": "#/$defs/item"}}}},
        ("answer", "json_schema"),
        "leads nowhere",
    ),
    "another base": ({"answer": {"json_schema": {"$id": "http://x/y"}}}, ("answer", "json_schema"), "no $id"),
    "another draft within": (
        {"answer": {"json_schema": {"not": {"$schema": "http://json-schema.org/draft-04/schema#"}}}},
        ("answer", "json_schema"),
        "no $schema",
    ),
    "names by a pattern": (
        {"answer": {"json_schema": {"patternProperties": {"^(a+)+$": {}}}}},
        ("answer", "json_schema"),
        "no patternProperties",
    ),
    "a pattern within": (
        {"answer": {"json_schema": {"items": {"pattern": "(?<!x)"}}}},
        ("answer", "json_schema"),
        "look-around",
    ),
    "a long schema": ({"answer": {"json_schema": {"enum": ["a" * 20_000]}}}, ("answer", "json_schema"), "20,000"),
    "a deep schema": ({"answer": {"json_schema": nested(3000)}}, ("answer", "json_schema"), "nested"),
    "no text": ({"answer": {"json_schema": {"const": "\x00"}}}, ("answer", "json_schema"), "not text"),
}


@pytest.mark.parametrize("expect", NOTHING.values(), ids=NOTHING)
def test_nothing_expected_is_none(expect: dict[str, Any]) -> None:
    assert ANY.validate_python(expect) is None
    assert instructions(ANY.validate_python(expect)) == ""


@pytest.mark.parametrize(("expect", "kept"), TAKEN.values(), ids=TAKEN)
def test_an_expectation_is_kept_as_it_is_meant(expect: dict[str, Any], kept: dict[str, Any]) -> None:
    assert ANY.validate_python(expect) == kept


@pytest.mark.parametrize(("expect", "place", "words"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_checked_is_refused_at_its_place(
    expect: dict[str, Any], place: tuple[str, ...], words: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        ANY.validate_python(expect)
    [problem] = refused.value.errors()
    assert tuple(map(str, problem["loc"])) == place
    assert words in problem["msg"]


BOTH = {"report": "required", "answer": {"matches": "^OK"}}
UNMET: dict[str, tuple[dict[str, Any], Conduct, list[str]]] = {
    "a report": ({"report": "required"}, Conduct(reported=True), []),
    "no report": ({"report": "required"}, Conduct(answers=("All quiet.",)), ["It ended without a report."]),
    "a call": ({"called": ["a"]}, Conduct(called=frozenset("ab"), succeeded=frozenset("a")), []),
    "a call that failed": (
        {"called": ["a"]},
        Conduct(called=frozenset("a")),
        ["It called a, but without success."],
    ),
    "no call": ({"called": ["a", "b"]}, Conduct(), ["It did not call a.", "It did not call b."]),
    "an answer that matches": ({"answer": {"matches": "^OK"}}, Conduct(answers=("OK: 3",)), []),
    "one that does not": (
        {"answer": {"matches": "^OK"}},
        Conduct(answers=("It is OK",)),
        ["Its answer does not match ^OK."],
    ),
    "no answer": ({"answer": {"matches": "^OK"}}, Conduct(), ["Its answer does not match ^OK."]),
    "an answer that fits, and words after it": (BOTH, Conduct(True, answers=("OK: 3", "Reported.")), []),
    "an answer that fitted before the report was asked for": (
        BOTH,
        Conduct(answers=("OK: 3", "Done.")),
        ["It ended without a report."],
    ),
    "JSON": ({"answer": {"json_schema": OPEN}}, Conduct(answers=('{"open": 3}',)), []),
    "JSON in a fence": ({"answer": {"json_schema": OPEN}}, Conduct(answers=('```json\n{"open": 3}\n```',)), []),
    "words": ({"answer": {"json_schema": OPEN}}, Conduct(answers=("3 open",)), ["Its answer is no JSON."]),
    "NaN": ({"answer": {"json_schema": {}}}, Conduct(answers=("NaN",)), ["Its answer is no JSON."]),
    "depth": ({"answer": {"json_schema": {}}}, Conduct(answers=("[" * 100_000,)), ["Its answer is no JSON."]),
    "JSON of another kind": (
        {"answer": {"json_schema": OPEN}},
        Conduct(answers=('{"open": "three"}',)),
        ["Its answer does not fit the JSON Schema: at $.open: 'three' is not of type 'integer'."],
    ),
    "both kinds of answers": (
        {"answer": {"matches": "open", "json_schema": OPEN}},
        Conduct(answers=("[]",)),
        [
            "Its answer does not match open.",
            "Its answer does not fit the JSON Schema: at $: [] is not of type 'object'.",
        ],
    ),
}


@pytest.mark.parametrize(("expect", "conduct", "sentences"), UNMET.values(), ids=UNMET)
def test_what_was_not_met_is_said(expect: dict[str, Any], conduct: Conduct, sentences: list[str]) -> None:
    assert unmet(expect, conduct) == sentences


def test_the_answer_that_fits_is_the_newest_one_and_without_its_fence() -> None:
    schema = {"answer": {"json_schema": OPEN}}
    assert fitting_answer(schema, ['{"open": 1}', '```\n{"open": 2}\n```', "Done."]) == '{"open": 2}'
    assert fitting_answer(schema, ["Done."]) is None
    assert fitting_answer({"report": "required"}, ["Done."]) is None


def test_the_agent_is_told_of_every_part() -> None:
    told = instructions(
        {"report": "required", "called": ["desk__close"], "answer": {"matches": "^OK", "json_schema": OPEN}}
    )
    assert [part for part in ("report", "desk__close", "^OK", '"open"') if part not in told] == []


DOUBLED = {f"a{n}": {"anyOf": [{"$ref": f"#/$defs/a{n + 1}"}] * 2} for n in range(40)}
HOSTILE: dict[str, tuple[dict[str, Any], str, str]] = {
    "alternatives that double": (
        {"$defs": {**DOUBLED, "a40": {"type": "string"}}, "$ref": "#/$defs/a0"},
        "1",
        "took too long",
    ),
    "itself": ({"$ref": "#"}, "1", "without end"),
    "a reference to nothing": ({"$ref": "#/$defs/none"}, "1", "refers to nothing"),
    "many items that differ": ({"uniqueItems": True}, f"[{','.join(map(str, range(20_000)))}]", ""),
    "a pattern that backtracks": ({"pattern": "^(a+)+$"}, f'"{"a" * 15_000}!"', "does not match"),
}


@pytest.mark.parametrize(("schema", "answer", "words"), HOSTILE.values(), ids=HOSTILE)
def test_checking_an_answer_ends(schema: dict[str, Any], answer: str, words: str) -> None:
    assert words in (misfit(schema, answer) or "")


@pytest.mark.parametrize("name", ["\\u0000", "\\ud800", "x" * 15_000])
def test_what_is_said_of_an_answer_can_be_kept(name: str) -> None:
    problem = misfit({"additionalProperties": {"type": "string"}}, f'{{"{name}": 1}}') or ""
    assert "is not of type 'string'" in problem
    assert storable_text(problem) == problem
    assert len(problem) < 500


def test_a_keyword_says_nothing_of_values_that_it_is_not_about() -> None:
    assert misfit({"pattern": "^a", "uniqueItems": True}, "5") is None
    assert misfit({"uniqueItems": False}, "[1, 1]") is None
    expect = {"answer": {"json_schema": {"$ref": "#here", "$defs": {"a": {"$anchor": "here", "type": "integer"}}}}}
    assert ANY.validate_python(expect) == expect


def test_items_that_are_the_same_are_seen() -> None:
    assert "the same" in (misfit({"uniqueItems": True}, '[{"a": 1, "b": 2}, {"b": 2, "a": 1}]') or "")


@pytest.mark.parametrize("pattern", ["(xa|xaxa)+$z", "(?:.{0,20}){0,50}b", "(x+x+)+y", "(?s).*.*.*.*b"])
def test_a_pattern_takes_time_that_is_linear(pattern: str) -> None:
    assert ANY.validate_python({"answer": {"matches": pattern}})
    assert not is_match(pattern, "xa" * 10_000 + "z")
