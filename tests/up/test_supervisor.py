"""The supervisor with real, tiny children."""

import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from heartbeat.settings import Settings
from heartbeat.store.migrations.revisions import TOO_NEW_EXIT_CODE
from heartbeat.up import temporal_server
from heartbeat.up.supervisor import Child, Supervisor
from tests.support.patience import PATIENCE, until
from tests.support.ports import free_port

SAY_PID = "import os, time; print('pid', os.getpid(), flush=True)"
SLEEP = f"{SAY_PID}; time.sleep(600)"

Lines = list[tuple[str, str]]
Start = Callable[[list[list[Child]]], Awaitable[tuple[Supervisor, Lines]]]


@pytest.fixture
async def started() -> AsyncIterator[Start]:
    running = []

    async def start(stages: list[list[Child]]) -> tuple[Supervisor, Lines]:
        lines: Lines = []
        supervisor = Supervisor(stages, dict(os.environ), lambda name, line: lines.append((name, line)))
        running.append(supervisor)
        await supervisor.start()
        return supervisor, lines

    yield start
    for supervisor in running:
        supervisor.kill()
        await supervisor.stop()


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


async def seen(lines: Lines, name: str, text: str, times: int = 1) -> list[str]:
    """The lines of `name` that hold `text`, once there are enough of them."""
    return await until(
        lambda: [line for who, line in lines if who == name and text in line], lambda matches: len(matches) >= times
    )


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_a_killed_child_is_started_again_with_a_word(started: Start) -> None:
    _, lines = await started([[Child("worker", python(SLEEP), 1)]])
    first = int((await seen(lines, "worker", "pid"))[0].split()[1])
    os.kill(first, signal.SIGKILL)
    words = await seen(lines, "up", "worker was ended by SIGKILL")
    assert words == ["worker was ended by SIGKILL; starting it again in 0.5 s"]
    second = int((await seen(lines, "worker", "pid", 2))[1].split()[1])
    assert second != first
    assert alive(second)


async def test_a_child_that_keeps_dying_is_started_ever_more_slowly(started: Start) -> None:
    _, lines = await started([[Child("api", python("raise SystemExit(3)"), 1)]])
    words = await seen(lines, "up", "exited with code 3", 3)
    assert [line.rsplit(" in ")[1] for line in words] == ["0.5 s", "1 s", "2 s"]


async def test_a_program_that_is_not_there_is_told_of(started: Start) -> None:
    _, lines = await started([[Child("model", ["/no/such/program"], 1)]])
    await seen(lines, "up", "model cannot be started (")


async def test_stages_stop_in_reverse_order_and_what_hangs_is_ended(started: Start, tmp_path: Path) -> None:
    record = tmp_path / "record"
    polite = (
        "import signal, sys, time\n"
        "def end(*_):\n"
        f"    open({str(record)!r}, 'a').write(sys.argv[1] + ' ')\n"
        "    sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, end)\n"
        "print('pid', __import__('os').getpid(), flush=True)\n"
        "time.sleep(600)"
    )
    deaf = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEP}"
    supervisor, lines = await started(
        [
            [Child("temporal", [*python(polite), "temporal"], PATIENCE)],
            [Child(f"worker {number}", [*python(polite), "worker"], PATIENCE) for number in (1, 2)],
            [Child("deaf", python(deaf), 0.3)],
            [Child("api", [*python(polite), "api"], PATIENCE)],
        ]
    )
    names = ("temporal", "worker 1", "worker 2", "deaf", "api")
    pids = [int((await seen(lines, name, "pid"))[0].split()[1]) for name in names]
    await supervisor.stop()
    assert record.read_text() == "api worker worker temporal "
    assert ("up", "deaf takes longer than 0.3 s to stop; ending it") in lines
    assert [pid for pid in pids if alive(pid)] == []


async def test_grandchildren_go_with_their_parent_and_hold_nothing_up(started: Start) -> None:
    parent = (
        "import subprocess, sys, time\n"
        "kept = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print('grandchild', kept.pid, flush=True)\n"
        "time.sleep(600)"
    )
    supervisor, lines = await started([[Child("worker", python(parent), PATIENCE)]])
    grandchild = int((await seen(lines, "worker", "grandchild"))[0].split()[1])
    await supervisor.stop()
    assert "takes longer" not in str(lines)
    await until(lambda: not alive(grandchild))


async def test_the_next_stage_waits_for_a_port(started: Start) -> None:
    port = free_port()
    listen = (
        "import socket, time; time.sleep(0.4); s = socket.create_server(('127.0.0.1', "
        f"{port})); print('listening', flush=True); time.sleep(600)"
    )
    _, lines = await started(
        [[Child("temporal", python(listen), 1, port)], [Child("worker", python("print('began')"), 1)]]
    )
    await seen(lines, "worker", "began")
    assert lines.index(("temporal", "listening")) < lines.index(("worker", "began"))


async def test_a_line_longer_than_the_buffer_stops_nothing(started: Start) -> None:
    code = "import time; print('x' * 3_000_000); print('after', flush=True); time.sleep(600)"
    _, lines = await started([[Child("api", python(code), 1)]])
    await seen(lines, "api", "after")


async def test_a_quiet_child_says_only_its_errors_and_nothing_while_it_stops(started: Start) -> None:
    code = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: (print('bye', file=sys.stderr, flush=True), sys.exit(0)))\n"
        "print('banner', flush=True); print('warning', file=sys.stderr, flush=True)\n"
        "time.sleep(600)"
    )
    supervisor, lines = await started([[Child("temporal", python(code), PATIENCE, quiet=True)]])
    await seen(lines, "temporal", "warning")
    await supervisor.stop()
    assert lines == [("temporal", "warning")]


def test_a_night_off_is_not_told_minute_by_minute(tmp_path: Path) -> None:
    """Temporal warns of every tick of every schedule that was missed while the machine was off."""
    line = temporal_server.command(Settings(data_dir=tmp_path))
    assert line[line.index("--log-level") + 1] == "error"


async def test_a_child_that_cannot_go_on_is_not_started_again(started: Start) -> None:
    code = f"import sys; print('Install the newer version.', flush=True); sys.exit({TOO_NEW_EXIT_CODE})"
    supervisor, lines = await started([[Child("api", python(code), 1)]])
    await until(supervisor.given_up.is_set)
    assert supervisor.reason == "Install the newer version."
    assert [line for name, line in lines if name == "up"] == []
