"""What the demo shows: a live table on a terminal, a line for each event elsewhere."""

from datetime import UTC, datetime
from typing import Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from heartbeat.demo.client import HeartbeatView, RunView, Snapshot

COLOURS = {"success": "green", "error": "red", "skipped": "yellow", "cancelled": "yellow", "running": "cyan"}
LONGEST_ANSWER = 240
# Lines of the terminal that are not runs; a run's answer may need three.
OTHER_LINES, LINES_A_RUN = 14, 3
FEWEST_RUNS = 3


class View(Protocol):
    """Shows snapshots; `close` leaves the last one standing."""

    def show(self, snapshot: Snapshot) -> None: ...
    def close(self) -> None: ...


class LiveView:
    """A table that follows the runs, drawn four times a second."""

    def __init__(self, console: Console) -> None:
        self._snapshot: Snapshot | None = None
        self._rows = max(FEWEST_RUNS, (console.height - OTHER_LINES) // LINES_A_RUN)
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
        return Group(Text(), Text(_outlook(self._snapshot.order), "bold"), Text(), _table(runs))


class PlainView:
    """One line for a run that began, one for its end, one for the next tick."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._said: set[str] = set()
        self._next: datetime | None = None

    def show(self, snapshot: Snapshot) -> None:
        news = snapshot.order.next_run_at != self._next
        for log in reversed(snapshot.running):
            self._once(f"{log.uuid} running", f"{_clock(log.started_at)} {log.trigger} run began")
        for log in reversed(snapshot.ended):
            cost = f"{_seconds(log)}, {log.tokens_used or 0} tokens, {log.credits_charged or 0} credits"
            line = f"{_clock(log.started_at)} {log.trigger} run {log.status} ({cost}): {_outcome(log)}"
            news = self._once(log.uuid, line) or news
        if news:
            self._next = snapshot.order.next_run_at
            self._say(_outlook(snapshot.order))

    def close(self) -> None:
        pass

    def _once(self, key: str, line: str) -> bool:
        if key in self._said:
            return False
        self._said.add(key)
        self._say(line)
        return True

    def _say(self, line: str) -> None:
        self._console.print(Text(line), soft_wrap=True)


def view(console: Console) -> View:
    """The view that suits where the output goes."""
    return LiveView(console) if console.is_terminal else PlainView(console)


def _table(runs: list[RunView]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), expand=True)
    for title in ("began", "by", "status"):
        table.add_column(title, no_wrap=True)
    for title in ("took", "tokens", "credits"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("answer", ratio=1)
    for log in runs:
        numbers = (_seconds(log), str(log.tokens_used or ""), str(log.credits_charged or ""))
        status = Text(log.status, COLOURS.get(log.status, ""))
        table.add_row(_clock(log.started_at), log.trigger, status, *numbers, Text(_outcome(log)))
    return table


def _outlook(order: HeartbeatView) -> str:
    """What is due next, and the credits."""
    spent = f"{order.credits_used} of {order.credit_budget} credits used"
    if order.pause:
        return f"paused ({order.pause.reason}): {order.pause.message or 'no reason given'} · {spent}"
    if order.next_run_at is None:
        return f"nothing is due · {spent}"
    left = max(0, round((order.next_run_at - datetime.now(UTC)).total_seconds()))
    return f"next run in {left} s, at {_clock(order.next_run_at)} · {order.schedule} · {spent}"


def _outcome(log: RunView) -> str:
    """The answer or the reason, on one line, without anything a terminal would obey."""
    said = log.response or log.error_message or log.skip_reason or ""
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in said).split())
    return line if len(line) <= LONGEST_ANSWER else line[: LONGEST_ANSWER - 1] + "…"


def _seconds(log: RunView) -> str:
    """How long it took; of a run still going, how long so far."""
    if log.status == "running":
        return f"{(datetime.now(UTC) - log.started_at).total_seconds():.0f} s"
    return f"{(log.duration_ms or 0) / 1000:.1f} s"


def _clock(moment: datetime) -> str:
    return f"{moment.astimezone():%H:%M:%S}"
