"""The sessions of runs with their tool servers: one for each server, from a run's first call of it on.

What a server keeps in its session (a browser, a login) is there for the run's next call, as long as this process has
the run. The SDK wants a session opened and closed by one task, so each is held by a task of its own.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from typing import Any

from mcp.client.session import ClientSession
from mcp.shared.exceptions import MCPError
from mcp_types import CONNECTION_CLOSED, ElicitRequestParams, ElicitResult, ToolListChangedNotification

from heartbeat.agents.tools.definitions import Answers, McpServer, OfferedTool, ToolResult
from heartbeat.agents.tools.mcp.call_clock import CallClock
from heartbeat.agents.tools.mcp.client import change_of, discover, request_call
from heartbeat.agents.tools.mcp.elicitation import answer_to_question
from heartbeat.agents.tools.mcp.failures import CallProblem, failed_call
from heartbeat.agents.tools.mcp.list_changes import listen_for_changes
from heartbeat.agents.tools.mcp.listing import Listing
from heartbeat.agents.tools.mcp.server_call import ServerCall
from heartbeat.agents.tools.mcp.session import session
from heartbeat.agents.tools.mcp.traffic import Traffic
from heartbeat.agents.tools.mcp.turns import Turns
from heartbeat.domain.trace_ids import traceparent
from heartbeat.settings import Settings
from heartbeat.telemetry.traces.switch import is_traced

IDLE_SECONDS = 600.0
CLOSE_SECONDS = 5.0
END_SECONDS = 0.5
MAX_SESSIONS = 500
LOST_SESSION = (400, 404)

logger = logging.getLogger(__name__)


class HeldSession:
    """One open session, of one run with one server. `opened_for` is the key of the call that it was opened for."""

    def __init__(self, server: McpServer, settings: Settings, opened_for: str) -> None:
        self.server = server
        self.settings = server.limited(settings)
        self.opened_for = opened_for
        self.traffic = Traffic(access=server.access)
        self.calls = 0
        self.used_at = asyncio.get_running_loop().time()
        self._session: ClientSession | None = None
        self._problem: Exception | None = None
        self._opened, self._closing = asyncio.Event(), asyncio.Event()
        self._changes_heard = 0
        self._asking: ServerCall | None = None
        self._asking_lock = asyncio.Lock()
        self._listing: Listing | None = None
        self._listing_lock = asyncio.Lock()
        self._task = asyncio.create_task(self._hold())

    @property
    def is_over(self) -> bool:
        return self._task.done()

    @property
    def keeps_state(self) -> bool:
        """Whether the server may keep something for this session alone."""
        return self.server.transport != "http" or self.traffic.session_id is not None

    async def call(self, call: ServerCall) -> ToolResult:
        """Call a tool once, if it still is what was pinned."""
        self.calls += 1
        try:
            await self._opened.wait()
            if self._session is None:
                raise self._problem or MCPError(CONNECTION_CLOSED, "Connection closed")
            if call.tool.pinned is not None and (changed := change_of(call.tool, await self._list(self._session))):
                return changed
            return await self._request(self._session, call)
        except MCPError as problem:
            raise await self._why(problem) from None
        finally:
            self.calls -= 1
            self.used_at = asyncio.get_running_loop().time()

    async def _request(self, mcp_session: ClientSession, call: ServerCall) -> ToolResult:
        if self.server.elicitation == "decline":
            return await request_call(mcp_session, call, self.settings)
        # One at a time: a question does not say which call it is about.
        async with self._asking_lock:
            self._asking = call
            try:
                return await request_call(mcp_session, call, self.settings)
            finally:
                self._asking = None

    async def _on_question(self, context: Any, params: ElicitRequestParams) -> ElicitResult:
        return answer_to_question(self.server, params, self._asking.answers if self._asking else Answers())

    async def changed_listing(self) -> Listing | None:
        """What the server offers now, if it said in this session that that changed; `None` if not, or if it fails."""
        if not self._changes_heard or self._session is None or self.is_over:
            return None
        try:
            async with asyncio.timeout(self.settings.tool_timeout_seconds):
                return await self._list(self._session)
        except Exception:
            # The next call says what is wrong; the steps until then do not wait for it once more.
            self._changes_heard = 0
            return None

    def is_lost(self, key: str, problem: Exception) -> bool:
        """Whether `problem` means that the session is gone and that the call was not made in it."""
        if self._session is None:
            return False
        traffic = self.traffic
        status = traffic.statuses.get(key) if key in traffic.sent else traffic.status
        if self.keeps_state and status in LOST_SESSION:
            # Over the sse transport the address of each message names the session, and of an error no words come.
            words = "session" if traffic.session_id is None else str(problem).lower()
            return status == 404 or "session" in words or "not initialized" in words
        is_closed = self.is_over or (isinstance(problem, MCPError) and problem.code == CONNECTION_CLOSED)
        return key not in traffic.sent and is_closed

    def leave(self) -> None:
        """End the session, in its own time."""
        self._closing.set()

    def give_up(self) -> None:
        """End the session, however far it has come."""
        self._task.cancel()

    async def end(self, seconds: float = CLOSE_SECONDS) -> None:
        """End the session at once; returns when its process or connection is gone, or after `seconds`."""
        self._task.cancel()
        await self.ended(seconds)

    async def ended(self, seconds: float) -> None:
        """Wait until the session has said its goodbye, for at most `seconds`."""
        await asyncio.wait([self._task], timeout=seconds)

    async def _why(self, problem: MCPError) -> Exception:
        """What ended the session, if it is that which ended the call."""
        if problem.code == CONNECTION_CLOSED:
            await asyncio.wait([self._task], timeout=END_SECONDS)
        return self._problem or problem

    async def _list(self, mcp_session: ClientSession) -> Listing:
        async with self._listing_lock:
            if self._listing is not None:
                return self._listing
            changes_before = self._changes_heard
            listing = await discover(mcp_session)
            if changes_before == self._changes_heard:
                self._listing = listing
            return listing

    async def _on_message(self, message: Any) -> None:
        if isinstance(message, ToolListChangedNotification):
            self._on_change()

    def _on_change(self) -> None:
        self._changes_heard += 1
        self._listing = None

    async def _hold(self) -> None:
        try:
            async with session(
                self.server, self.settings, self.traffic, self._on_message, self._on_question
            ) as self._session:
                self._opened.set()
                listening = asyncio.create_task(listen_for_changes(self._session, self._on_change))
                try:
                    await self._until_left()
                finally:
                    listening.cancel()
        except Exception as problem:
            # Whoever calls next is told; what fails while a session closes is nobody's concern.
            self._problem = problem
        finally:
            self._opened.set()

    async def _until_left(self) -> None:
        while not self._closing.is_set() and not self._is_idle():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), IDLE_SECONDS / 10)

    def _is_idle(self) -> bool:
        return not self.calls and asyncio.get_running_loop().time() - self.used_at > IDLE_SECONDS


class Sessions:
    """The sessions of every run that this process works at."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._held: dict[tuple[str, str], HeldSession] = {}
        self._turns = Turns()

    async def call(
        self,
        tool: OfferedTool,
        arguments: dict[str, Any],
        run_uuid: str,
        key: str,
        on_progress: Callable[[str], None] | None = None,
        answers: Answers | None = None,
    ) -> ToolResult:
        """Call a tool once in the run's session with its server; raises nothing but a cancellation.

        `key` is the same for a repetition of this call; `on_progress` is told how far it has come, and
        `answers` say how what its server asks is answered. A session that the
        server has lost is opened anew, once, if the call cannot have been carried out. Calls that write are made one
        after the other.
        """
        async with self._turns.turn(run_uuid, tool):
            assert tool.server is not None, f"{tool.name} is built in"
            seconds = tool.server.limited(self._settings).tool_timeout_seconds
            clock = CallClock(tool.server, seconds, on_progress)
            context = traceparent(run_uuid, key) if is_traced(self._settings) else None
            call = ServerCall(tool, arguments, key, clock.hear, answers or Answers(), context)
            return replace(await self._call(call, tool.server, run_uuid, clock), question=call.answers.question)

    async def _call(self, call: ServerCall, server: McpServer, run_uuid: str, clock: CallClock) -> ToolResult:
        key = call.key
        lost: HeldSession | None = None
        while True:
            held = self._session(run_uuid, server, key)
            try:
                async with clock.limit():
                    result = await held.call(call)
            except asyncio.CancelledError:
                # A run whose call is cancelled is over, and so is what a server does for it.
                await self._drop(held)
                raise
            except Exception as problem:
                if lost is None and held.is_lost(key, problem):
                    lost = held
                    await self._drop(held)
                    continue
                result = self._failed(held, call.tool, problem, key)
            return result.in_new_session() if held.opened_for == key and held.keeps_state else result

    async def changed_listings(self, run_uuid: str) -> dict[str, Listing]:
        """What those servers offer now, by their uuid, that said in a session of this run that their list changed."""
        held = [one for (run, _), one in self._held.items() if run == run_uuid]
        listings = await asyncio.gather(*(one.changed_listing() for one in held))
        return {one.server.uuid: listing for one, listing in zip(held, listings, strict=True) if listing}

    def close_run(self, run_uuid: str) -> None:
        """Leave the sessions of a run that is over."""
        for run, server in [key for key in self._held if key[0] == run_uuid]:
            self._held.pop((run, server)).leave()

    async def aclose(self, seconds: float = CLOSE_SECONDS) -> None:
        """Leave every session, with a goodbye where the server takes one within `seconds`."""
        held = list(self._held.values())
        self._held.clear()
        for one in held:
            one.leave()
        await asyncio.gather(*(one.ended(seconds) for one in held))
        await asyncio.gather(*(one.end(seconds) for one in held if not one.is_over))

    def _session(self, run_uuid: str, server: McpServer, key: str) -> HeldSession:
        held = self._held.get((run_uuid, server.uuid))
        if held is not None and held.server == server and not held.is_over:
            held.traffic.access = server.access
            return held
        if held is not None:
            held.leave()
        self._make_room()
        held = self._held[run_uuid, server.uuid] = HeldSession(server, self._settings, key)
        return held

    def _failed(self, held: HeldSession, tool: OfferedTool, problem: Exception, key: str) -> ToolResult:
        traffic = held.traffic
        was_sent = key in traffic.sent
        call_problem = CallProblem(
            traffic.problems.get(key, problem), was_sent, traffic.statuses.get(key) if was_sent else traffic.status
        )
        if not was_sent and held.calls == 0:
            # It did not come as far as the call: the next one begins anew.
            self._forget(held).give_up()
        return failed_call(tool, held.server, call_problem, held.settings.tool_timeout_seconds)

    async def _drop(self, held: HeldSession) -> None:
        await self._forget(held).end()

    def _forget(self, held: HeldSession) -> HeldSession:
        for key in [key for key, other in self._held.items() if other is held]:
            del self._held[key]
        return held

    def _make_room(self) -> None:
        for key in [key for key, held in self._held.items() if held.is_over]:
            del self._held[key]
        if len(self._held) >= MAX_SESSIONS:
            for held in _longest_idle(self._held.values()):
                self._forget(held).leave()


def _longest_idle(held: Iterable[HeldSession]) -> list[HeldSession]:
    idle = [one for one in held if not one.calls]
    return [min(idle, key=lambda one: one.used_at)] if idle else []
