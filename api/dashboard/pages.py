"""What every page needs: its route, errors as pages, and headers that lock pages down."""

import logging
from collections.abc import Callable, Container, Coroutine
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.responses import HTMLResponse, RedirectResponse, Response

from api.dashboard import prices, sign_in_ways, translations, zones
from api.dashboard.chosen_project import name_project
from api.dashboard.forms import Form, read_form
from api.dashboard.navigation import PLACES, Place, place_of
from api.dashboard.render import render
from api.dashboard.sentences import translate
from api.dashboard.translations import gettext as _
from api.dashboard.visitor import NoProject, SignedOut
from api.deps import stack_of, visit_of
from api.errors import DATABASE_AWAY, from_validation, unexpected
from api.operations import OPERATIONS
from heartbeat.domain.actors import link_actor
from heartbeat.domain.errors import Forbidden, ProductError, Unavailable
from heartbeat.domain.scopes import Scope
from heartbeat.domain.text import storable_text
from heartbeat.store.database.acting import speak_for
from heartbeat.store.database.pages import ListFilter, Page

log = logging.getLogger(__name__)

Handler = Callable[[Request], Coroutine[Any, Any, Response]]

SIGN_IN, PROJECTS = "/sign-in", "/projects"
MAX_SEARCH = 200
# Above the key of every row.
FIRST_PAGE = 2**62
# What lets somebody in is not written into a page.
SIGN_IN_SECRETS = {"key", "password", "current", "code"}
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


class PageRoute(APIRoute):
    """A route for people: a form must come from a page of ours, an error is a page, every answer is locked down."""

    def get_route_handler(self) -> Handler:
        handle = super().get_route_handler()

        async def guarded(request: Request) -> Response:
            _speak_as_asked(request)
            # Until it is known who that is: pages for everybody are opened by links of messages and by tokens.
            speak_for(link_actor(visit_of(request)))
            try:
                if request.method == "POST":
                    require_own_form(request)
                response = await handle(request)
            except SignedOut:
                response = await _to_sign_in(request)
            except NoProject as problem:
                is_page = request.method == "GET"
                response = RedirectResponse(PROJECTS, 303) if is_page else _error_page(request, problem)
            except RequestValidationError as problem:
                response = _error_page(request, from_validation(problem))
            except ProductError as problem:
                if isinstance(problem, Unavailable):
                    log.warning("request %s: %s", request.scope["heartbeat.request_id"], problem)
                response = _error_page(request, problem, await _to_send_again(request, problem))
            except Exception:
                log.exception("request %s: %s failed", request.scope["heartbeat.request_id"], request.scope["path"])
                response = _error_page(request, unexpected())
            return _locked(response)

        return guarded


@dataclass(frozen=True)
class Unsent:
    """A form that did not get through, and where it was sent to."""

    target: str
    fields: list[tuple[str, str]]


def require_own_form(request: Request) -> None:
    """Raise `Forbidden` unless the browser says that the form was on a page of this very site."""
    # Own code: FastAPI has no CSRF check, and these headers need no token in each form.
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    # Compared as they are: a browser writes both alike, and what anybody else writes there need not be an address.
    host = request.headers.get("host")
    origins = (f"http://{host}", f"https://{host}") if host else ()
    # Browsers leave the first out on plain http; a proxy may change the host that the second is compared with.
    own = site == "same-origin" if site else origin in origins
    if not own:
        raise Forbidden("foreign_form", "This form was not sent by a page of this site; open the page and try again.")


def wants_page(request: Request) -> bool:
    """Return whether a person asks with a browser, and not a program for a call of the API."""
    return not request.scope["path"].startswith("/v1/") and "text/html" in request.headers.get("accept", "")


def refused_page(request: Request, problem: ProductError) -> Response:
    """Build the page for what no route answers: another address, another method, a form that is too large."""
    _speak_as_asked(request)
    if problem.status in (404, 405):
        problem = ProductError(_("There is no page at this address."), problem.code, problem.status)
    return _locked(_error_page(request, problem))


def is_https(request: Request) -> bool:
    """Return whether the browser came over https, to us or to a proxy before us."""
    return "https" in (request.scope["scheme"], request.headers.get("x-forwarded-proto"))


def html(template: str, status_code: int = 200, **context: Any) -> HTMLResponse:
    page, frame = render(template, **context), context.get("frame")
    # A session that was begun with a key has one project alone.
    return HTMLResponse(name_project(page, frame.project.uuid) if frame and frame.person else page, status_code)


def page_of(text: str, size: int) -> Page:
    """Read a page number; anything that is no number means the first page."""
    is_number = text.isascii() and text.isdecimal() and len(text) <= 6
    return Page(max(1, int(text)) if is_number else 1, size)


def words_of(text: str) -> str:
    """Read what a page is searched for, as both databases take it."""
    return storable_text(text.strip()[:MAX_SEARCH])


def list_filter(form: Form, shown: Container[str] = ()) -> ListFilter:
    """Read which rows of a list an address asks for; what the list does not know means all."""
    show = form.get("show")
    return ListFilter(words_of(form.get("q")), show if show in shown else "")


def key_of(before: str) -> int:
    """Return the key that rows of a page are below: one above all without one that can be read."""
    return int(before) if before.isascii() and before.isdecimal() and len(before) <= 18 else FIRST_PAGE


def page_url(path: str, page: Page) -> str:
    """Return the URL under which a page refreshes itself."""
    return path if page.number == 1 else f"{path}{'&' if '?' in path else '?'}page={page.number}"


async def _to_sign_in(request: Request) -> Response:
    """Lead to the sign-in page and from there back; a form that was sent waits in that page and is not lost."""
    target = _target(request)
    if request.method == "POST":
        form = await read_form(request)
        fields = [] if SIGN_IN_SECRETS & {name for name, _ in form.fields} else form.fields
        return html("sign_in", 401, next=target if fields else "/", problem=None, unsent=fields)
    return RedirectResponse(SIGN_IN if target == "/" else f"{SIGN_IN}?next={quote(target)}", 303)


def _speak_as_asked(request: Request) -> None:
    """Choose the language and the zone of the page for whoever reads it, what credits cost, and the ways in."""
    chosen = request.cookies.get(translations.COOKIE, "")
    translations.use(translations.choose(chosen, request.headers.get("accept-language", "")))
    zones.use(request.cookies.get(zones.COOKIE, ""))
    stack = stack_of(request)
    prices.use(stack.settings.credit_price())
    sign_in_ways.use(sign_in_ways.SignInWays(stack.openid.name, stack.settings.key_sign_in))


def _locked(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response


def _target(request: Request) -> str:
    path: str = request.scope["path"]
    # Browsers leave some characters as they are that the sign-in page takes for no page of ours.
    query = quote(request.url.query, safe="=&%+")
    return f"{path}?{query}" if query else path


async def _to_send_again(request: Request, problem: ProductError) -> Unsent | None:
    """Return what was typed when something is not reachable for now: it waits in the page that says so."""
    if request.method != "POST" or not isinstance(problem, Unavailable):
        return None
    fields = [field for field in (await read_form(request)).fields if field[0] not in SIGN_IN_SECRETS]
    return Unsent(_target(request), fields) if fields else None


def _error_page(request: Request, problem: ProductError, unsent: Unsent | None = None) -> Response:
    # Where the database is stays our secret: the log has it.
    message = DATABASE_AWAY if problem.code == "database_unavailable" else problem.message
    if problem.details:
        message = "; ".join(f"{detail.field}: {translate(detail.message)}" for detail in problem.details)
    shown = {"status": problem.status, "message": translate(message), "place": _way_back(request, problem)}
    response = html("error", problem.status, unsent=unsent, **shown)
    if problem.retry_after is not None:
        response.headers["Retry-After"] = str(problem.retry_after)
    return response


def _way_back(request: Request, problem: ProductError) -> Place:
    # Where the button was is nearer than where its form was sent.
    place = place_of([request.headers.get("referer", ""), request.scope["path"]])
    # Whoever may not do what only admins do would be refused on their pages, too.
    is_refused = problem.code == "missing_scope" and OPERATIONS[f"GET {place.path}"] is Scope.ADMIN
    return PLACES["/"] if is_refused else place
