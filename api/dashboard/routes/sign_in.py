"""Sign in with an address and a password or with a project's key, sign out, and the static files."""

import re
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from api.auth_throttle import AT_SIGN_IN
from api.dashboard.code_challenge import new_challenge
from api.dashboard.forms import Form, read_form
from api.dashboard.known_browsers import remember_browser, sources_of
from api.dashboard.openid_sign_out import leave_issuer
from api.dashboard.pages import SIGN_IN, PageRoute, html, is_https
from api.dashboard.password_sign_in import owner_of, person_with
from api.dashboard.render import ASSETS, asset
from api.dashboard.sentences import translate
from api.dashboard.session import delete_cookie, set_cookie, token_of
from api.dashboard.translations import marked
from api.dashboard.visitor import SignedOut, VisitorDep
from api.deps import address_of, stack_of, visit_of
from heartbeat.domain.errors import Forbidden, TooManyFailures
from heartbeat.store.tables.users import User
from heartbeat.store.users import sessions
from heartbeat.store.users.sessions import SessionOwner
from heartbeat.store.users.sign_in import key_by_secret

router = APIRouter(route_class=PageRoute, include_in_schema=False)

FOR_EVER = "public, max-age=31536000, immutable"
# One slash at its start, for after two a browser expects a host; and no segment that leads up.
OWN_PAGE = re.compile(r"/[a-z][\w-]*(/\w[\w.-]*)*(\?[\w.~=&%+:-]{0,2000})?", re.ASCII)
# What a form said that was sent when its session had ended: it waits in the sign-in page under this prefix.
UNSENT = "unsent:"
WRONG_KEY = marked("No project has this key, or it was revoked. Check it for missing characters.")
WRONG_PASSWORD = marked("This e-mail address and this password do not belong together.")
NO_KEYS = marked("Keys are for programs here: sign in with your e-mail address.")
OF_BOTS = marked("This key is for programs: it opens some bots alone. Sign in with a key of the whole project.")


@router.get(SIGN_IN)
async def door(visitor: VisitorDep, next: str = "/") -> Response:  # noqa: A002
    """The form; those who are signed in already go straight on."""
    try:
        await visitor.access()
    except (SignedOut, Forbidden):
        return html("sign_in", next=own_page(next), problem=None, unsent=[])
    return RedirectResponse(own_page(next), 303)


@router.post(SIGN_IN)
async def sign_in(request: Request) -> Response:
    """Begin a session for whom the form names, and go on with what the end of another has interrupted."""
    form = await read_form(request)
    shown = carried(form)
    try:
        admitted = _person if form.get("email") or form.get("password") else _key
        owner = await admitted(request, form)
    except TooManyFailures as problem:
        return slowed("sign_in", problem, **shown)
    if isinstance(owner, str):
        return html("sign_in", 401, problem=owner, **shown)
    if isinstance(owner, User):
        return html("sign_in_code", problem=None, challenge=new_challenge(stack_of(request), owner), **shown)
    return await welcome(request, owner, form, form.get("email"))


def slowed(template: str, problem: TooManyFailures, **shown: Any) -> Response:
    """The form again, and when it may be tried."""
    answer = html(template, problem.status, problem=translate(problem.message), **shown)
    answer.headers["Retry-After"] = str(problem.retry_after)
    return answer


def carried(form: Form) -> dict[str, Any]:
    """Read what a form of the door carries on: where to go then, what was not sent yet, and the address."""
    unsent = [(name.removeprefix(UNSENT), value) for name, value in form.fields if name.startswith(UNSENT)]
    return {"next": own_page(form.get("next")), "unsent": unsent, "email": form.get("email")}


async def welcome(request: Request, owner: SessionOwner, form: Form, email: str) -> Response:
    """Begin a session of a key, or of the person with this address, and go on to where the form leads."""
    shown = carried(form)
    target, unsent = shown["next"], shown["unsent"]
    response = html("unsent", next=target, unsent=unsent) if unsent else RedirectResponse(target, 303)
    return await begin_session(response, request, owner, email if owner.user_id is not None else None)


async def _person(request: Request, form: Form) -> SessionOwner | User | str:
    """Read whose address and password were given, as themselves while they owe a code.

    Returns what to say of wrong ones, raises `TooManyFailures`.
    """
    stack, email = stack_of(request), form.get("email")
    user = await person_with(stack, sources_of(request, email), email, form.get("password"))
    if user is None:
        return WRONG_PASSWORD
    return user if user.sealed_totp_secret else await owner_of(stack, user)


async def _key(request: Request, form: Form) -> SessionOwner | str:
    """Read the key that was given; returns what to say of a wrong one, raises `TooManyFailures`."""
    stack, address, secret = stack_of(request), address_of(request), form.get("key")
    if not stack.settings.key_sign_in:
        return NO_KEYS
    if not secret:
        return WRONG_KEY
    hashes = stack.key_hashes.all(secret)
    await stack.auth_throttle.admit(AT_SIGN_IN, address, secret, hashes)
    key = await stack.database.read(key_by_secret, hashes, stack.now())
    if key is None:
        await stack.auth_throttle.count(AT_SIGN_IN, address)
        return WRONG_KEY
    stack.auth_throttle.note_worked(address, hashes[0])
    return OF_BOTS if key.is_for_bots else SessionOwner(key_id=key.id)


async def begin_session(
    response: Response, request: Request, owner: SessionOwner, with_password: str | None = None
) -> Response:
    """Begin a session, and have the response leave its token in the browser.

    Where the person with the address `with_password` used their password, the browser is known from now on.
    """
    stack = stack_of(request)
    if with_password is not None:
        remember_browser(response, request, with_password)
    former, visit = token_of(request), visit_of(request)
    token = await stack.database.write(sessions.begin_session, owner, visit, former, stack.now())
    set_cookie(response, token, is_https(request))
    return response


@router.post("/sign-out")
async def sign_out(request: Request) -> Response:
    """End the session of this browser, and lead on to the issuer that it was begun with, if any."""
    await stack_of(request).database.write(sessions.end_session, token_of(request))
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
