"""The fields of a heartbeat that `configure` sets, each declared once: its type and bounds, its default, and the
description and example that users read.

From here come the requests of configure and preview and the heartbeat object (`api/schemas/heartbeats.py`), the OpenAPI
document, and the columns that configure writes, with what a new row has (`store/heartbeats/configure.py`). The columns
of `store/tables/heartbeats.py` and the tables of docs/api.md are written by hand and compared with this by tests.

A new field touches these files:

- this one, which declares it;
- `heartbeat/store/tables/heartbeats.py` and a new file in `heartbeat/store/migrations/versions/`: its column;
- docs/api.md: its row in the tables of configure;
- what it is for, such as `workflows/agent_run.py`; if Temporal's schedule is made from it, `SCHEDULED` in
  `heartbeat/store/heartbeats/` and `heartbeat/temporal/schedules.py`; if it says which ticks are due, `CADENCE` there
  and `Cadence`; if the tasks of an agent inherit it, `INHERITED` there.
"""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field

from heartbeat.domain.expectations import ExpectationField
from heartbeat.domain.field_types import (
    WHOLE,
    CreditBudget,
    Flag,
    Instant,
    Positive,
    Text,
    Words,
    require_storable,
    written_as,
)
from heartbeat.domain.gates import GateField

Prompt = Annotated[
    Words,
    Field(
        max_length=20_000,
        description="What the agent is asked at each run; at most 20,000 characters.",
        examples=["Check the support queue."],
    ),
]
TimeZone = Annotated[
    Text,
    Field(
        max_length=500,
        description="An IANA name.",
        examples=["Europe/Berlin"],
        json_schema_extra={"format": "iana-time-zone"},
    ),
]
Pattern = Annotated[Text, Field(max_length=500, json_schema_extra={"format": "cron"})]
ClockTime = Annotated[Text, Field(max_length=500), written_as(r"^\s*([01]?[0-9]|2[0-3]):[0-5][0-9]\s*$")]


def _days(value: Any) -> Any:
    """Write a list of days, or one day alone, as they are kept: [1, 2] is `1,2`."""
    days = [value] if isinstance(value, int) and not isinstance(value, bool) else value
    is_list = isinstance(days, list) and all(isinstance(day, int | str) for day in days)
    return ",".join(str(day) for day in days) if is_list else value


Days = Annotated[
    str,
    BeforeValidator(_days, json_schema_input_type=str | list[int]),
    AfterValidator(require_storable),
    Field(max_length=500),
]
GATE = "Where to look before each tick: without news the tick is skipped, and costs nothing."
Label = Annotated[Text, Field(min_length=1, max_length=200)]
MAX_FALLBACKS = 3
Model = Annotated[
    Annotated[Words, Field(max_length=500)] | None,
    Field(
        description="`provider:name` or a bare name, in place of its bot's model; null: the bot's.",
        examples=["anthropic:claude-sonnet-5-5"],
    ),
]


def _names(value: Any) -> Any:
    """Read a list of names, or a text with commas between them; each name once, in order."""
    names = value.split(",") if isinstance(value, str) else value
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        return value
    return list(dict.fromkeys(name.strip() for name in names if name.strip()))


FallbackModels = Annotated[
    list[Annotated[Text, Field(max_length=500)]],
    BeforeValidator(_names, json_schema_input_type=str | list[str]),
    Field(
        max_length=MAX_FALLBACKS,
        description="Up to three models that are asked, in this order, when the one before is down or unknown.",
        examples=[["openai:gpt-5.4-mini"]],
    ),
]


RunCap = Annotated[
    CreditBudget | None,
    Field(
        description="The most credits of one run; before a step that could pass it, the run waits for a person. Null: "
        "the plan's.",
        examples=[50],
    ),
]


class PublishedFields(BaseModel):
    """The fields of the published API."""

    prompt: Prompt
    cron_pattern: Pattern | None = Field(
        None,
        description="Five fields, names, lists, ranges, steps, `@daily` and its like, `L`, `5L` (last Friday), `1#2` "
        "(second Monday).",
        examples=["0 9 * * 1-5"],
    )
    interval_minutes: Positive | None = Field(
        30, description="Instead of a pattern. The plan's minimum, if that is longer than the default.", examples=[30]
    )
    timezone: TimeZone = "UTC"
    active_hours_start: ClockTime | None = Field(
        None,
        description="`HH:MM`; ticks before it are cut. It may be later than the end: hours may cross midnight.",
        examples=["09:00"],
    )
    active_hours_end: ClockTime | None = Field(
        None, description="`HH:MM`; ticks from then on are cut.", examples=["17:00"]
    )
    active_days: Days | None = Field(
        None,
        description="`1,2,3`, or a list: ticks on other days are cut; 1 is Monday.",
        examples=["1,2,3,4,5"],
    )
    credit_budget: CreditBudget | None = Field(
        None, description="Credits in a billing period; null is no limit.", examples=[500]
    )
    max_consecutive_errors: Positive = Field(
        5, description="After so many failures in a row it is paused.", examples=[5]
    )


def _minute(value: datetime) -> datetime:
    if value.second or value.microsecond:
        raise ValueError("must be a whole minute")
    return value


WHOLE_MINUTE = r"^(19[7-9]|20[0-9]|2100).*[Tt ][0-9]{2}:[0-9]{2}(:00(\.0+)?)?([Zz]|[+-])"
Bound = Annotated[Instant, AfterValidator(_minute), written_as(WHOLE_MINUTE)]


class HeartbeatFields(PublishedFields):
    """All of them: those of the published API, and those that are added to it here."""

    external_id: Label | None = Field(
        None,
        description="Your own stable key: configure changes the heartbeat that has it.",
        examples=["nightly-report"],
    )
    label: Label | None = Field(None, description="A name for people to read.", examples=["Nightly report"])
    starts_at: Bound | None = Field(
        None,
        description="No tick comes before it: a whole minute with its offset.",
        examples=["2026-12-01T00:00:00Z"],
    )
    ends_at: Bound | None = Field(
        None, description="No tick comes after it; then it is over.", examples=["2027-01-31T17:00:00Z"]
    )
    auto_resume: Flag = Field(
        True, description="Paused for a passing cause, it is tried again by itself.", examples=[True]
    )
    catch_up: Literal["once", "none"] = Field(
        "once",
        description="After an outage of up to 24 hours: `once` runs the newest missed tick, `none` runs nothing; the "
        "others are logged as missed.",
        examples=["once"],
    )
    model: Model = None
    fallback_models: FallbackModels = []
    max_steps: Annotated[int, Field(ge=1, le=200), WHOLE] = Field(
        20,
        description="The most model requests and tool calls of one run together; a run that wants more ends as an "
        "error.",
        examples=[20],
    )
    max_credits_per_run: RunCap = None
    approval_timeout_hours: Annotated[int, Field(ge=1, le=720), WHOLE] = Field(
        24,
        description="A tool call that waits for a person's approval counts as denied after so many hours, and a "
        "run that waits for credits ends.",
        examples=[24],
    )
    chat_mode: Literal["agent", "ask"] = Field(
        "agent",
        description="`agent`: its model is offered tools; `ask`: its model is asked, and offered no tools.",
        examples=["agent"],
    )
    run_timeout_seconds: Annotated[int, Field(ge=10, le=86_400), WHOLE] | None = Field(
        None,
        description="A run ends after so many seconds; null: `HEARTBEAT_RUN_TIMEOUT_SECONDS`.",
        examples=[600],
    )
    jitter_seconds: Annotated[int, Field(ge=0, le=3600), WHOLE] = Field(
        0,
        description="It starts at one and the same time within so many seconds (at most 3,600) after each tick, so "
        "that many heartbeats due together do not start together; left out in a new one: the plan's.",
        examples=[60],
    )
    gate: GateField | None = Field(None, description=GATE, examples=[None])
    expect: ExpectationField = Field(
        None,
        description="What makes a run a success; one that does not do it ends as an error with the code `unverified`. "
        "Its parts: `report`, `called` and `answer`.",
        examples=[{"report": "required", "called": ["desk__close_ticket"]}],
    )


# A null in a request clears what is empty in a new heartbeat; sent for anything else it counts as left out. A cron
# pattern is never cleared: an interval replaces it.
NULL_IS_LEFT_OUT = {"cron_pattern"} | {
    name
    for name, field in HeartbeatFields.model_fields.items()
    if not field.is_required() and field.default is not None
}
