"""Sign in with a project's key, sign out, and the static files."""

import re

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from api.auth_throttle import AT_SIGN_IN
from api.dashboard.forms import read_form
from api.dashboard.openid_sign_out import leave_issuer
from api.dashboard.pages import SIGN_IN, PageRoute, SignedOut, VisitorDep, html, is_https
from api.dashboard.render import ASSETS, asset
from api.dashboard.sentences import translate
from api.dashboard.session import delete_cookie, set_cookie, token_of, visit_of
from api.dashboard.translations import marked
from api.deps import Stack, address_of
from heartbeat.domain.errors import TooManyFailures
from heartbeat.store.users import sessions
from heartbeat.store.users.sign_in import SignInKey, key_by_secret

router = APIRouter(route_class=PageRoute, include_in_schema=False)

FOR_EVER = "public, max-age=31536000, immutable"
# One slash at its start, for after two a browser expects a host; and no segment that leads up.
OWN_PAGE = re.compile(r"/[a-z][\w-]*(/\w[\w.-]*)*(\?[\w.~=&%+:-]{0,2000})?", re.ASCII)
# What a form said that was sent when its session had ended: it waits in the sign-in page under this prefix.
UNSENT = "unsent:"
WRONG_KEY = marked("No project has this key, or it was revoked. Check it for missing characters.")
OF_BOTS = marked("This key is for programs: it opens some bots alone. Sign in with a key of the whole project.")


@router.get(SIGN_IN)
async def door(visitor: VisitorDep, next: str = "/") -> Response:  # noqa: A002
    """The form; those who are signed in already go straight on."""
    try:
        await visitor.access()
    except SignedOut:
        return html("sign_in", next=own_page(next), problem=None, unsent=[])
    return RedirectResponse(own_page(next), 303)


@router.post(SIGN_IN)
async def sign_in(request: Request) -> Response:
    """Begin a session for the project whose key was given, and go on with what its end interrupted."""
    form = await read_form(request)
    secret, target = form.get("key"), own_page(form.get("next"))
    unsent = [(name.removeprefix(UNSENT), value) for name, value in form.fields if name.startswith(UNSENT)]
    stack: Stack = request.app.state.stack
    try:
        key = await _admitted(stack, address_of(request), secret)
    except TooManyFailures as problem:
        answer = html("sign_in", problem.status, next=target, problem=translate(problem.message), unsent=unsent)
        answer.headers["Retry-After"] = str(problem.retry_after)
        return answer
    if key is None or key.is_for_bots:
        reason = OF_BOTS if key else WRONG_KEY
        return html("sign_in", 401, next=target, problem=reason, unsent=unsent)
    response = html("unsent", next=target, unsent=unsent) if unsent else RedirectResponse(target, 303)
    return await begin_session(response, request, sessions.SessionOwner(key_id=key.id))


async def _admitted(stack: Stack, address: str, secret: str) -> SignInKey | None:
    """Read the key that was given, `None` for a wrong one; raises `TooManyFailures`."""
    if not secret:
        return None
    hashes = stack.key_hashes.all(secret)
    await stack.auth_throttle.admit(AT_SIGN_IN, address, secret, hashes)
    key = await stack.database.read(key_by_secret, hashes, stack.now())
    if key is None:
        await stack.auth_throttle.count(AT_SIGN_IN, address)
    else:
        stack.auth_throttle.note_worked(address, hashes[0])
    return key


async def begin_session(response: Response, request: Request, owner: sessions.SessionOwner) -> Response:
    """Begin a session of this key or person, and have the response leave its token in the browser."""
    stack: Stack = request.app.state.stack
    former, visit = token_of(request), visit_of(request)
    token = await stack.database.write(sessions.begin_session, owner, visit, former, stack.now())
    set_cookie(response, token, is_https(request))
    return response


@router.post("/sign-out")
async def sign_out(request: Request) -> Response:
    """End the session of this browser, and lead on to the issuer that it was begun with, if any."""
    stack: Stack = request.app.state.stack
    await stack.database.write(sessions.end_session, token_of(request))
    response = await leave_issuer(request) or RedirectResponse(SIGN_IN, 303)
    delete_cookie(response)
    return response


async def _file(request: Request) -> Response:
    name = request.scope["path"].removeprefix("/")
    return Response(asset(name), media_type=ASSETS[name], headers={"Cache-Control": FOR_EVER})


for name in ASSETS:
    router.add_api_route(f"/{name}", _file)


def own_page(target: str) -> str:
    """Return `target` if it is a page of ours, else the first page: no redirect leads elsewhere."""
    return target if OWN_PAGE.fullmatch(target) else "/"
