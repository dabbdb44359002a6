"""A heartbeat's form and the API's requests say each other: no field is left out, and what is wrong has its place."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from api.dashboard import heartbeat_form as forms
from api.dashboard.edited_meanwhile import (
    EditedMeanwhile,
    require_unedited,
    with_changes,
    with_loaded,
    with_theirs,
)
from api.dashboard.forms import Form
from api.dashboard.views import heartbeat_form as views
from api.dashboard.views.heartbeat_form import LABELS
from api.dashboard.when_form import completed
from heartbeat.domain.cadence.cron import CadenceError
from heartbeat.domain.errors import Conflict, Forbidden, Invalid, InvalidMany, NotFound
from heartbeat.domain.gates import Gate
from heartbeat.domain.heartbeat_fields import HeartbeatFields
from heartbeat.store.tables.heartbeats import Heartbeat

FIELDS = HeartbeatFields.model_fields
PROJECT, BOT = "proj_1", ("bot_id", "bot_1")
TYPED = {"prompt": "Check the queue.", "cron_pattern": "0 9 * * 1-5"}
OTHER_VALUES: dict[str, Any] = {
    "prompt": "Another prompt.",
    "cron_pattern": "*/7 9-17 * * 1",
    "interval_minutes": 90,
    "timezone": "Asia/Kolkata",
    "active_hours_start": "22:00",
    "active_hours_end": "05:30",
    "active_days": "2,7",
    "starts_at": datetime(2030, 1, 1, 9, 30, tzinfo=UTC),
    "ends_at": datetime(2031, 1, 1, 9, 30, tzinfo=UTC),
    "credit_budget": 0,
    "max_consecutive_errors": 2,
    "external_id": "nightly",
    "label": "Nightly",
    "auto_resume": False,
    "catch_up": "none",
    "model": "anthropic:claude-haiku-5-5",
    "fallback_models": ["openai:gpt-5.4-mini", "google:gemini-2.5-flash"],
    "max_steps": 7,
    "max_credits_per_run": 40,
    "approval_timeout_hours": 3,
    "chat_mode": "ask",
    "run_timeout_seconds": 60,
    "jitter_seconds": 30,
    "gate": Gate(url="https://example.com/feed.json", select="/items", on_error="skip"),
    "expect": {
        "report": "required",
        "called": ["desk__close", "web_fetch"],
        "answer": {"matches": "^(OK|ALARM): ", "json_schema": {"type": "object", "required": ["größe"]}},
    },
}


def typed(**fields: str | list[str]) -> Form:
    """The form of `TYPED`, with other fields in place of its own."""
    pairs = [(name, one) for name, value in fields.items() for one in (value if isinstance(value, list) else [value])]
    return forms.form_of(TYPED, [BOT]).replaced(pairs, *fields)


def asked(form: Form) -> dict[str, Any]:
    """The fields that a configure of this form would write."""
    request = forms.request_of(form, PROJECT).configure
    assert request is not None
    return dict(request.configure_request().fields)


def wrong(form: Form) -> dict[str, str]:
    with pytest.raises(InvalidMany) as problem:
        forms.request_of(form, PROJECT)
    return forms.form_errors(problem.value, form)


def test_every_field_of_the_api_has_a_name_on_the_page_and_a_value_here() -> None:
    assert LABELS.keys() == OTHER_VALUES.keys() == FIELDS.keys()


@pytest.mark.parametrize("name", FIELDS)
def test_every_field_of_the_api_can_be_set(name: str) -> None:
    values = {**TYPED, name: OTHER_VALUES[name]}
    if name == "interval_minutes":
        del values["cron_pattern"]
    if name.startswith("active_hours"):
        values |= {other: OTHER_VALUES[other] for other in ("active_hours_start", "active_hours_end")}
        values["cron_pattern"] = "0 23 * * *"
    fields = asked(forms.form_of(values, [BOT]))
    assert fields[name] == OTHER_VALUES[name]
    # All that can be there are there: what is empty is cleared, not left as it was.
    assert fields.keys() ^ FIELDS.keys() == ({"cron_pattern"} if name == "interval_minutes" else {"interval_minutes"})


@pytest.mark.parametrize("name", sorted(FIELDS.keys() - {"prompt", "cron_pattern", "interval_minutes", "auto_resume"}))
def test_an_empty_control_means_what_a_new_heartbeat_has(name: str) -> None:
    assert asked(typed(**{name: []}))[name] == FIELDS[name].default
    assert asked(typed(**{name: ""}))[name] == FIELDS[name].default


def test_a_box_without_its_tick_is_no() -> None:
    assert asked(typed(auto_resume=[]))["auto_resume"] is False


def test_no_day_and_every_day_are_active_on_all() -> None:
    assert asked(typed(active_days=["1", "3"]))["active_days"] == "1,3"
    assert asked(typed(active_days=list("1234567")))["active_days"] is None


FREQUENCIES = [
    ({"frequency": "minutes", "every": "20"}, {"interval_minutes": 20}),
    ({"frequency": "hours", "every": "2"}, {"interval_minutes": 120}),
    ({"frequency": "daily", "time": "07:05"}, {"cron_pattern": "5 7 * * *"}),
    ({"frequency": "weekdays"}, {"cron_pattern": "0 9 * * 1-5"}),
    ({"frequency": "weekly", "days": ["1", "7"]}, {"cron_pattern": "0 9 * * 1,0"}),
    ({"frequency": "monthly", "day": "31"}, {"cron_pattern": "0 9 31 * *"}),
    ({"frequency": "last_day"}, {"cron_pattern": "0 9 L * *"}),
    ({"frequency": "nth_weekday", "nth": "2", "weekday": "5"}, {"cron_pattern": "0 9 * * 5#2"}),
    ({"frequency": "nth_weekday", "nth": "-1", "weekday": "5"}, {"cron_pattern": "0 9 * * 5L"}),
    ({"frequency": "cron", "cron_pattern": "*/5 * * * *"}, {"cron_pattern": "*/5 * * * *"}),
]


@pytest.mark.parametrize(("fields", "values"), FREQUENCIES)
def test_each_frequency_is_a_pattern_or_an_interval_and_comes_back(fields: Any, values: dict[str, Any]) -> None:
    form = typed(**fields)
    request = asked(form)
    assert {name: request[name] for name in values} == values
    again = forms.form_of({"prompt": "-", **values})
    assert {name: again.all(name) for name in fields} == {name: form.all(name) for name in fields}


@pytest.mark.parametrize("pattern", ["@daily", "0 9 * * MON-FRI", "0  9 * * 1,0", "00 09 L * *"])
def test_a_pattern_stays_as_it_was_written(pattern: str) -> None:
    form = forms.form_of({"prompt": "-", "cron_pattern": pattern}, [BOT])
    assert form.get("frequency") != "cron"
    assert asked(completed(form))["cron_pattern"] == pattern
    assert asked(completed(form.replaced([("time", "10:10")])))["cron_pattern"].startswith("10 10 ")


def test_the_pattern_follows_the_frequency_and_the_frequency_the_pattern() -> None:
    weekly = completed(typed(frequency="weekly", days=["1", "3"], time="08:15", cron_pattern=""))
    assert weekly.get("cron_pattern") == "15 8 * * 1,3"
    said = completed(typed(frequency="cron", cron_pattern="30 6 L * *"))
    assert (said.get("frequency"), said.get("time"), said.get("cron_pattern")) == ("last_day", "06:30", "30 6 L * *")
    for pattern in ("*/5 * * * *", "30 6", ""):
        unsaid = completed(typed(frequency="cron", cron_pattern=pattern, time="10:10"))
        assert (unsaid.get("frequency"), unsaid.get("cron_pattern")) == ("cron", pattern)
    assert completed(typed(frequency="minutes", every="5")).get("cron_pattern") == ""


WRONG = [
    (
        {"expect_called": "a b," + "c" * 201, "expect_matches": "(x", "expect_json_schema": "{"},
        {
            "expect_called": "must be at most 200 characters long",
            "expect_matches": "is no regular expression: unclosed group",
            "expect_json_schema": "is no JSON",
        },
    ),
    ({"prompt": " "}, {"prompt": "must not be empty"}),
    ({"prompt": "a\0b"}, {"prompt": "has characters that are not text (NUL or half a surrogate pair); remove them"}),
    ({"label": "x" * 201}, {"label": "must be at most 200 characters long"}),
    ({"frequency": "minutes", "every": ""}, {"every": "is required"}),
    ({"frequency": "minutes", "every": "ten"}, {"every": "must be a whole number"}),
    ({"frequency": "hours", "every": "1.5"}, {"every": "must be a whole number"}),
    ({"frequency": "hours", "every": "9" * 5_000}, {"every": "is too large"}),
    ({"frequency": "minutes", "every": "9" * 5_000}, {"every": "is too large"}),
    ({"frequency": "hours", "every": "0"}, {"every": "must be at least 1"}),
    ({"frequency": "minutes", "every": "999999"}, {"every": "write a number of minutes from 1 to 527040 (a year)"}),
    ({"frequency": "daily", "time": ""}, {"time": "write the time of day as 00:00 to 23:59, such as '09:00'"}),
    ({"frequency": "weekly", "days": []}, {"days": "choose one day or more"}),
    ({"frequency": "monthly", "day": "x"}, {"day": "write a day of the month, 1 to 31"}),
    ({"frequency": "nth_weekday", "nth": ""}, {"nth": "choose which weekday of the month"}),
    ({"frequency": "sometimes"}, {"frequency": "choose how often"}),
    ({"timezone": "Berlin"}, {"timezone": "'Berlin' is not a time zone; write 'Europe/Berlin'"}),
    (
        {"active_hours_start": "09:00"},
        {"active_hours_end": "is missing; give both ends of the active hours, such as 09:00 and 17:00"},
    ),
    ({"credit_budget": "-1"}, {"credit_budget": "must be at least 0"}),
    ({"max_steps": "many"}, {"max_steps": "must be a whole number"}),
    ({"jitter_seconds": "4000"}, {"jitter_seconds": "must be at most 3600"}),
    ({"catch_up": "all"}, {"catch_up": "must be 'once' or 'none'"}),
    ({"bot_id": "new", "bot_name": ""}, {"bot_name": "must not be empty"}),
    (
        {"bot_id": "new", "bot_name": "A", "bot_instruction": "x" * 20_001},
        {"bot_instruction": "must be at most 20000 characters long"},
    ),
    (
        {"prompt": "", "max_steps": "0", "frequency": "weekly", "days": []},
        {"prompt": "must not be empty", "max_steps": "must be at least 1", "days": "choose one day or more"},
    ),
    (
        {"frequency": "weekly", "days": [], "timezone": "Berlin"},
        {"days": "choose one day or more", "timezone": "'Berlin' is not a time zone; write 'Europe/Berlin'"},
    ),
]


@pytest.mark.parametrize(("fields", "errors"), WRONG)
def test_what_is_wrong_is_said_at_its_field_and_all_at_once(fields: Any, errors: dict[str, str]) -> None:
    assert wrong(typed(**fields)) == errors


def test_what_the_pattern_says_is_wrong_is_said_where_it_was_typed() -> None:
    assert list(wrong(typed(frequency="cron", cron_pattern="61 9 * * *"))) == ["cron_pattern"]
    assert list(wrong(typed(frequency="cron", cron_pattern=""))) == ["cron_pattern"]
    too_often = Invalid("cron_pattern", "runs every 5 minutes at its closest")
    assert list(forms.form_errors(too_often, typed(frequency="daily"))) == ["frequency"]
    assert list(forms.form_errors(too_often, typed(frequency="cron"))) == ["cron_pattern"]


@pytest.mark.parametrize(
    ("problem", "field"),
    [
        (Forbidden("heartbeat_not_enabled", "Off."), "bot_id"),
        (Forbidden("plan_heartbeat_limit", "Full."), "bot_id"),
        (Forbidden("plan_heartbeats_not_supported", "None."), ""),
        (Conflict("external_id_taken", "Taken."), "external_id"),
        (NotFound("subscriber", "mem_1"), "member_id"),
        (NotFound("bot", "bot_1"), "bot_id"),
    ],
)
def test_what_only_the_store_knows_has_its_field_too(problem: Any, field: str) -> None:
    assert forms.form_errors(problem, typed()) == {field: problem.message}


def test_a_bot_that_is_made_with_it_may_have_heartbeats() -> None:
    form = typed(bot_id="new", bot_name="Desk", bot_model="other", bot_model_other="ollama:qwen3", bot_instruction="")
    bot = forms.request_of(form, PROJECT).bot
    assert bot is not None
    assert bot.fields() == {"name": "Desk", "model": "ollama:qwen3", "instruction": "", "heartbeat": True}
    assert forms.request_of(typed(), PROJECT).bot is None


TASKS = [
    ({"frequency": "once", "once_at": "2027-01-04T09:00"}, ("once", {"at": "2027-01-04T09:00"}, None)),
    ({"frequency": "minutes", "every": "20"}, ("interval", {"interval_minutes": "20"}, 3)),
    ({"frequency": "hours", "every": "2"}, ("interval", {"interval_minutes": 120}, 3)),
    ({"frequency": "daily"}, ("daily", {"time": "09:00"}, 3)),
    ({"frequency": "weekdays"}, ("weekly", {"time": "09:00", "days": [1, 2, 3, 4, 5]}, 3)),
    ({"frequency": "weekly", "days": ["1", "7"]}, ("weekly", {"time": "09:00", "days": ["1", "7"]}, 3)),
]


@pytest.mark.parametrize(("fields", "task"), TASKS)
def test_what_ends_is_a_task(fields: Any, task: tuple[str, dict[str, Any], int | None]) -> None:
    more = {"ends": "after", "max_executions": "3", "max_credits_per_run": "40"}
    wanted = forms.request_of(typed(**fields, **more), PROJECT)
    assert wanted.configure is None
    assert wanted.task is not None
    new = wanted.task.new_task()
    assert (new.schedule.schedule_type, new.schedule.schedule_config, new.max_executions) == task
    assert (new.name, new.prompt, new.timezone) == ("Check the queue.", "Check the queue.", "UTC")
    assert new.max_credits_per_run == 40


def test_a_task_is_as_strict_at_its_fields() -> None:
    assert list(wrong(typed(frequency="monthly", ends="after", max_executions="3"))) == ["ends"]
    assert wrong(typed(frequency="daily", ends="after", max_executions="")) == {"max_executions": "must be at least 1"}
    assert wrong(typed(frequency="daily", ends="after", max_executions="some", prompt="")) == {
        "max_executions": "must be a whole number",
        "prompt": "must not be empty",
    }
    assert wrong(typed(frequency="once", once_at="")) == {"once_at": "choose a day and a time"}
    at = Invalid("schedule_config.at", "write a time")
    assert list(forms.form_errors(at, typed(frequency="once"))) == ["once_at"]


def a_row(**values: Any) -> Heartbeat:
    defaults = HeartbeatFields.model_construct(**TYPED).model_dump() | {"interval_minutes": None}
    return Heartbeat.model_construct(**{**defaults, **values})


def test_what_others_changed_meanwhile_is_known_by_its_value_then() -> None:
    mine = with_loaded(typed(label="Mine", prompt="Mine.", max_steps="3"), forms.saved_values(a_row()))
    require_unedited(mine.get("loaded"), forms.saved_values(a_row()), {})
    now = a_row(label="Theirs", cron_pattern=None, interval_minutes=60, auto_resume=False)
    before = {"label": None, "cron_pattern": "0 9 * * 1-5", "interval_minutes": None, "auto_resume": True}
    with pytest.raises(EditedMeanwhile) as edited:
        require_unedited(mine.get("loaded"), forms.saved_values(now), asked(mine))
    assert edited.value.before == before
    theirs = with_theirs(with_changes(mine, edited.value), forms.form_of_row(now), views.FIELDS)
    expected = {"label": "Theirs", "prompt": "Mine.", "max_steps": 3, "interval_minutes": 60, "auto_resume": False}
    assert expected.items() <= asked(theirs).items()
    assert [theirs.all(name) for name in ("label", "frequency", "time")] == [["Theirs"], ["hours"], ["09:00"]]


@pytest.mark.parametrize("loaded", ["", "{", "[]", "null", '"x"', "{}", json.dumps({"no_field": 1}), "\ud800"])
def test_what_is_no_record_of_a_form_tells_of_no_change(loaded: str) -> None:
    require_unedited(loaded, forms.saved_values(a_row()), {})


def test_an_unfinished_form_still_looks_ahead() -> None:
    values = forms.outlook_values(typed(prompt="", label="x" * 999, max_steps="many", credit_budget="x"))
    assert values["cron_pattern"] == "0 9 * * 1-5"
    assert values["credit_budget"] is None
    assert "max_steps" not in values
    with pytest.raises(CadenceError):
        forms.outlook_values(typed(frequency="weekly", days=[]))
