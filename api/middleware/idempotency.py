"""Idempotency keys: a POST that carries one is answered once; the same request again gets the same answer again."""

import asyncio
from contextlib import suppress
from datetime import timedelta
from hashlib import sha256

from sqlalchemy import Connection
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.deps import Stack, secret_of, utc_now
from heartbeat.domain.errors import Invalid, Unavailable
from heartbeat.store.projects.idempotency import IdempotencyClaim, StoredResponse, claim, release, store_response
from heartbeat.store.projects.projects import project_of_key

HEADER = "idempotency-key"
MAX_KEY_LENGTH = 255
# An answer that says no more than "not now" or "not you" is not worth keeping.
PASSING = {401, 429}
SPARE = timedelta(seconds=30)


class Idempotency:
    """Keeps the first answer to each key and gives it again. Requests without a key pass."""

    def __init__(self, app: ASGIApp, stack: Stack) -> None:
        self._app = app
        self._stack = stack
        self._patience = timedelta(seconds=stack.settings.trigger_wait) + SPARE

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST" or HEADER not in (headers := Headers(scope=scope)):
            await self._app(scope, receive, send)
            return
        first = await receive()

        async def again() -> Message:
            nonlocal first
            message, first = first, {"type": "http.disconnect"}
            return message

        found = await self._claim(headers, _fingerprint(scope, first.get("body", b"")))
        if isinstance(found, StoredResponse):
            answer = Response(found.answer, found.status, {"idempotent-replayed": "true"}, "application/json")
            await answer(scope, again, send)
        elif found is None:
            await self._app(scope, again, send)
        else:
            scope["heartbeat.claim"] = found
            await self._answer(found, scope, again, send)

    async def _claim(self, headers: Headers, fingerprint: str) -> IdempotencyClaim | StoredResponse | None:
        """`None` when the key of the project opens nothing: the application will say so."""
        key, secret = headers[HEADER], secret_of(headers.get("authorization", ""))

        def work(connection: Connection) -> IdempotencyClaim | StoredResponse | None:
            project = project_of_key(connection, secret) if secret else None
            if project is None:
                return None
            if not (1 <= len(key) <= MAX_KEY_LENGTH and key.isascii() and key.isprintable()):
                raise Invalid("Idempotency-Key", f"must be 1 to {MAX_KEY_LENGTH} printable ASCII characters")
            return claim(connection, project.id, key, fingerprint, utc_now(), self._patience)

        return await self._stack.database.write(work)

    async def _answer(self, mine: IdempotencyClaim, scope: Scope, receive: Receive, send: Send) -> None:
        """Have the application answer; the answer is stored before the caller has it."""
        messages: list[Message] = []

        async def collect(message: Message) -> None:
            messages.append(message)

        try:
            await self._app(scope, receive, collect)
        except (Exception, asyncio.CancelledError):
            await self._store(mine, 500, "")
            raise
        body = b"".join(message.get("body", b"") for message in messages)
        await self._store(mine, messages[0]["status"], body.decode())
        for message in messages:
            await send(message)

    async def _store(self, mine: IdempotencyClaim, status: int, answer: str) -> None:
        def work(connection: Connection) -> None:
            if status >= 500 or status in PASSING:
                release(connection, mine)
            else:
                store_response(connection, mine, status, answer)

        # What was done is done: the caller gets its answer even if it cannot be kept.
        with suppress(Unavailable):
            await self._stack.database.write(work)


def _fingerprint(scope: Scope, body: bytes) -> str:
    target = f"{scope['path']}?{scope['query_string'].decode('latin-1')}\n"
    return sha256(target.encode("utf-8", "replace") + body).hexdigest()
