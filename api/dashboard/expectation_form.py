"""What makes a run a success (`expect`), as it is typed into the form of a heartbeat."""

import json
import re
from collections.abc import Mapping
from typing import Any

from api.dashboard.forms import Form

REPORT, CALLED, MATCHES, JSON_SCHEMA = "expect_report", "expect_called", "expect_matches", "expect_json_schema"
PARTS = (REPORT, CALLED, MATCHES, JSON_SCHEMA)
# Where the API names a part otherwise than the form.
FIELDS = {
    "expect.report": REPORT,
    "expect.called": CALLED,
    "expect.answer.matches": MATCHES,
    "expect.answer.json_schema": JSON_SCHEMA,
}
SEPARATORS = re.compile(r"[,\s]+")

# A new heartbeat of a bot with tools begins with a report that is required.
AS_THE_BOT = "bot"


def with_report(form: Form, with_tools: frozenset[str]) -> Form:
    """Return a new form with a report required or not, as its bot has tools or none."""
    if form.get(REPORT) != AS_THE_BOT:
        return form
    return form.replaced([(REPORT, "1")] if form.get("bot_id") in with_tools else [], REPORT)


def expectation_of(form: Form) -> dict[str, Any] | None:
    """Return what the form expects of every run, not checked; `None` if nothing."""
    # A blank at its end is part of a pattern.
    pattern = next((value for name, value in form.fields if name == MATCHES and value.strip()), None)
    answer = {"matches": pattern, "json_schema": form.get(JSON_SCHEMA) or None}
    parts = {
        "report": "required" if form.get(REPORT) else None,
        "called": [tool for tool in SEPARATORS.split(form.get(CALLED)) if tool],
        "answer": answer if any(answer.values()) else None,
    }
    return {name: value for name, value in parts.items() if value} or None


def expectation_fields(expect: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    """Return the fields of the form that say this."""
    expect = expect or {}
    answer = expect.get("answer") or {}
    schema = answer.get("json_schema")
    return [
        *([(REPORT, "1")] if expect.get("report") else ()),
        (CALLED, ", ".join(expect.get("called") or ())),
        (MATCHES, answer.get("matches") or ""),
        (JSON_SCHEMA, "" if schema is None else json.dumps(schema, ensure_ascii=False, indent=2)),
    ]


def field_of(name: str) -> str:
    """Return the field of the form in which the API's field is typed, its own name if it is no part of `expect`."""
    return next((field for part, field in FIELDS.items() if name == part or name.startswith(f"{part}.")), name)
