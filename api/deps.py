"""What a route is given: the process's parts, and the caller with its key."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Concatenate, Generic, ParamSpec, TypeVar

from fastapi import Depends, Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from sqlalchemy import Connection
from temporalio.client import Client

from api.schemas.fields import OfProject
from heartbeat.domain.errors import Forbidden, Unauthorized, Unavailable
from heartbeat.settings import Plan, Settings
from heartbeat.store.database import Database
from heartbeat.store.projects.access import Access, access
from heartbeat.store.projects.idempotency import IdempotencyClaim
from heartbeat.store.projects.rate_limit import count_request
from heartbeat.temporal.schedules import Schedules

P = ParamSpec("P")
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


AccessQuery = Callable[Concatenate[Connection, Access, P], T]


class _Uncounted(Exception):
    """The project's plan limits requests, and this one was not counted yet."""

    def __init__(self, project_id: int, limit: int) -> None:
        super().__init__(project_id, limit)
        self.project_id = project_id
        self.limit = limit


class Caller:
    """Who asks. Each read or write looks its key up first, in the same transaction as the work itself."""

    def __init__(self, stack: Stack, secret: str, claim: IdempotencyClaim | None) -> None:
        self.stack = stack
        self.claim = claim
        self._secret = secret
        self._counted = False

    async def read(self, given: OfProject, query: AccessQuery[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """`query(connection, access, …)` on what the key opens; raises `Unauthorized`, `Forbidden`, `RateLimited`."""
        return await self._run(self.stack.database.read, given, query, *args, **kwargs)

    async def read_inline(self, given: OfProject, query: AccessQuery[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """`read` of no more than a few rows by their keys."""
        return await self._run(self.stack.database.read_inline, given, query, *args, **kwargs)

    async def write(self, given: OfProject, change: AccessQuery[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """`read` in a transaction that may write."""
        return await self._run(self.stack.database.write, given, change, *args, **kwargs)

    async def admit(self, project_id: str | None) -> None:
        """Check the key, and the project if one was named, for a request that cannot be served anyway."""
        named = None if project_id is None else OfProject.model_construct(project_id=project_id)
        await self._run(self.stack.database.read, named, _nothing)

    def plan(self, found: Access) -> Plan:
        """The plan of the caller's project."""
        name = found.project.plan
        if name not in self.stack.settings.plans:
            raise Unavailable(
                "plan_unknown", f"The project's plan {name!r} is not one of this server's HEARTBEAT_PLANS."
            )
        return self.stack.settings.plan(name)

    async def _run(
        self,
        run: Callable[..., Awaitable[T]],
        given: OfProject | None,
        query: AccessQuery[P, T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        try:
            return await run(self._entered, given, query, *args, **kwargs)
        except _Uncounted as problem:
            # In a transaction of its own: a request that fails counts like any other.
            project_id, limit = problem.project_id, problem.limit
        await self.stack.database.write(count_request, project_id, limit, utc_now())
        self._counted = True
        return await run(self._entered, given, query, *args, **kwargs)

    def _entered(
        self,
        connection: Connection,
        given: OfProject | None,
        query: AccessQuery[P, T],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        return query(connection, self._enter(connection, given), *args, **kwargs)

    def _enter(self, connection: Connection, given: OfProject | None) -> Access:
        bot_key, heartbeat_key = (given.bot_key, given.heartbeat_key) if given else ("", "")
        found = access(connection, self._secret, bot_key, heartbeat_key) if self._secret else None
        if found is None:
            raise Unauthorized("Send a key of your project as `Authorization: Bearer KEY`; it is missing or unknown.")
        if given is not None and given.project_id != found.project.uuid:
            raise Forbidden("wrong_project", "This key belongs to another project than the project_id that was sent.")
        limit = self.plan(found).requests_per_minute
        if limit is not None and not self._counted:
            raise _Uncounted(found.project.id, limit)
        return found


def _nothing(connection: Connection, access: Access) -> None:
    """To be let in was all."""


def secret_of(authorization: str) -> str:
    """The key in an `Authorization` header, or an empty string."""
    scheme, _, secret = authorization.partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else ""


async def caller(request: Request) -> Caller:
    """The caller of this request."""
    return Caller(*_of(request))


CallerDep = Annotated[Caller, Depends(caller)]


class QueryCaller(Caller, Generic[G]):
    """Who asks, and what was `given` in the query string."""

    def __init__(self, stack: Stack, secret: str, claim: IdempotencyClaim | None, given: G) -> None:
        super().__init__(stack, secret, claim)
        self.given = given


def in_query(model: type[G]) -> Any:
    """A dependency: the caller, with the query string as `model`. In FastAPI's own way it would be half of a read."""

    async def asked(request: Request) -> QueryCaller[G]:
        try:
            given = model.model_validate(dict(request.query_params))
        except ValidationError as problem:
            errors = [{**error, "loc": ("query", *error["loc"])} for error in problem.errors()]
            raise RequestValidationError(errors) from None
        return QueryCaller(*_of(request), given)

    return Depends(asked)


def _of(request: Request) -> tuple[Stack, str, IdempotencyClaim | None]:
    secret = secret_of(request.headers.get("authorization", ""))
    return request.app.state.stack, secret, request.scope.get("heartbeat.claim")
