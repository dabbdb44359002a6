"""What a route is given: the process's parts, and the caller with its key."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any, Generic, Protocol, TypeVar

from fastapi import Depends, Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from sqlalchemy import Connection
from temporalio.client import Client

from api.schemas.fields import OfProject
from heartbeat.errors import Forbidden, Unauthorized, Unavailable
from heartbeat.schedules import Schedules
from heartbeat.settings import Plan, Settings
from heartbeat.store.access import Access, access
from heartbeat.store.database import Database
from heartbeat.store.idempotency import Claim
from heartbeat.store.limits import count_request

T = TypeVar("T")
G = TypeVar("G", bound=OfProject)


def utc_now() -> datetime:
    """The clock of the API."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Stack:
    """The parts of one API process."""

    settings: Settings
    database: Database
    temporal: Client
    schedules: Schedules


class Run(Protocol):
    def __call__(self, work: Callable[[Connection], T], /) -> Awaitable[T]: ...


@dataclass(frozen=True)
class _Uncounted(Exception):
    """The project's plan limits requests, and this one was not counted yet."""

    project_id: int
    limit: int


class Caller:
    """Who asks. Each read or write looks its key up first, in the same transaction as the work itself."""

    def __init__(self, stack: Stack, secret: str, claim: Claim | None) -> None:
        self.stack = stack
        self.claim = claim
        self._secret = secret
        self._counted = False

    async def read(self, given: OfProject, work: Callable[[Connection, Access], T]) -> T:
        """`work` on what the key opens; raises `Unauthorized`, `Forbidden` and `RateLimited`."""
        return await self._run(self.stack.database.read, given, work)

    async def look(self, given: OfProject, work: Callable[[Connection, Access], T]) -> T:
        """`read` of no more than a few rows by their keys."""
        return await self._run(self.stack.database.look, given, work)

    async def write(self, given: OfProject, work: Callable[[Connection, Access], T]) -> T:
        """`read` in a transaction that may write."""
        return await self._run(self.stack.database.write, given, work)

    async def admit(self, project_id: str | None) -> None:
        """Check the key, and the project if one was named, for a request that cannot be served anyway."""
        await self._within(self.stack.database.read, partial(self._enter, project_id, "", ""))

    def plan(self, found: Access) -> Plan:
        """The plan of the caller's project."""
        name = found.project.plan
        if name not in self.stack.settings.plans:
            raise Unavailable(
                "plan_unknown", f"The project's plan {name!r} is not one of this server's HEARTBEAT_PLANS."
            )
        return self.stack.settings.plan(name)

    async def _run(self, run: Run, given: OfProject, work: Callable[[Connection, Access], T]) -> T:
        def inside(connection: Connection) -> T:
            return work(connection, self._enter(given.project_id, given.bot_key, given.heartbeat_key, connection))

        return await self._within(run, inside)

    async def _within(self, run: Run, inside: Callable[[Connection], T]) -> T:
        try:
            return await run(inside)
        except _Uncounted as found:
            # In a transaction of its own: a request that fails counts like any other.
            project_id, limit = found.project_id, found.limit
        await self.stack.database.write(lambda connection: count_request(connection, project_id, limit, utc_now()))
        self._counted = True
        return await run(inside)

    def _enter(self, project_id: str | None, bot_key: str, heartbeat_key: str, connection: Connection) -> Access:
        found = access(connection, self._secret, bot_key, heartbeat_key) if self._secret else None
        if found is None:
            raise Unauthorized("Send a key of your project as `Authorization: Bearer KEY`; it is missing or unknown.")
        if project_id is not None and project_id != found.project.uuid:
            raise Forbidden("wrong_project", "This key belongs to another project than the project_id that was sent.")
        limit = self.plan(found).requests_per_minute
        if limit is not None and not self._counted:
            raise _Uncounted(found.project.id or 0, limit)
        return found


def secret_of(authorization: str) -> str:
    """The key in an `Authorization` header, or an empty string."""
    scheme, _, secret = authorization.partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else ""


async def caller(request: Request) -> Caller:
    """The caller of this request."""
    return Caller(*_of(request))


Asking = Annotated[Caller, Depends(caller)]


class Query(Caller, Generic[G]):
    """Who asks, and what was `given` in the query string."""

    def __init__(self, stack: Stack, secret: str, claim: Claim | None, given: G) -> None:
        super().__init__(stack, secret, claim)
        self.given = given


def in_query(model: type[G]) -> Any:
    """A dependency: the caller, with the query string as `model`. In FastAPI's own way it would be half of a read."""

    async def asked(request: Request) -> Query[G]:
        try:
            given = model.model_validate(dict(request.query_params))
        except ValidationError as problem:
            errors = [{**error, "loc": ("query", *error["loc"])} for error in problem.errors()]
            raise RequestValidationError(errors) from None
        return Query(*_of(request), given)

    return Depends(asked)


def _of(request: Request) -> tuple[Stack, str, Claim | None]:
    secret = secret_of(request.headers.get("authorization", ""))
    return request.app.state.stack, secret, request.scope.get("heartbeat.claim")
