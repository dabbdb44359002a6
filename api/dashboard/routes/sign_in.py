"""Sign in with a project's key, sign out, and the static files."""

import re
from datetime import datetime

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from api.dashboard import session
from api.dashboard.forms import read_form
from api.dashboard.pages import SIGN_IN, PageRoute, SignedOut, VisitorDep, html, is_https
from api.dashboard.render import ASSETS, asset
from api.deps import Stack
from heartbeat.store.projects.sign_in import SignInKey, key_by_secret

router = APIRouter(route_class=PageRoute, include_in_schema=False)

FOR_EVER = "public, max-age=31536000, immutable"
# One slash at its start, for after two a browser expects a host; and no segment that leads up.
OWN_PAGE = re.compile(r"/[a-z][\w-]*(/\w[\w.-]*)*(\?[\w.~=&%+:-]{0,2000})?", re.ASCII)
# What a form said that was sent when its session had ended: it waits in the sign-in page under this prefix.
UNSENT = "unsent:"
WRONG_KEY = "No project has this key, or it was revoked. Check it for missing characters."


@router.get(SIGN_IN)
async def door(visitor: VisitorDep, next: str = "/") -> Response:  # noqa: A002
    """The form; those who are signed in already go straight on."""
    try:
        await visitor.access()
    except SignedOut:
        return html("sign_in", next=_own(next), problem=None, unsent=[])
    return RedirectResponse(_own(next), 303)


@router.post(SIGN_IN)
async def sign_in(request: Request) -> Response:
    """Begin a session for the project whose key was given, and go on with what its end interrupted."""
    form = await read_form(request)
    secret, target = form.get("key"), _own(form.get("next"))
    unsent = [(name.removeprefix(UNSENT), value) for name, value in form.fields if name.startswith(UNSENT)]
    stack: Stack = request.app.state.stack
    key = await stack.database.read(key_by_secret, secret)
    if key is None:
        return html("sign_in", 401, next=target, problem=WRONG_KEY, unsent=unsent)
    response = html("unsent", next=target, unsent=unsent) if unsent else RedirectResponse(target, 303)
    return begin_session(response, request, key, stack.now())


def begin_session(response: Response, request: Request, key: SignInKey, now: datetime) -> Response:
    """Have the response begin a session of this key in the browser."""
    response.set_cookie(
        session.COOKIE,
        session.issue(key.uuid, key.hash, now),
        max_age=int(session.LASTS.total_seconds()),
        secure=is_https(request),
        httponly=True,
        samesite="strict",
    )
    return response


@router.post("/sign-out")
async def sign_out() -> Response:
    """Forget the session in this browser."""
    response = RedirectResponse(SIGN_IN, 303)
    response.delete_cookie(session.COOKIE, httponly=True, samesite="strict")
    return response


async def _file(request: Request) -> Response:
    name = request.scope["path"].removeprefix("/")
    return Response(asset(name), media_type=ASSETS[name], headers={"Cache-Control": FOR_EVER})


for name in ASSETS:
    router.add_api_route(f"/{name}", _file)


def _own(target: str) -> str:
    """Return `target` if it is a page of ours, else the first page: no redirect leads elsewhere."""
    return target if OWN_PAGE.fullmatch(target) else "/"
