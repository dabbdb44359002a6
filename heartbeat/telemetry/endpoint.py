"""A worker's `/metrics`, `/healthz` and `/readyz`: on its own loop, so that they answer only while it turns."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

import httpx
import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from heartbeat.store.database.database import Database
from heartbeat.telemetry.metrics import REGISTRY
from heartbeat.telemetry.pool import PoolCollector

SDK_TIMEOUT_SECONDS = 2.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Endpoint:
    """What a worker is asked about. `is_ready`: it reaches Temporal and is not about to end.

    `sdk_address` is where Temporal's SDK serves metrics of its own.
    """

    database: Database
    is_ready: Callable[[], Awaitable[bool]]
    sdk_address: str | None = None

    def app(self) -> Starlette:
        paths = {"/metrics": self._metrics, "/healthz": self._healthz, "/readyz": self._readyz}
        return Starlette(routes=[Route(path, respond) for path, respond in paths.items()])

    async def _healthz(self, request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def _readyz(self, request: Request) -> Response:
        is_ready = await self.is_ready()
        body = {"status": "ready" if is_ready else "not ready", "checks": {"temporal": is_ready}}
        return JSONResponse(body, 200 if is_ready else 503)

    async def _metrics(self, request: Request) -> Response:
        of_pool = CollectorRegistry()
        of_pool.register(PoolCollector(self.database))
        text = generate_latest(REGISTRY) + generate_latest(of_pool) + await self._of_sdk()
        return Response(text, headers={"content-type": CONTENT_TYPE_LATEST})

    async def _of_sdk(self) -> bytes:
        """The SDK's own metrics; none when it does not answer, for then the worker's matter most."""
        if self.sdk_address is None:
            return b""
        try:
            async with httpx.AsyncClient(trust_env=False, timeout=SDK_TIMEOUT_SECONDS) as sdk:
                answer = await sdk.get(f"http://{self.sdk_address}/metrics")
        except httpx.TransportError as error:
            _log.warning("The metrics of Temporal's SDK are left out: it did not answer (%s).", type(error).__name__)
            return b""
        return answer.content if answer.is_success else b""


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the worker."""
        yield


@asynccontextmanager
async def serving(endpoint: Endpoint, listener: socket.socket) -> AsyncIterator[None]:
    """Serve for as long as the body runs."""
    config = uvicorn.Config(
        endpoint.app(), ws="none", lifespan="off", access_log=False, log_config=None, timeout_graceful_shutdown=1
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield
    finally:
        server.should_exit = True
        await task
