"""Runs that are over, sent to an OpenTelemetry collector by whichever worker comes first."""

import asyncio
import logging
from importlib import metadata

from heartbeat.domain.clock import Clock
from heartbeat.domain.errors import Unavailable
from heartbeat.settings import Settings
from heartbeat.store.database import Database
from heartbeat.store.runs.traces import claim_traces, forget_traces, has_traces, recorded_runs

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
        run_ids = await self._database.write(claim_traces, self._now())
        if not run_ids:
            return 0
        recorded = await self._database.read(recorded_runs, run_ids)
        from heartbeat.telemetry.traces.collector import send

        if not await asyncio.to_thread(send, recorded, self._settings, metadata.version("heartbeat-server")):
            return 0
        await self._database.write(forget_traces, run_ids)
        return len(run_ids)


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
