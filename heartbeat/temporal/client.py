"""The connection to Temporal, and whether it answers."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from temporalio.client import Client, TLSConfig
from temporalio.service import RPCError, RPCStatusCode

from heartbeat.settings import Settings
from heartbeat.temporal.converter import DATA_CONVERTER

T = TypeVar("T")

# For a request that can be made again later, and for how long Temporal is silent before it counts as away.
RPC_TIMEOUT = timedelta(seconds=3)
# A request without an answer for this long has Temporal's health checked beside it.
CHECK_AFTER = timedelta(seconds=1)
CHECK_TIMEOUT = RPC_TIMEOUT - CHECK_AFTER
# What the SDK reports when nothing came back; any other status is an answer of Temporal's own.
NOT_ANSWERED = {RPCStatusCode.CANCELLED, RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.UNAVAILABLE}
CONNECT_SECONDS = 10.0


class NoAnswer(RuntimeError):
    """Temporal has answered nothing for three seconds."""


async def connect(settings: Settings, *, lazy: bool = True) -> Client:
    """A client of the settings' cluster. A lazy one opens no connection yet, so it cannot fail.

    Another raises `RuntimeError` within ten seconds, also where a host is silent.
    """
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            return await _connect(settings, lazy)
    except TimeoutError:
        raise NoAnswer(f"no answer within {CONNECT_SECONDS:g} s") from None


async def _connect(settings: Settings, lazy: bool) -> Client:
    return await Client.connect(
        settings.temporal_target(),
        namespace=settings.temporal_namespace,
        api_key=settings.temporal_api_key.get_secret_value() if settings.temporal_api_key else None,
        tls=_tls(settings),
        data_converter=DATA_CONVERTER,
        lazy=lazy,
    )


@dataclass
class Liveness:
    """When a client last had an answer of any kind, and the check of Temporal's health that its requests share."""

    answered_at: float = 0.0
    check: asyncio.Task[bool] | None = None


_liveness: WeakKeyDictionary[Client, Liveness] = WeakKeyDictionary()


async def answer_to(client: Client, request: Coroutine[Any, Any, T]) -> T:
    """Await a request for as long as Temporal answers anything at all; raises `NoAnswer` when it is away.

    Under load Temporal can take longer for one request than a silent connection may be waited for. It is not away
    while it answers other requests of this client, or the check of its health.
    """
    liveness = _liveness.setdefault(client, Liveness())
    task, started = asyncio.ensure_future(request), monotonic()
    try:
        while not (await asyncio.wait({task}, timeout=CHECK_AFTER.total_seconds()))[0]:
            if await _is_silent(client, liveness, started):
                raise NoAnswer("Temporal answers nothing")
        result = task.result()
        liveness.answered_at = monotonic()
        return result
    finally:
        task.cancel()


async def _is_silent(client: Client, liveness: Liveness, started: float) -> bool:
    """Whether nothing came back for three seconds, counted from the start of the request that asks."""
    if monotonic() - liveness.answered_at >= CHECK_AFTER.total_seconds():
        if liveness.check is None or liveness.check.done():
            liveness.check = asyncio.create_task(_answers(client))
        # Shielded: a caller who hangs up must not end it for the others.
        if await asyncio.shield(liveness.check):
            liveness.answered_at = monotonic()
    return monotonic() - max(started, liveness.answered_at) >= RPC_TIMEOUT.total_seconds()


async def _answers(client: Client) -> bool:
    try:
        # The SDK's own timeout does not begin before it is connected, which to a silent host it never is.
        async with asyncio.timeout(CHECK_TIMEOUT.total_seconds()):
            await client.service_client.check_health(timeout=CHECK_TIMEOUT)
    except RPCError as problem:
        return problem.status not in NOT_ANSWERED
    except (RuntimeError, TimeoutError):
        return False
    return True


async def healthy(client: Client) -> bool:
    """Whether Temporal answers within three seconds that it serves."""
    try:
        async with asyncio.timeout(RPC_TIMEOUT.total_seconds()):
            return await client.service_client.check_health(timeout=RPC_TIMEOUT)
    except (RPCError, RuntimeError, TimeoutError):
        return False


def _tls(settings: Settings) -> TLSConfig | bool:
    authority, certificate, key = (
        path.read_bytes() if path else None
        for path in (settings.temporal_tls_ca, settings.temporal_tls_cert, settings.temporal_tls_key)
    )
    if authority or certificate or key:
        return TLSConfig(server_root_ca_cert=authority, client_cert=certificate, client_private_key=key)
    return settings.temporal_tls or settings.temporal_api_key is not None
