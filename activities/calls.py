"""Act: one tool call of a run, made at most once unless its tool says that more do no harm."""

import asyncio
import json
import time
from collections.abc import Callable
from datetime import datetime

from temporalio import activity

from activities.beat import beating
from activities.runs import utc_now
from activities.toolbox import Toolbox
from heartbeat.agents.tools.definitions import Called, Definition
from heartbeat.contracts import Act
from heartbeat.errors import Unavailable
from heartbeat.store.calls import Outcome, Receipt, begin_call, finish_call
from heartbeat.store.database import Database
from heartbeat.store.tools import mark_changed
from heartbeat.store.toolset import Toolset, toolset

UNKNOWN = "Nobody knows whether this call was made: the worker was lost in the middle of it. It is not made again."
NO_APPROVAL = "This call was not made: it needs a person's approval, and there is no way yet to ask for it."


class Calls:
    """Makes the tool calls that models ask for."""

    def __init__(self, database: Database, toolbox: Toolbox, now: Callable[[], datetime] = utc_now) -> None:
        self._database = database
        self._toolbox = toolbox
        self._now = now

    @activity.defn
    async def act(self, act: Act) -> None:
        """Make one call and write down what it came to; what a tool fails at is for the model to read."""
        receipt, tools = await self._begin(act)
        if receipt.over:
            return
        async with beating():
            began = time.monotonic()
            definition = await self._defined(receipt, tools)
            called = await self._call(receipt, definition, f"{act.run}:{act.number}")
            if called.outcome == "changed" and definition and definition.server:
                await self._mark_changed(definition, called)
            await self._finish(receipt, _outcome(called, round((time.monotonic() - began) * 1000)))

    async def _begin(self, act: Act) -> tuple[Receipt, Toolset]:
        def work(connection):  # type: ignore[no-untyped-def]
            receipt = begin_call(connection, act.run, act.number)
            return receipt, toolset(connection, receipt.run.bot_id)

        return await self._database.write(work)

    async def _defined(self, receipt: Receipt, tools: Toolset) -> Definition | None:
        offered = await self._toolbox.offered(receipt.run.model, tools)
        return next((tool for tool in offered if tool.name == receipt.call.name), None)

    async def _call(self, receipt: Receipt, definition: Definition | None, key: str) -> Called:
        if definition is None:
            return Called("failed", f"There is no tool {receipt.call.name} here, or it may not be used any more.")
        if definition.needs_approval:
            return Called("refused", NO_APPROVAL)
        if receipt.before == "called" and not definition.idempotent:
            return Called("unknown", UNKNOWN)
        try:
            arguments = json.loads(receipt.call.arguments or "{}")
        except ValueError:
            arguments = None
        if not isinstance(arguments, dict):
            return Called("failed", "The arguments are no JSON object; ask again with one.")
        return await self._toolbox.call(definition, arguments, key)

    async def _mark_changed(self, definition: Definition, called: Called) -> None:
        assert definition.server is not None
        server, name = definition.server.uuid, definition.on_server
        await self._database.write(lambda connection: mark_changed(connection, server, name, called.found, self._now()))

    async def _finish(self, receipt: Receipt, outcome: Outcome) -> None:
        """The call is made, so a store that is away is waited for, not failed on."""
        while True:
            try:
                return await self._database.write(lambda connection: finish_call(connection, receipt, outcome))
            except Unavailable:
                await asyncio.sleep(1)


def _outcome(called: Called, duration_ms: int) -> Outcome:
    code = None if called.outcome == "ok" else called.outcome
    return Outcome(called.text, code, duration_ms, called.report)
