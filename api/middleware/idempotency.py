"""Idempotency keys: a POST that carries one is answered once; the same request again gets the same answer again.

Own code: FastAPI has nothing for it, and the keys must be in the store that all API processes share.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from hashlib import sha256

from sqlalchemy import Connection
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.auth_throttle import WITH_KEY
from api.claims import HeldClaim
from api.deps import Stack, address_of, secret_of
from api.quota_headers import QUOTA_USES
from heartbeat.domain.errors import Conflict, Invalid, ProductError, RateLimited, Unavailable
from heartbeat.domain.plans import Plan
from heartbeat.domain.quotas import QuotaUse
from heartbeat.store.projects.access import Access, authorize
from heartbeat.store.projects.idempotency import (
    IdempotencyClaim,
    KeyedRequest,
    StoredResponse,
    claim,
    release,
    store_response,
)
from heartbeat.store.projects.rate_limit import CountedRequest, count_request
from heartbeat.temporal.process import in_background

HEADER = "idempotency-key"
MAX_KEY_LENGTH = 255
# An answer that says no more than "not now" or "not you" is not worth keeping.
PASSING = {401, 429}


class Idempotency:
    """Stores the first answer to each key and sends it again. Requests without a key pass."""

    def __init__(self, app: ASGIApp, stack: Stack) -> None:
        self._app = app
        self._stack = stack

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST" or HEADER not in (headers := Headers(scope=scope)):
            await self._app(scope, receive, send)
            return
        # The whole body: the request limits have read it already.
        message = await receive()
        request = KeyedRequest(headers[HEADER], _fingerprint(scope, message.get("body", b"")))
        replayed, secret = Replayed(message), secret_of(headers.get("authorization", ""))
        hashes = self._stack.key_hashes.all(secret) if secret else []
        throttle, address = self._stack.auth_throttle, address_of(Request(scope))
        if hashes and throttle.waits(address):
            await throttle.admit(WITH_KEY, address, secret, hashes)
        plans, now = self._stack.settings.plans, self._stack.now()
        try:
            claim, uses = await self._stack.database.write(_claim, plans, hashes, request, now)
        except RateLimited as problem:
            scope[QUOTA_USES] = problem.uses
            raise
        if uses:
            scope[QUOTA_USES] = uses
        if isinstance(claim, ProductError):
            raise claim
        if isinstance(claim, StoredResponse):
            answer = Response(claim.answer, claim.status, {"idempotent-replayed": "true"}, "application/json")
            await answer(scope, replayed, send)
        elif claim is None:
            await self._app(scope, replayed, send)
        else:
            held = HeldClaim(claim, self._stack.database, self._stack.now)
            async with in_background(held.keep()):
                await self._answer(held, scope, replayed, send)

    async def _answer(self, claim: HeldClaim, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the application answer; the answer is stored before it is sent."""
        messages: list[Message] = []
        scope["heartbeat.claim"] = claim

        async def collect(message: Message) -> None:
            messages.append(message)

        try:
            await self._app(scope, receive, collect)
        except (Exception, asyncio.CancelledError):
            await self._settle(claim, 500, "")
            raise
        body = b"".join(message.get("body", b"") for message in messages)
        await self._settle(claim, messages[0]["status"], body.decode())
        for message in messages:
            await send(message)

    async def _settle(self, held: HeldClaim, status: int, answer: str) -> None:
        # What was done is done: the caller gets its answer even if it cannot be kept.
        with suppress(Unavailable):
            async with held.lock:
                if status >= 500 or status in PASSING:
                    await self._stack.database.write(release, held.claim)
                else:
                    await self._stack.database.write(store_response, held.claim, status, answer)


class Replayed:
    """A `receive` that gives the one message that was read already, and then a disconnect."""

    def __init__(self, message: Message) -> None:
        self._message = message

    async def __call__(self) -> Message:
        message, self._message = self._message, {"type": "http.disconnect"}
        return message


def _claim(
    connection: Connection, plans: Mapping[str, Plan], hashes: list[str], request: KeyedRequest, now: datetime
) -> tuple[IdempotencyClaim | StoredResponse | ProductError | None, Sequence[QuotaUse]]:
    """Count the request and claim its key; `None` when the project's key opens nothing, which the application will say.

    What gets its answer again counts, too, and what is refused for its limit has claimed nothing.
    """
    access = authorize(connection, plans, hashes, now) if hashes else None
    if access is None or access.key is None:
        return None, ()
    quotas = access.plan.quotas(access.key.requests_per_minute)
    counted = CountedRequest(quotas, access.project.id, access.key.id)
    uses = count_request(connection, counted, now) if quotas else ()
    try:
        return claim(connection, access.project.id, _with_rights(_checked(request), access), now), uses
    except (Invalid, Conflict) as problem:
        # Returned, for what is raised would be counted for nothing.
        return problem, uses


def _checked(request: KeyedRequest) -> KeyedRequest:
    if not (1 <= len(request.key) <= MAX_KEY_LENGTH and request.key.isascii() and request.key.isprintable()):
        raise Invalid("Idempotency-Key", f"must be 1 to {MAX_KEY_LENGTH} printable ASCII characters")
    return request


def _with_rights(request: KeyedRequest, access: Access) -> KeyedRequest:
    """Tell it from the same request with a key that may do more: its answer is not for this one."""
    if access.is_whole or access.key is None:
        return request
    rights = f"{access.key.scopes} {access.key.bot_ids}"
    return replace(request, fingerprint=sha256(f"{request.fingerprint} {rights}".encode()).hexdigest())


def _fingerprint(scope: Scope, body: bytes) -> str:
    target = f"{scope['path']}?{scope['query_string'].decode('latin-1')}\n"
    return sha256(target.encode("utf-8", "replace") + body).hexdigest()
