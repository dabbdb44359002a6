"""What a route depends on: the parts of the process, the caller with its key, and the query string as a model."""

from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Annotated, Any, Concatenate, ParamSpec, TypeVar
from urllib.parse import parse_qsl

from fastapi import Depends, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from sqlalchemy import Connection
from temporalio.client import Client

from api.auth_throttle import WITH_KEY, AuthThrottle
from api.claims import HeldClaim
from api.openid import OpenIdDoor
from api.operations import COSTLY, OPERATIONS
from api.quota_headers import QUOTA_USES
from api.schemas.fields import OfProject
from heartbeat.domain.actors import Actor, Visit
from heartbeat.domain.clock import Clock
from heartbeat.domain.errors import Forbidden, RateLimited, Unauthorized
from heartbeat.domain.scopes import Scope
from heartbeat.secrets.key_hashes import KeyHashes
from heartbeat.secrets.passwords import Passwords
from heartbeat.settings import Settings
from heartbeat.store.database.acting import act_as, speak_for
from heartbeat.store.database.database import Database
from heartbeat.store.database.write_probe import WriteProbe
from heartbeat.store.projects.access import Access, authorize
from heartbeat.store.projects.key_uses import KeyUses
from heartbeat.store.projects.rate_limit import CountedRequest, count_request
from heartbeat.telemetry.light_structlog import structlog
from heartbeat.temporal.clock import SharedClock
from heartbeat.temporal.schedules import Schedules

P = ParamSpec("P")
T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True)
class Stack:
    """The parts of one API process."""

    settings: Settings
    database: Database
    temporal: Client
    schedules: Schedules
    now: Clock
    clock: SharedClock
    key_hashes: KeyHashes
    key_uses: KeyUses
    write_probe: WriteProbe
    auth_throttle: AuthThrottle
    openid: OpenIdDoor
    passwords: Passwords = field(default_factory=Passwords)


def stack_of(request: Request) -> Stack:
    """Return the parts of the process that got a request."""
    stack: Stack = request.app.state.stack
    return stack


AccessQuery = Callable[Concatenate[Connection, Access, P], T]


class _Uncounted(Exception):
    """The plan or the key limits requests, and this one was not counted yet."""

    def __init__(self, request: CountedRequest) -> None:
        super().__init__(request)
        self.request = request


class Caller:
    """The caller of a request, known by its key.

    Each read or write authorizes it first, in the same transaction, for the project, bot and heartbeat whose ids are
    in the request's body or query. All raise `Unauthorized`, `TooManyFailures`, `Forbidden` and `RateLimited`.
    """

    def __init__(self, request: Request, secret: str) -> None:
        scope = request.scope
        self.stack: Stack = scope["app"].state.stack
        self.claim: HeldClaim | None = scope.get("heartbeat.claim")
        self._scope = scope
        self._secret = secret
        self._hashes = self.stack.key_hashes.all(secret) if secret else []
        self._visit = visit_of(request)
        self._address = self._visit.address
        operation = operation_of(request)
        self._needs, self._costly = OPERATIONS[operation], operation in COSTLY
        # One with an Idempotency-Key is counted before it comes here.
        self._counted = QUOTA_USES in scope
        self._actor: Actor | None = None
        self._throttle = self.stack.auth_throttle

    def now(self) -> datetime:
        return self.stack.now()

    async def access(self, ids: OfProject | None) -> Access:
        """Authorize the caller for these ids, or for nothing but its key; raises as reads and writes do."""
        return await self._run(self.stack.database.read_inline, ids, _access)

    async def read(self, ids: OfProject, query: AccessQuery[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `query(connection, access, …)` on one consistent state of the database."""
        return await self._run(self.stack.database.read, ids, query, *args, **kwargs)

    async def read_inline(self, ids: OfProject, query: AccessQuery[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """`read` of no more than a few rows by their keys."""
        return await self._run(self.stack.database.read_inline, ids, query, *args, **kwargs)

    async def write(self, ids: OfProject, change: AccessQuery[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `change(connection, access, …)` in one transaction, rolled back when it raises.

        Raises `Conflict`, too, when the request carries an Idempotency-Key that another attempt has taken over.
        """
        write, change = self.stack.database.write, named(change)
        if self.claim is None:
            return await self._run(write, ids, change, *args, **kwargs)
        async with self.claim.lock:
            return await self._run(write, ids, self.claim.guarded(change), *args, **kwargs)

    async def _run(
        self,
        run: Callable[..., Awaitable[T]],
        ids: OfProject | None,
        query: AccessQuery[P, T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        if ids is not None:
            structlog.contextvars.bind_contextvars(**ids.log_ids())
        if self._hashes and self._throttle.waits(self._address):
            await self._throttle.admit(WITH_KEY, self._address, self._secret, self._hashes)
        try:
            result = await self._run_counted(run, ids, query, *args, **kwargs)
        except Unauthorized:
            if self._hashes:
                await self._throttle.count(WITH_KEY, self._address)
            raise
        self._throttle.note_worked(self._address, self._hashes[0])
        if self._actor is not None:
            speak_for(self._actor)
        return result

    async def _run_counted(
        self,
        run: Callable[..., Awaitable[T]],
        ids: OfProject | None,
        query: AccessQuery[P, T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        try:
            return await run(self._authorized, ids, query, *args, **kwargs)
        except _Uncounted as problem:
            # In a transaction of its own: a request that fails counts like any other.
            counted = problem.request
        await count(self._scope, self.stack, counted)
        self._counted = True
        return await run(self._authorized, ids, query, *args, **kwargs)

    def _authorized(
        self,
        connection: Connection,
        ids: OfProject | None,
        query: AccessQuery[P, T],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        return query(connection, self._authorize(connection, ids), *args, **kwargs)

    def _authorize(self, connection: Connection, ids: OfProject | None) -> Access:
        bot_key, heartbeat_key = (ids.bot_key, ids.heartbeat_key) if ids else ("", "")
        plans, hashes, now = self.stack.settings.plans, self._hashes, self.now()
        access = authorize(connection, plans, hashes, now, bot_key, heartbeat_key) if hashes else None
        if access is None or access.key is None:
            raise Unauthorized("Send a key of your project as `Authorization: Bearer KEY`; it is missing or unknown.")
        self.stack.key_uses.note(access.key, self._address, hashes)
        if ids is not None and ids.project_id != access.project.uuid:
            raise Forbidden("wrong_project", "This key belongs to another project than the project_id that was sent.")
        if not self._counted and (quotas := access.plan.quotas(access.key.requests_per_minute, self._costly)):
            raise _Uncounted(CountedRequest(quotas, access.project.id, access.key.id))
        access.require(self._needs)
        self._actor = access.key.actor(self._visit)
        return replace(access, actor=self._actor)


def named(change: AccessQuery[P, T]) -> AccessQuery[P, T]:
    """Make a change in the name of whoever was authorized for it."""

    def change_as_actor(connection: Connection, access: Access, /, *args: P.args, **kwargs: P.kwargs) -> T:
        act_as(connection, access.actor)
        return change(connection, access, *args, **kwargs)

    return change_as_actor


def _access(connection: Connection, access: Access) -> Access:
    return access


def secret_of(authorization: str) -> str:
    """Read the key in an `Authorization` header; empty if there is none."""
    scheme, _, secret = authorization.partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else ""


def caller_of(request: Request) -> Caller:
    return Caller(request, secret_of(header_of(request, b"authorization")))


def address_of(request: Request) -> str:
    """Return the IP address that a request came from; empty where there is none."""
    client = request.scope.get("client")
    return client[0] if client else ""


def visit_of(request: Request) -> Visit:
    """Read where a request comes from."""
    return Visit(address_of(request), header_of(request, b"user-agent"))


def header_of(request: Request, name: bytes) -> str:
    """Return a header of a request; empty where there is none."""
    # One of few: an index of them all would cost more than to look for it.
    return next((text for header, text in request.scope["headers"] if header == name), b"").decode("latin-1")


def needed_scope(request: Request) -> Scope | None:
    """Look up what the operation of a request needs; `None` for those that are for everybody."""
    return OPERATIONS[operation_of(request)]


def operation_of(request: Request) -> str:
    """Return the operation of a request, as `OPERATIONS` names it."""
    return f"{request.scope['method']} {request.scope['route'].path}"


async def count(scope: MutableMapping[str, Any], stack: Stack, request: CountedRequest) -> None:
    """Count a request, and have its answer say what is left; raises `RateLimited`."""
    try:
        scope[QUOTA_USES] = await stack.database.write(count_request, request, stack.now())
    except RateLimited as problem:
        scope[QUOTA_USES] = problem.uses
        raise


async def _caller(request: Request) -> Caller:
    return caller_of(request)


CallerDep = Annotated[Caller, Depends(_caller)]


def _query_fields(request: Request) -> dict[str, str]:
    """Read the query string as `request.query_params` does; of a field that comes twice the last counts."""
    return dict(parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True))


def query_of(request: Request, model: type[M]) -> M:
    """Parse the query string as `model`; raises `RequestValidationError`."""
    try:
        return model.model_validate(_query_fields(request))
    except ValidationError as problem:
        errors = [{**error, "loc": ("query", *error["loc"])} for error in problem.errors()]
        raise RequestValidationError(errors) from None


def query_params(model: type[M]) -> Any:
    """Depend on the query string as `model`, as with FastAPI's `Query()`, which costs a fifth of a whole read."""

    async def parse(request: Request) -> M:
        return query_of(request, model)

    return Depends(parse)
