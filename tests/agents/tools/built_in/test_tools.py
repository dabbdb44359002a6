"""The tools that every run has."""

import json
from typing import Any

import pytest

from heartbeat.agents.tools.built_in.tools import BUILT_IN, call_built_in
from heartbeat.settings import Settings
from tests.support.peer import Peer, says

FINDING = {"title": "Disk full", "severity": "critical", "fingerprint": "disk-full:web-1", "detail": "98 %"}


def test_their_schemas_stand_alone() -> None:
    remembering = ["remember", "recall", "forget"]
    assert [tool.name for tool in BUILT_IN] == ["web_fetch", "report", *remembering, "notify_user", "schedule_task"]
    for tool in BUILT_IN:
        assert "$ref" not in json.dumps(tool.schema)
        assert (tool.server, tool.pinned, tool.idempotent, tool.needs_approval) == (None, None, True, False)
    finding = BUILT_IN[1].schema["properties"]["findings"]["items"]
    assert finding["required"] == ["title", "severity", "fingerprint"]
    assert BUILT_IN[1].schema["required"] == ["outcome", "summary"]


@pytest.mark.parametrize("outcome", ["ok", "nothing_to_report", "failed"])
async def test_a_report_is_handed_on(settings: Settings, outcome: str) -> None:
    called = await call_built_in("report", {"outcome": outcome, "summary": " All done. "}, settings)
    assert (called.outcome, called.text) == ("ok", "Reported.")
    assert called.report == {"outcome": outcome, "summary": "All done.", "findings": []}


async def test_findings_are_handed_on(settings: Settings) -> None:
    short = {name: value for name, value in FINDING.items() if name != "detail"}
    arguments = {"outcome": "ok", "summary": "Two.", "findings": [FINDING, short]}
    called = await call_built_in("report", arguments, settings)
    assert called.report is not None
    assert called.report["findings"] == [FINDING, {**short, "detail": None}]


BAD: list[tuple[dict[str, Any], str]] = [
    ({}, "outcome: Field required; summary: Field required"),
    ({"outcome": "fine", "summary": "x"}, "outcome: Input should be 'ok', 'nothing_to_report' or 'failed'"),
    ({"outcome": "ok", "summary": " "}, "summary: String should have at least 1 character"),
    (
        {"outcome": "ok", "summary": "x", "findings": [{**FINDING, "severity": "bad"}]},
        "findings.0.severity: Input should be 'info', 'warning' or 'critical'",
    ),
    ({"outcome": "ok", "summary": "x", "findings": "none"}, "findings: Input should be a valid list"),
    ({"outcome": "ok", "summary": "x", "findings": [FINDING] * 51}, "findings: List should have at most 50 items"),
]


@pytest.mark.parametrize(("arguments", "words"), BAD)
async def test_a_report_that_does_not_fit_is_told_what_to_write(
    settings: Settings, arguments: dict[str, Any], words: str
) -> None:
    called = await call_built_in("report", arguments, settings)
    assert (called.outcome, called.report) == ("invalid_arguments", None)
    assert called.text.startswith(f"report was not called: {words}")


async def test_a_page_is_fetched_through_the_guard(settings: Settings) -> None:
    async with Peer({"*": says(b"Water the plants.", content_type="text/plain")}) as peer:
        called = await call_built_in("web_fetch", {"url": peer.url()}, settings)
        assert (called.outcome, called.text) == ("ok", "Water the plants.")
        closed = Settings(_env_file=None)
        called = await call_built_in("web_fetch", {"url": peer.url()}, closed)
        assert called.outcome == "failed"
        assert peer.connections == 1


async def test_a_page_without_an_address_is_told_what_to_write(settings: Settings) -> None:
    called = await call_built_in("web_fetch", {"uri": "https://example.com"}, settings)
    assert called.outcome == "invalid_arguments"
    assert "url: Field required" in called.text
