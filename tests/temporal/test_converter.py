"""Messages inside Temporal keep the names they were first written with, so every version reads what any other wrote."""

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.client import WorkflowHistory
from temporalio.converter import DataConverter

from heartbeat.domain import contracts
from heartbeat.domain.contracts import (
    WIRE_NAMES,
    ActInput,
    ActResult,
    CloseRunResult,
    DeliveryResult,
    OpenRunInput,
    OpenRunResult,
    PendingCall,
    RunRequest,
    RunResult,
    ThinkInput,
    ThinkResult,
)
from heartbeat.temporal.converter import DATA_CONVERTER

BEFORE = sorted((Path(__file__).parent.parent / "workflows" / "histories" / "before").glob("*.json"))
OF_RUNS = [path for path in BEFORE if not path.stem.startswith("upkeep")]
INPUTS: dict[str, type] = {"think": ThinkInput, "act": ActInput}
RESULTS: dict[str, type] = {
    "open_run": OpenRunResult,
    "look_at_gate": OpenRunResult,
    "think": ThinkResult,
    "act": ActResult,
    "close_run": CloseRunResult,
}
CONVERTER = DATA_CONVERTER.payload_converter
CLASSES = [kind for kind in vars(contracts).values() if dataclasses.is_dataclass(kind)]


def messages(path: Path) -> Iterator[tuple[type, Payload]]:
    """Every message in the history of a run, with its class of today."""
    activities: dict[int, str] = {}
    for event in WorkflowHistory.from_json(path.stem, path.read_text()).events:
        [attributes] = [value for field, value in event.ListFields() if field.name.endswith("_attributes")]
        kind = type(attributes).__name__
        if kind == "WorkflowExecutionStartedEventAttributes":
            yield RunRequest, attributes.input.payloads[0]
        elif kind == "ActivityTaskScheduledEventAttributes":
            name = activities[event.event_id] = attributes.activity_type.name
            if name in INPUTS:
                yield INPUTS[name], attributes.input.payloads[0]
        elif kind == "ActivityTaskCompletedEventAttributes" and activities[attributes.scheduled_event_id] in RESULTS:
            yield RESULTS[activities[attributes.scheduled_event_id]], attributes.result.payloads[0]
        elif kind == "MarkerRecordedEventAttributes":
            name = json.loads(attributes.details["data"].payloads[0].data)["activity_type"]
            yield RESULTS[name], attributes.details["result"].payloads[0]
        elif kind == "WorkflowExecutionCompletedEventAttributes":
            yield RunResult, attributes.result.payloads[0]


def written(message: Any) -> Any:
    return json.loads(CONVERTER.to_payload(message).data)


@pytest.mark.parametrize("path", OF_RUNS, ids=lambda path: path.stem)
def test_what_earlier_versions_wrote_is_read_and_would_be_written_so_again(path: Path) -> None:
    recorded = list(messages(path))
    assert {RunRequest, OpenRunResult, RunResult} <= {kind for kind, _ in recorded}
    for kind, payload in recorded:
        before = json.loads(payload.data)
        again = written(CONVERTER.from_payload(payload, kind))
        # Of the first version's `think`; nobody reads it any more.
        before.pop("done", None)
        # A field that came later has its default.
        assert before == {name: again[name] for name in before}


def test_an_earlier_version_finds_every_field_under_its_old_name() -> None:
    request = RunRequest("hb_1", 7, "manual", "log_1", dry_run=True)
    old_request = {"heartbeat": "hb_1", "version": 7, "trigger": "manual", "run": "log_1", "tick": None}
    old_request["dry_run"] = True
    new_fields = {"gated": False, "delay_seconds": 0, "triggered_by": None}
    assert written(OpenRunInput(request, "workflow", "attempt", None))["request"] == old_request | new_fields
    # What came later has its default, or an upgrade would find every schedule changed and put it again.
    before = DataConverter.default.payload_converter.to_payload(old_request)
    assert CONVERTER.from_payload(before, RunRequest) == request
    opened = written(OpenRunResult(False, "log_1", "over budget", schedule_changed=True))
    assert {name: opened[name] for name in ("go", "run", "why", "sync")} == {
        "go": False,
        "run": "log_1",
        "why": "over budget",
        "sync": True,
    }
    closed = {"status": "success", "sync": True, "tell": ["ntf_1"]}
    thought = ThinkResult((PendingCall(2, "report"),), close_result=CloseRunResult("success", True, ("ntf_1",)))
    assert written(thought)["verdict"] == closed
    assert written(ActResult(60.0, ("ntf_1",))) == {"waiting": 60.0, "tell": ["ntf_1"]}
    assert written(DeliveryResult("pending", 5.0)) == {"status": "pending", "again_in": 5.0}


MESSAGES = [
    OpenRunInput(RunRequest("hb_1", 7, tick="2026-11-20T12:00:00+00:00"), "workflow", "attempt", None),
    OpenRunResult(True, "log_1", model="openai:scripted", run_seconds=60),
    ThinkResult((PendingCall(2, "report"),), close_result=CloseRunResult("error", True, ("ntf_1", "ntf_2"))),
    ActResult(60.0, ("ntf_1",)),
    RunResult("skipped", None, "the heartbeat was deleted"),
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_both_names_are_read(message: Any) -> None:
    new_names = dict(CONVERTER.to_payload(message).metadata)
    by_name = Payload(metadata=new_names, data=json.dumps(dataclasses.asdict(message)).encode())
    assert CONVERTER.from_payload(by_name, type(message)) == message
    assert CONVERTER.from_payload(CONVERTER.to_payload(message), type(message)) == message


def test_no_name_means_two_fields() -> None:
    names = {field.name for kind in CLASSES for field in dataclasses.fields(kind)}
    assert set(WIRE_NAMES) <= names
    assert not set(WIRE_NAMES.values()) & names
    assert len(set(WIRE_NAMES.values())) == len(WIRE_NAMES)
