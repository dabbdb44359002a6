"""The lines of a log, as a program and as a person reads them."""

import json
import logging
import subprocess
import sys
from datetime import datetime

import pytest
from structlog.contextvars import bound_contextvars

from activities.log_context import log_ids
from heartbeat.domain.contracts import OpenRunInput, RunRequest, ThinkInput
from heartbeat.telemetry.logs import formatter


def record(message: str, *args: object, exc_info: object = None, **extra: object) -> logging.LogRecord:
    return logging.getLogger("heartbeat.gates.looking").makeRecord(
        "heartbeat.gates.looking", logging.WARNING, __file__, 1, message, args, exc_info, extra=extra
    )


def test_a_line_is_an_object_with_the_ids_of_what_it_is_about() -> None:
    with bound_contextvars(request_id="req_1", heartbeat_id="hb_1"):
        line = formatter(is_json=True).format(record("%s is\nlate", "It", route="/v1", secret="not one of ours"))
    assert "\n" not in line
    event = json.loads(line)
    assert datetime.fromisoformat(event.pop("timestamp")).tzinfo is not None
    assert event == {
        "message": "It is\nlate",
        "level": "warning",
        "logger": "heartbeat.gates.looking",
        "request_id": "req_1",
        "heartbeat_id": "hb_1",
        "route": "/v1",
    }


def failed_with_a_secret_at_hand() -> tuple[object, ...]:
    secret = "hunter2"
    try:
        raise ValueError(len(secret))
    except ValueError as problem:
        return type(problem), problem, problem.__traceback__


@pytest.mark.parametrize("is_json", [True, False])
def test_a_traceback_has_no_values_of_variables(is_json: bool) -> None:
    line = formatter(is_json).format(record("failed", exc_info=failed_with_a_secret_at_hand()))
    assert "ValueError: 7" in line
    assert "hunter2" not in line.replace('secret = "hunter2"', "")


def test_people_read_the_same_as_text() -> None:
    with bound_contextvars(run_id="log_1"):
        assert formatter(is_json=False).format(record("late")) == "WARNING heartbeat.gates.looking: late run_id=log_1"


def test_what_temporals_sdk_says_of_an_activity_comes_along() -> None:
    known = {"workflow_id": "hb_1-manual-log_1", "activity_type": "think", "attempt": 2, "namespace": "default"}
    event = json.loads(formatter(is_json=True).format(record("failed", temporal_activity=known)))
    assert event.items() >= {"workflow_id": "hb_1-manual-log_1", "activity_type": "think", "attempt": 2}.items()
    assert "namespace" not in event


@pytest.mark.parametrize(
    ("workflow_id", "args", "ids"),
    [
        ("hb_1-2026-11-28T09:00:00Z", [ThinkInput("log_1", 1)], {"heartbeat_id": "hb_1", "run_id": "log_1"}),
        ("task_1-probe", [OpenRunInput(RunRequest("task_1", 1), "w", "r", None)], {"heartbeat_id": "task_1"}),
        ("heartbeat-upkeep", [], {}),
    ],
)
def test_an_activity_is_about_a_run_and_a_heartbeat(workflow_id: str, args: list[object], ids: dict[str, str]) -> None:
    assert log_ids("think", workflow_id, args) == {"activity": "think", "workflow_id": workflow_id, **ids}


def test_every_logger_writes_to_stderr_and_the_libraries_from_warnings_on() -> None:
    program = """
import logging
from heartbeat.settings import Settings
from heartbeat.telemetry.logs import configure_logs

configure_logs(Settings(_env_file=None, log_level="info"))
for name in ("httpx", "uvicorn.error", "api.middleware.request_limits"):
    logging.getLogger(name).info("told")
    logging.getLogger(name).warning("warned")
"""
    process = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    events = [json.loads(line) for line in process.stderr.splitlines()]
    assert [(event["logger"], event["message"]) for event in events] == [
        ("httpx", "warned"),
        ("uvicorn.error", "warned"),
        ("api.middleware.request_limits", "told"),
        ("api.middleware.request_limits", "warned"),
    ]
    assert process.stdout == ""
