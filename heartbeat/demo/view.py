"""What the demo shows: a live table on a terminal, a line for each event elsewhere."""

from datetime import datetime
from typing import Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from heartbeat.demo.client import HeartbeatView, RunView, Snapshot
from heartbeat.domain.clock import utc_now

COLOURS = {"success": "green", "error": "red", "skipped": "yellow", "cancelled": "yellow", "running": "cyan"}
MAX_ANSWER_LENGTH = 240
# Lines of the terminal that are not runs; a run's answer may need three.
OTHER_LINES, LINES_A_RUN = 14, 3
MIN_RUNS = 3


class View(Protocol):
    """Shows snapshots; `close` leaves the last one on the screen."""

    def show(self, snapshot: Snapshot) -> None: ...
    def close(self) -> None: ...


class LiveView:
    """A table that follows the runs, drawn four times a second."""

    def __init__(self, console: Console) -> None:
        self._snapshot: Snapshot | None = None
        self._rows = max(MIN_RUNS, (console.height - OTHER_LINES) // LINES_A_RUN)
        self._live = Live(console=console, get_renderable=self._render, refresh_per_second=4)
        self._live.start()

    def show(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def close(self) -> None:
        self._live.stop()

    def _render(self) -> Group | Text:
        if self._snapshot is None:
            return Text("looking …", "dim")
        runs = (self._snapshot.running + self._snapshot.ended)[: self._rows]
        return Group(Text(), Text(_outlook(self._snapshot.heartbeat), "bold"), Text(), _table(runs))


class PlainView:
    """Prints a line when a run begins, when it ends, and when the next tick changes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._printed: set[str] = set()
        self._next: datetime | None = None

    def show(self, snapshot: Snapshot) -> None:
        changed = snapshot.heartbeat.next_run_at != self._next
        for run in reversed(snapshot.running):
            self._once(f"{run.uuid} running", f"{_clock(run.started_at)} {run.trigger} run began")
        for run in reversed(snapshot.ended):
            cost = f"{_seconds(run)}, {_count(run.tokens_used, 'token')}, {_count(run.credits_charged, 'credit')}"
            line = f"{_clock(run.started_at)} {run.trigger} run {run.status} ({cost}): {_outcome(run)}"
            changed = self._once(run.uuid, line) or changed
        if changed:
            self._next = snapshot.heartbeat.next_run_at
            self._say(_outlook(snapshot.heartbeat))

    def close(self) -> None:
        pass

    def _once(self, key: str, line: str) -> bool:
        if key in self._printed:
            return False
        self._printed.add(key)
        self._say(line)
        return True

    def _say(self, line: str) -> None:
        self._console.print(Text(line), soft_wrap=True)


def view(console: Console) -> View:
    """Choose the view for a terminal or for any other output."""
    return LiveView(console) if console.is_terminal else PlainView(console)


def _table(runs: list[RunView]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), expand=True)
    for title in ("began", "by", "status"):
        table.add_column(title, no_wrap=True)
    for title in ("took", "tokens", "credits"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("answer", ratio=1)
    for run in runs:
        numbers = (_seconds(run), str(run.tokens_used or ""), str(run.credits_charged or ""))
        status = Text(run.status, COLOURS.get(run.status, ""))
        table.add_row(_clock(run.started_at), run.trigger, status, *numbers, Text(_outcome(run)))
    return table


def _outlook(heartbeat: HeartbeatView) -> str:
    """Say what is due next, and how much of the budget is used."""
    spent = f"{heartbeat.credits_used} of {heartbeat.credit_budget} credits used"
    if heartbeat.pause:
        return f"paused ({heartbeat.pause.reason}): {heartbeat.pause.message or 'no reason given'} · {spent}"
    if heartbeat.next_run_at is None:
        return f"nothing is due · {spent}"
    left = max(0, round((heartbeat.next_run_at - utc_now()).total_seconds()))
    return f"next run in {left} s, at {_clock(heartbeat.next_run_at)} · {heartbeat.schedule} · {spent}"


def _outcome(run: RunView) -> str:
    """Write the answer or the reason on one line, without characters that a terminal would obey."""
    text = run.response or run.error_message or run.skip_reason or ""
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return line if len(line) <= MAX_ANSWER_LENGTH else line[: MAX_ANSWER_LENGTH - 1] + "…"


def _count(number: int | None, noun: str) -> str:
    return f"{number or 0} {noun}" if number == 1 else f"{number or 0} {noun}s"


def _seconds(run: RunView) -> str:
    """Write how long the run took, or has taken so far."""
    if run.status == "running":
        return f"{(utc_now() - run.started_at).total_seconds():.0f} s"
    return f"{(run.duration_ms or 0) / 1000:.1f} s"


def _clock(moment: datetime) -> str:
    return f"{moment.astimezone():%H:%M:%S}"
