"""Runs that are over, sent to an OpenTelemetry collector by whichever worker comes first."""

import asyncio
import logging
from importlib import metadata
from typing import TYPE_CHECKING

from heartbeat.domain.clock import Clock
from heartbeat.domain.errors import Unavailable
from heartbeat.settings import Settings
from heartbeat.store.database.database import Database
from heartbeat.store.runs.traces import claim_traces, forget_traces, has_traces, recorded_runs
from heartbeat.telemetry.metrics import LOST_TRACES

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

log = logging.getLogger(__name__)

LOOK_SECONDS = 2.0
# For sending one by one what did not arrive together. Less than what is claimed is kept for.
APART_SECONDS = 30.0


class NoTrace(Exception):
    """A trace cannot be made of what was written down: not now, and not at the next attempt."""


class TraceExporter:
    """Sends what the store has noted. The SDK is loaded with the first run that is to be sent."""

    def __init__(self, database: Database, settings: Settings, now: Clock) -> None:
        self._database = database
        self._settings = settings
        self._now = now

    async def export(self) -> int:
        """Send the runs that are over; returns how many. Those that no collector takes now come again in a minute."""
        if not await self._database.read(has_traces, self._now()):
            return 0
        run_ids = await self._database.write(claim_traces, self._now())
        if not run_ids:
            return 0
        if not await self._arrive_together(run_ids):
            run_ids = await self._send_apart(run_ids)
        await self._database.write(forget_traces, run_ids)
        return len(run_ids)

    async def _arrive_together(self, run_ids: list[int]) -> bool:
        try:
            return await self._send(run_ids)
        except NoTrace:
            return False

    async def _send_apart(self, run_ids: list[int]) -> list[int]:
        """Send them one by one, so that none keeps the others back; returns those that arrived or are let go."""
        now = asyncio.get_running_loop().time
        latest = now() + APART_SECONDS
        return [run_id for run_id in run_ids if now() < latest and await self._is_settled(run_id)]

    async def _is_settled(self, run_id: int) -> bool:
        try:
            return await self._send([run_id])
        except NoTrace:
            LOST_TRACES.inc()
            log.exception("the run in row %s has no trace", run_id)
            return True

    async def _send(self, run_ids: list[int]) -> bool:
        from heartbeat.telemetry.traces.collector import send

        return await asyncio.to_thread(send, await self._spans(run_ids), self._settings)

    async def _spans(self, run_ids: list[int]) -> "list[ReadableSpan]":
        from heartbeat.telemetry.traces.collector import spans_of_runs

        version = metadata.version("heartbeat-server")
        try:
            recorded = await self._database.read(recorded_runs, run_ids)
            return await asyncio.to_thread(spans_of_runs, recorded, self._settings, version)
        except Unavailable:
            raise
        except Exception as problem:
            raise NoTrace from problem


async def export_again(exporter: TraceExporter) -> None:
    """Export every other second, for ever."""
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        # A collector or a store that is away must end no worker; what is noted stays noted.
        try:
            while await exporter.export():
                pass
        except Unavailable:
            continue
        except Exception:
            log.exception("traces cannot be exported")
