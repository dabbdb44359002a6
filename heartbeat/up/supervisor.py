"""The child processes of `up`: started in stages, started again when they die, stopped in reverse order."""

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from time import monotonic

from heartbeat.store.migrations.revisions import TOO_NEW_EXIT_CODE

# Seconds: the pause before a dead child is started again doubles until the child has lived for a while.
FIRST_PAUSE, MAX_PAUSE, STEADY = 0.5, 30.0, 20.0
MAX_LINE_BYTES = 1 << 20
OWN_NAME = "up"
PR_SET_PDEATHSIG = 1
# Loaded here, because between fork and exec a child should do next to nothing.
LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None

Log = Callable[[str, str], None]


@dataclass(frozen=True)
class Child:
    """A process to keep alive.

    `grace` is how many seconds it has between SIGTERM and SIGKILL; with a `port` (on the loopback) the next stage
    waits until it listens there. Of a `quiet` child only stderr is passed on, and nothing while it stops.
    `environment` is what it has beside that of the stack.
    """

    name: str
    command: list[str]
    grace: float
    port: int | None = None
    quiet: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)


class Supervisor:
    """Keeps children alive between `start` and `stop`. `log(name, line)` gets their output and its own messages.

    `given_up` is set when a child cannot go on however often it is started; `reason` is what it then said last.
    """

    def __init__(self, stages: list[list[Child]], environment: dict[str, str], log: Log) -> None:
        self.given_up, self.reason = asyncio.Event(), ""
        self._stages = [[_ChildKeeper(child, environment, log, self._give_up) for child in stage] for stage in stages]

    def _give_up(self, reason: str) -> None:
        self.reason = reason
        self.given_up.set()

    async def start(self) -> None:
        """Start one stage after the other; returns when the last one was started, not when it is ready."""
        for stage in self._stages:
            for keeper in stage:
                keeper.start()
            for keeper in stage:
                await keeper.until_it_listens()

    async def stop(self) -> None:
        """Stop the last stage first; a stage's children together. Nothing is left of them when it returns."""
        for stage in reversed(self._stages):
            await asyncio.gather(*(keeper.stop() for keeper in stage))

    def kill(self) -> None:
        """End everything at once; `stop` still has to be awaited."""
        for stage in self._stages:
            for keeper in stage:
                keeper.kill()


class _ChildKeeper:
    def __init__(self, child: Child, environment: dict[str, str], log: Log, give_up: Callable[[str], None]) -> None:
        self._child = child
        self._give_up, self._last_line = give_up, ""
        self._environment = {**environment, **child.environment}
        self._log = log
        self._stopping = asyncio.Event()
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._keep())

    async def until_it_listens(self) -> None:
        while self._child.port is not None:
            with suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", self._child.port)
                writer.close()
                return
            await asyncio.sleep(0.05)

    async def stop(self) -> None:
        self._stopping.set()
        if self._task is None:
            return
        self._signal(signal.SIGTERM)
        done, _ = await asyncio.wait({self._task}, timeout=self._child.grace)
        if not done:
            self._log(OWN_NAME, f"{self._child.name} takes longer than {self._child.grace:g} s to stop; ending it")
            self.kill()
        await self._task

    def kill(self) -> None:
        self._stopping.set()
        self._signal(signal.SIGKILL)

    async def _keep(self) -> None:
        pause = FIRST_PAUSE
        while not self._stopping.is_set():
            began = monotonic()
            code = await self._run_once()
            if self._stopping.is_set():
                return
            if code == TOO_NEW_EXIT_CODE:
                self._give_up(self._last_line)
                return
            pause = FIRST_PAUSE if monotonic() - began > STEADY else pause
            self._log(OWN_NAME, f"{self._child.name} {_ending(code)}; starting it again in {pause:g} s")
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)
            pause = min(pause * 2, MAX_PAUSE)

    async def _run_once(self) -> int | OSError:
        """Start the child and pass its lines on until it ends; returns its exit code, or why it cannot be started."""
        # A pipe of our own: asyncio's would keep `wait` waiting for as long as a grandchild holds it.
        reader, writer = os.pipe()
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._child.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL if self._child.quiet else writer,
                stderr=writer,
                env=self._environment,
                start_new_session=True,
                preexec_fn=_die_with_parent if LIBC else None,
            )
        except OSError as problem:
            os.close(reader)
            return problem
        finally:
            os.close(writer)
        if self._stopping.is_set():
            self.kill()
        lines = asyncio.create_task(self._forward_lines(reader))
        code = await self._process.wait()
        self._signal(signal.SIGKILL)
        await asyncio.wait({lines}, timeout=1)
        lines.cancel()
        return code

    async def _forward_lines(self, descriptor: int) -> None:
        stream = asyncio.StreamReader(limit=MAX_LINE_BYTES)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            partial(asyncio.StreamReaderProtocol, stream), os.fdopen(descriptor, "rb", 0)
        )
        try:
            while not stream.at_eof():
                # A line too long for the buffer is dropped.
                with suppress(ValueError):
                    line = (await stream.readline()).decode(errors="replace").rstrip()
                    if line and not (self._child.quiet and self._stopping.is_set()):
                        self._last_line = line
                        self._log(self._child.name, line)
        finally:
            transport.close()

    def _signal(self, number: signal.Signals) -> None:
        """Signal the child's whole process group, which may outlive the child."""
        if self._process is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, number)


def _die_with_parent() -> None:
    """Have Linux end the child when this process dies, even by SIGKILL."""
    if LIBC:
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _ending(code: int | OSError) -> str:
    if isinstance(code, OSError):
        return f"cannot be started ({code})"
    return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"exited with code {code}"
