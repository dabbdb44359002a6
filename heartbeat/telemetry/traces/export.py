"""Runs that are over, sent to an OpenTelemetry collector by whichever worker comes first."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from importlib import metadata

from heartbeat.domain.clock import Clock
from heartbeat.domain.errors import Unavailable
from heartbeat.settings import Settings
from heartbeat.store.database import Database
from heartbeat.store.runs.traces import claim_traces, forget_traces, has_traces

log = logging.getLogger(__name__)

LOOK_SECONDS = 2.0


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
        recorded = await self._database.write(claim_traces, self._now())
        from heartbeat.telemetry.traces.collector import send

        if not await asyncio.to_thread(send, recorded, self._settings, metadata.version("heartbeat-server")):
            return 0
        await self._database.write(forget_traces, [one.run.id for one in recorded])
        return len(recorded)


@asynccontextmanager
async def exporting(exporter: TraceExporter) -> AsyncIterator[None]:
    """Export every other second for as long as the body runs."""
    task = asyncio.create_task(_export_again(exporter))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _export_again(exporter: TraceExporter) -> None:
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
