"""What a person's browser needs beside the API: sessions, errors as pages, and headers that lock pages down."""

import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Annotated, Any, Concatenate, ParamSpec, TypeVar
from urllib.parse import parse_qs, quote, urlsplit

from fastapi import Depends, Request
from fastapi.routing import APIRoute
from sqlalchemy import Connection
from starlette.responses import HTMLResponse, RedirectResponse, Response

from api.dashboard import session
from api.dashboard.render import render
from api.deps import Stack, utc_now
from api.errors import DATABASE_AWAY, unexpected
from heartbeat.domain.errors import Forbidden, ProductError, Unavailable
from heartbeat.store.overview.waiting import WaitingCounts, waiting
from heartbeat.store.pages import Page
from heartbeat.store.projects.sign_in import opened_by_key
from heartbeat.store.tables.projects import Project

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")
ProjectQuery = Callable[Concatenate[Connection, Project, P], T]
Handler = Callable[[Request], Coroutine[Any, Any, Response]]

SIGN_IN = "/sign-in"
# With the policy `no-referrer` browsers would send `Origin: null` with our own forms.
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class SignedOut(Exception):
    """There is no session, or it has ended, or its key was revoked."""


class PageRoute(APIRoute):
    """A route for people: a form must come from a page of ours, an error is a page, every answer is locked down."""

    def get_route_handler(self) -> Handler:
        handle = super().get_route_handler()

        async def guarded(request: Request) -> Response:
            try:
                if request.method == "POST":
                    require_own_form(request)
                response = await handle(request)
            except SignedOut:
                response = _to_sign_in(request)
            except ProductError as problem:
                if isinstance(problem, Unavailable):
                    log.warning("request %s: %s", request.scope["heartbeat.request_id"], problem)
                response = _error_page(problem)
            except Exception:
                log.exception("request %s: %s failed", request.scope["heartbeat.request_id"], request.url.path)
                response = _error_page(unexpected())
            for name, value in HEADERS.items():
                response.headers.setdefault(name, value)
            return response

        return guarded


@dataclass(frozen=True)
class Frame:
    """What stands around every page of a project: its name, and how much waits for a person."""

    project: Project
    waiting: WaitingCounts


class Visitor:
    """Who looks. Each read or write looks the session's key up first, in the same transaction as the work itself."""

    def __init__(self, stack: Stack, cookie: str) -> None:
        self.stack = stack
        self._cookie = cookie

    async def read(self, query: ProjectQuery[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """`query(connection, project, …)` for the project of the session; raises `SignedOut`."""
        return await self.stack.database.read(self._entered, query, *args, **kwargs)

    async def read_framed(self, query: ProjectQuery[P, T], *args: P.args, **kwargs: P.kwargs) -> tuple[Frame, T]:
        """`read`, and what stands around the page that shows it; raises `SignedOut`."""
        return await self.stack.database.read(self._framed, query, *args, **kwargs)

    async def write(self, change: ProjectQuery[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """`read` in a transaction that may write."""
        return await self.stack.database.write(self._entered, change, *args, **kwargs)

    def _entered(self, connection: Connection, query: ProjectQuery[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return query(connection, self._project(connection), *args, **kwargs)

    def _framed(
        self, connection: Connection, query: ProjectQuery[P, T], /, *args: P.args, **kwargs: P.kwargs
    ) -> tuple[Frame, T]:
        project = self._project(connection)
        frame = Frame(project, waiting(connection, project, utc_now()))
        return frame, query(connection, project, *args, **kwargs)

    def _project(self, connection: Connection) -> Project:
        key_uuid = session.key_of(self._cookie)
        opened = opened_by_key(connection, key_uuid) if key_uuid else None
        if opened is None or not session.holds(self._cookie, opened.key_hash, utc_now()):
            raise SignedOut
        return opened.project


def visitor(request: Request) -> Visitor:
    """The visitor of this request."""
    return Visitor(request.app.state.stack, request.cookies.get(session.COOKIE, ""))


VisitorDep = Annotated[Visitor, Depends(visitor)]


def require_own_form(request: Request) -> None:
    """Raises `Forbidden` unless the browser says that the form was on a page of this very site."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin", "")
    # Browsers leave the first out on plain http; a proxy may change the host that the second is compared with.
    own = site == "same-origin" if site else urlsplit(origin).netloc == request.headers.get("host") != ""
    if not own:
        raise Forbidden("foreign_form", "This form was not sent by a page of this site; open the page and try again.")


def is_https(request: Request) -> bool:
    """Whether the browser came over https, to us or to a proxy before us."""
    return "https" in (request.url.scheme, request.headers.get("x-forwarded-proto"))


def html(template: str, status_code: int = 200, **shown: Any) -> HTMLResponse:
    """A page."""
    return HTMLResponse(render(template, **shown), status_code)


async def form(request: Request) -> dict[str, str]:
    """The fields of a form; of one that was sent twice the first."""
    fields = parse_qs((await request.body()).decode("utf-8", "replace"), max_num_fields=10)
    return {name: values[0] for name, values in fields.items()}


def which_page(given: str, size: int) -> Page:
    """The page that was asked for; the first instead of anything that is no number."""
    known = given.isascii() and given.isdecimal() and len(given) <= 6
    return Page(max(1, int(given)) if known else 1, size)


def address(path: str, page: Page) -> str:
    """Where a page is fetched again."""
    return path if page.number == 1 else f"{path}{'&' if '?' in path else '?'}page={page.number}"


def _to_sign_in(request: Request) -> Response:
    """To the sign-in page, which leads back to the page that was wanted."""
    wanted = request.url.path if request.method == "GET" else "/"
    target = SIGN_IN if wanted == "/" else f"{SIGN_IN}?next={quote(wanted)}"
    return RedirectResponse(target, 303)


def _error_page(problem: ProductError) -> Response:
    # Where the database is stays our secret: the log has it.
    message = DATABASE_AWAY if problem.code == "database_unavailable" else problem.message
    response = html("error", problem.status, status=problem.status, message=message)
    if problem.retry_after is not None:
        response.headers["Retry-After"] = str(problem.retry_after)
    return response
