"""Who asks for a page: the person or the key behind a session, what they may do, and what stands around their pages."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Concatenate, ParamSpec, TypeVar

from fastapi import Depends, Request
from sqlalchemy import Connection

from api.dashboard import permissions
from api.dashboard.chosen_project import require_shown_project
from api.dashboard.session import token_of
from api.dashboard.views.holds import HoldBanner, hold_banner
from api.deps import AccessQuery, Stack, count, header_of, named, needed_scope, operation_of, stack_of, visit_of
from heartbeat.domain.actors import Visit
from heartbeat.domain.errors import Forbidden
from heartbeat.domain.scopes import Scope
from heartbeat.store.database.acting import act_as, speak_for
from heartbeat.store.heartbeats.project_holds import read_hold
from heartbeat.store.overview.waiting import WaitingCounts, waiting
from heartbeat.store.projects.access import Access
from heartbeat.store.projects.rate_limit import CountedRequest
from heartbeat.store.tables.projects import Project, ProjectHold
from heartbeat.store.users import sessions

P = ParamSpec("P")
T = TypeVar("T")
OwnQuery = Callable[Concatenate[Connection, sessions.OpenSession, P], T]

# With what a page looks for news of itself, and what it follows.
BY_ITSELF, FOLLOWED = b"x-heartbeat-refresh", {"GET /runs/{uuid}/events"}
NO_PROJECT = "You are not a member of this project any more. Ask one of its admins to invite you."


class SignedOut(Exception):
    """There is no session, it has ended, or its key was revoked."""


class NoProject(Forbidden):
    """A person is signed in, and no member of the project of their session, which may be none."""


@dataclass(frozen=True)
class Frame:
    """What stands around every page of a project: its name, how much waits for a person, and the hold that it is on.

    `scopes` are what the visitor may do, `person` is their name unless they came with a key.
    """

    project: Project
    scopes: frozenset[Scope]
    waiting: WaitingCounts
    hold_row: ProjectHold | None
    read_at: datetime
    person: str = ""

    @property
    def hold(self) -> HoldBanner | None:
        """In the words and the zone of the reader, whom the thread that reads rows does not know."""
        return hold_banner(self.hold_row, self.read_at)


class Visitor:
    """A person with a session, known by its token; `needs` is the scope that the page or the button needs.

    What a page asks for by itself, while perhaps nobody sits there, is no use of the session: `by_itself`.
    Each read or write authorizes the visitor first, in the same transaction. All raise `SignedOut` and `Forbidden`.
    """

    def __init__(self, stack: Stack, token: str, visit: Visit, needs: Scope | None, by_itself: bool) -> None:
        self.stack = stack
        self._by_itself = by_itself
        self._visit = visit
        self._needs = needs
        # The public ids of the session and of the key or the person that it was begun by, once it was authorized.
        self.session_uuid = self.key_uuid = self.user_uuid = ""
        self._token = token

    def now(self) -> datetime:
        return self.stack.now()

    async def access(self) -> Access:
        """Authorize the visitor for the project of the session."""
        return await self.stack.database.read_inline(self._authorize)

    async def read(self, query: AccessQuery[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `query(connection, access, …)` on one consistent state of the database."""
        return await self.stack.database.read(self._authorized, query, *args, **kwargs)

    async def read_framed(self, query: AccessQuery[P, T], *args: P.args, **kwargs: P.kwargs) -> tuple[Frame, T]:
        """`read`, and what stands around the page that shows it; from then on pages show what the visitor may do."""
        frame, result = await self.stack.database.read(self._framed, query, *args, **kwargs)
        permissions.use(frame.scopes)
        return frame, result

    async def count_costly(self, request: Request, project: Project | None = None) -> None:
        """Count a read that costs much, where the plan limits those; raises `RateLimited`.

        `project` is the visitor's, if it was read already.
        """
        project = project or (await self.access()).project
        if quotas := self.stack.settings.plan(project.plan).costly_quotas():
            await count(request.scope, self.stack, CountedRequest(quotas, project.id))

    async def frame(self) -> Frame:
        """Read what stands around a page that shows nothing else of the store."""
        return (await self.read_framed(_access))[0]

    async def write(self, change: AccessQuery[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `change(connection, access, …)` in one transaction, rolled back when it raises."""
        return await self.stack.database.write(self._authorized, named(change), *args, **kwargs)

    async def read_own(self, query: OwnQuery[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `query(connection, session, …)` for whoever is signed in, also without a project."""
        return await self.stack.database.read(self._own, query, *args, **kwargs)

    async def write_own(self, change: OwnQuery[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """`read_own` in a transaction that changes something."""
        return await self.stack.database.write(self._own, change, *args, **kwargs)

    async def own_frame(self) -> Frame | None:
        """`frame`, or nothing around a page of whoever has no project open."""
        try:
            return await self.frame()
        except NoProject:
            return None

    def _own(self, connection: Connection, query: OwnQuery[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        opened = self._opened(connection)
        act_as(connection, opened.owner.actor(self._visit))
        return query(connection, opened, *args, **kwargs)

    def _authorized(self, connection: Connection, query: AccessQuery[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return query(connection, self._authorize(connection), *args, **kwargs)

    def _framed(
        self, connection: Connection, query: AccessQuery[P, T], /, *args: P.args, **kwargs: P.kwargs
    ) -> tuple[Frame, T]:
        access = self._authorize(connection)
        now = self.now()
        counts = waiting(connection, access.project, now)
        hold = read_hold(connection, counts.hold_id) if counts.hold_id else None
        frame = Frame(access.project, access.scopes, counts, hold, now, access.user.name if access.user else "")
        return frame, query(connection, access, *args, **kwargs)

    def _authorize(self, connection: Connection) -> Access:
        opened = self._opened(connection)
        project = opened.project
        if project is None:
            raise NoProject("no_project", NO_PROJECT)
        actor = opened.owner.actor(self._visit)
        access = Access(project, self.stack.settings.plan(project.plan), key=opened.key, user=opened.user, actor=actor)
        access.require(self._needs)
        return access

    def _opened(self, connection: Connection) -> sessions.OpenSession:
        now = self.now()
        opened = sessions.open_session(connection, self._token, now) if self._token else None
        if opened is None:
            raise SignedOut
        session, key = opened.session, opened.key
        self.session_uuid = session.uuid
        if key is not None:
            self.key_uuid = key.uuid
            self.stack.key_uses.note(key, self._visit.address)
        self.user_uuid = opened.user.uuid if opened.user else ""
        if now - session.last_used_at >= sessions.EVERY and not self._by_itself:
            self.stack.database.write_later(sessions.write_use, session, now)
        return opened


def _access(connection: Connection, access: Access) -> Access:
    return access


async def visitor(request: Request) -> Visitor:
    """Return who asks for a page; who presses a button is authorized before anything of the form is looked at."""
    needs = needed_scope(request)
    by_itself = bool(header_of(request, BY_ITSELF)) or operation_of(request) in FOLLOWED
    person = Visitor(stack_of(request), token_of(request), visit_of(request), needs, by_itself)
    if request.method == "POST" and needs is not None:
        access = await person.access()
        await require_shown_project(request, access)
        speak_for(access.actor)
    return person


VisitorDep = Annotated[Visitor, Depends(visitor)]
