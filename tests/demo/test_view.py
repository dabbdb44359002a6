"""What the demo draws on a terminal."""

from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from rich.console import Console

from heartbeat.demo.client import HeartbeatView, PauseView, RunView, Snapshot
from heartbeat.demo.view import LiveView, PlainView

NOW = datetime.now(UTC)
ORDER = HeartbeatView(
    uuid="hb_1", schedule="Every minute", next_run_at=NOW + timedelta(seconds=30), credits_used=3, credit_budget=500
)


def drawn(snapshot: Snapshot | None) -> str:
    console = Console(
        file=StringIO(), force_terminal=True, width=120, height=40, color_system=None, legacy_windows=False
    )
    screen = LiveView(console)
    if snapshot:
        screen.show(snapshot)
    screen.close()
    output = console.file
    assert isinstance(output, StringIO)
    return output.getvalue()


def test_before_the_first_look_it_claims_nothing() -> None:
    assert "looking …" in drawn(None)


def test_it_shows_what_is_due_and_each_run() -> None:
    ended = [
        RunView(
            uuid="a",
            status="success",
            response="Walk a little.",
            duration_ms=1234,
            tokens_used=60,
            credits_charged=1,
            started_at=NOW,
        ),
        RunView(uuid="b", status="error", error_message="no key", started_at=NOW),
        RunView(uuid="c", status="skipped", skip_reason="overlap", started_at=NOW),
    ]
    running = [RunView(uuid="d", status="running", trigger="manual", started_at=NOW - timedelta(hours=1))]
    shown = drawn(Snapshot(ORDER, running, ended))
    assert "3 of 500 credits used" in shown
    assert "Every minute" in shown
    lines = [line.split() for line in shown.splitlines()]
    rows = [line[1:] for line in lines if line and line[0] == f"{NOW.astimezone():%H:%M:%S}"]
    assert rows == [
        ["schedule", "success", "1.2", "s", "60", "1", "Walk", "a", "little."],
        ["schedule", "error", "0.0", "s", "no", "key"],
        ["schedule", "skipped", "0.0", "s", "overlap"],
    ]
    ((trigger, status, seconds),) = [line[1:4] for line in lines if "running" in line]
    assert (trigger, status) == ("manual", "running")
    assert 3600 <= int(seconds) <= (datetime.now(UTC) - running[0].started_at).total_seconds() + 1


@pytest.mark.parametrize(
    ("tokens", "charged", "words"),
    [(1, 1, "1 token, 1 credit)"), (60, 2, "60 tokens, 2 credits)"), (None, 0, "0 tokens, 0 credits)")],
)
def test_elsewhere_each_run_is_a_line_with_what_it_cost(tokens: int | None, charged: int, words: str) -> None:
    run = RunView(uuid="a", status="success", tokens_used=tokens, credits_charged=charged, started_at=NOW)
    console = Console(file=StringIO(), width=120)
    PlainView(console).show(Snapshot(ORDER, [], [run]))
    assert isinstance(console.file, StringIO)
    assert f"schedule run success (0.0 s, {words}:" in console.file.getvalue()


def test_an_answer_cannot_command_the_terminal() -> None:
    evil = RunView(uuid="a", status="success", response="\x1b]0;owned\x07[red]hi[/red]\n\x1b[2Jbye", started_at=NOW)
    shown = drawn(Snapshot(ORDER, [], [evil]))
    assert "\x1b]0;" not in shown
    assert "\x1b[2J" not in shown
    assert "]0;owned [red]hi[/red] [2Jbye" in shown


def test_a_pause_says_why() -> None:
    paused = ORDER.model_copy(update={"pause": PauseView(reason="errors", message="Failed 5 times in a row.")})
    assert "paused (errors): Failed 5 times in a row." in drawn(Snapshot(paused, [], []))
