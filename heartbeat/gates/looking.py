"""A look at a gate: its source is read and compared with the accepted value. Nothing is written."""

import asyncio
import logging
from typing import TYPE_CHECKING

from heartbeat.domain.gates import Answer, Look, look_of, name_of
from heartbeat.secrets.gates import open_gate_headers
from heartbeat.secrets.keyring import CannotOpen, Keyring
from heartbeat.settings import Settings
from heartbeat.store.database.database import Database
from heartbeat.store.heartbeats.gates import GateQuestion
from heartbeat.store.tools.toolset import Toolset, toolset
from heartbeat.tool_servers.refreshing import Refresher

if TYPE_CHECKING:
    from heartbeat.egress.client import Resolve

# However long a call of the tool may take in a run.
TOOL_SECONDS = 60
DEFECT = "What its source answered could not be read, by a fault of Heartbeat's own; the operator's log says why."
UNREADABLE = "The headers of the gate cannot be opened here; the operator's log says why."

log = logging.getLogger(__name__)


class GateReader:
    """Looks at gates, for a worker before a tick and for a person who wants to see what is there now."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        refresher: Refresher | None = None,
        resolve: "Resolve | None" = None,
    ) -> None:
        self._database = database
        self._settings = settings
        self._refresher = refresher
        self._resolve = resolve
        self._keyring = Keyring.from_settings(settings)

    async def look(self, question: GateQuestion) -> Look:
        """Read the source, for a minute at most, and say what it came to."""
        tools = await self._tools(question) if question.gate["tool"] else None
        try:
            answer = await (self._ask_tool(question, tools) if tools else self._read_address(question))
            # In a thread: what changed in a long text takes a moment to find.
            return await asyncio.to_thread(look_of, question.gate, question.accepted, answer)
        except Exception:
            # Whoever looks would be tried again for ever, and no source may keep a tick from its log.
            log.exception("a gate cannot be looked at: %s", name_of(question.gate))
            return look_of(question.gate, question.accepted, Answer(failure=DEFECT))

    async def _tools(self, question: GateQuestion) -> Toolset:
        assert question.bot_id is not None, "a tool is one of a bot"
        return await self._database.read(toolset, question.bot_id, question.member_id)

    async def _read_address(self, question: GateQuestion) -> Answer:
        # The HTTP client is loaded here: an idle process stays small.
        from heartbeat.egress.client import look_up
        from heartbeat.gates.address import address_answer

        try:
            headers = open_gate_headers(self._keyring, question.gate["id"], question.sealed_headers)
        except CannotOpen as problem:
            log.error("%s", problem)
            return Answer(failure=UNREADABLE)
        return await address_answer(question.gate, headers, question.accepted, self._settings, self._resolve or look_up)

    async def _ask_tool(self, question: GateQuestion, tools: Toolset) -> Answer:
        from heartbeat.gates.tools import tool_answer

        try:
            async with asyncio.timeout(TOOL_SECONDS):
                return await tool_answer(question.gate, tools, self._settings, self._keyring, self._refresher)
        except TimeoutError:
            return Answer(failure=f"{question.gate['tool']} did not answer within {TOOL_SECONDS} s.")
