"""Sign in by OpenID Connect: the way to the issuer, and the way back.

What a browser began has to come back to the same one: it keeps the attempt, sealed, under a name of its own.
"""

import logging
from hashlib import sha256
from typing import TYPE_CHECKING
from urllib.parse import quote

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from api.auth_throttle import AT_SIGN_IN
from api.dashboard.openid_sign_out import keep_token
from api.dashboard.pages import PageRoute, html, is_https
from api.dashboard.routes.sign_in import begin_session, own_page
from api.dashboard.routes.tool_connect import base_url
from api.dashboard.translations import gettext as _
from api.deps import Stack, address_of, stack_of
from heartbeat.domain.errors import ProductError
from heartbeat.openid.attempts import LASTS, SignInAttempt, open_attempt
from heartbeat.openid.problems import INVENTED, NO_MEMBER, WITH_ANOTHER, IssuerAway, SignInRefused
from heartbeat.secrets.keyring import Keyring
from heartbeat.store.users.openid import AdmittedUser, admit
from heartbeat.store.users.sessions import SessionOwner

if TYPE_CHECKING:
    from heartbeat.openid.sign_in import IssuerAnswer, StartedSignIn

router = APIRouter(prefix="/sign-in/openid", route_class=PageRoute, include_in_schema=False)
log = logging.getLogger(__name__)

CALLBACK = "/sign-in/openid/callback"


@router.get("")
async def begin(request: Request, next: str = "/", another: bool = False) -> Response:  # noqa: A002
    """Lead to the issuer. It is a link: the policy of our pages lets forms lead to ourselves alone."""
    stack = _stack(request)
    redirect_uri = base_url(request, stack.settings) + CALLBACK
    try:
        started = await (await stack.openid.sign_in()).begin(redirect_uri, own_page(next), with_another=another)
    except IssuerAway as problem:
        return _refused(request, problem)
    return _to_issuer(request, started)


@router.get("/callback")
async def callback(
    request: Request, state: str = "", code: str = "", iss: str | None = None, error: str = ""
) -> Response:
    """Take back somebody who signed in, or did not."""
    # Here, for what it needs is loaded with the first sign-in.
    from heartbeat.openid.sign_in import IssuerAnswer

    home, attempt = base_url(request, _stack(request).settings), _attempt(request, state)
    try:
        response = await _taken_back(request, attempt, IssuerAnswer(code, error, iss), home)
    except (IssuerAway, SignInRefused) as problem:
        if problem.message in INVENTED:
            await _stack(request).auth_throttle.count(AT_SIGN_IN, address_of(request))
        response = _refused(request, problem, attempt.next_page if attempt else "/")
    response.delete_cookie(_cookie(state), path=CALLBACK)
    return response


async def _taken_back(request: Request, attempt: SignInAttempt | None, answer: "IssuerAnswer", home: str) -> Response:
    sign_in = await _stack(request).openid.sign_in()
    started = await sign_in.begin_anew(attempt, answer, home + CALLBACK)
    return _to_issuer(request, started) if started else await _welcome(request, attempt, answer, home)


async def _welcome(request: Request, attempt: SignInAttempt | None, answer: "IssuerAnswer", home: str) -> Response:
    stack = _stack(request)
    known = await (await stack.openid.sign_in()).finish(attempt, answer, home + CALLBACK)
    admitted: AdmittedUser | None = await stack.database.write(admit, known.person, known.roles, stack.now())
    if admitted is None:
        reason = f"{known.person.key_text!r} is a member of no project"
        raise SignInRefused(NO_MEMBER, reason)
    # A page, and no redirect: a browser would keep our own cookie to itself on a way that began elsewhere.
    response = html("openid_signed_in", next=attempt.next_page if attempt else "/")
    keep_token(response, request, known.id_token, home)
    owner = SessionOwner(user_id=admitted.user.id, project_id=admitted.project.id)
    return await begin_session(response, request, owner)


def _attempt(request: Request, state: str) -> SignInAttempt | None:
    stack = _stack(request)
    sealed, issuer = request.cookies.get(_cookie(state), ""), stack.settings.oidc_issuer or ""
    return open_attempt(Keyring.from_settings(stack.settings), sealed, state, issuer, stack.now())


def _to_issuer(request: Request, started: "StartedSignIn") -> Response:
    response, attempt = RedirectResponse(started.url, 303), started.attempt
    response.set_cookie(
        _cookie(attempt.state),
        attempt.seal(Keyring.from_settings(stack_of(request).settings)),
        max_age=int(LASTS.total_seconds()),
        path=CALLBACK,
        secure=is_https(request),
        httponly=True,
        samesite="lax",
    )
    return response


def _refused(request: Request, problem: IssuerAway | SignInRefused, next_page: str = "/") -> Response:
    if problem.reason:
        log.warning("request %s: %s", request.scope["heartbeat.request_id"], problem.reason)
    another = f"/sign-in/openid?another=yes&next={quote(next_page)}" if problem.message in WITH_ANOTHER else ""
    return html("openid_refused", problem.status, problem=problem.message, another=another)


def _cookie(state: str) -> str:
    # One may have begun in two tabs.
    return f"heartbeat_openid_{sha256(state.encode()).hexdigest()[:8]}"


def _stack(request: Request) -> Stack:
    stack = stack_of(request)
    if stack.openid.name is None:
        raise _no_page()
    return stack


def _no_page() -> ProductError:
    return ProductError(_("There is no page at this address."), "not_found", 404)
