"""Set up a second factor, and turn it off."""

from fastapi import APIRouter, Request
from sqlalchemy import Connection
from starlette.responses import RedirectResponse, Response

from api.dashboard.code_challenge import opened_secret, require_code
from api.dashboard.forms import field_errors, read_form
from api.dashboard.pages import PageRoute, html
from api.dashboard.password_sign_in import require_password
from api.dashboard.routes.account import acting_user, own_user
from api.dashboard.visitor import Visitor, VisitorDep
from heartbeat.domain.errors import Forbidden, Invalid
from heartbeat.domain.failure_sources import of_browser
from heartbeat.secrets.keyring import CannotOpen, Keyring
from heartbeat.secrets.second_factor import (
    new_recovery_codes,
    new_secret,
    setup_address,
    setup_picture,
    step_of,
    totp_row,
)
from heartbeat.store.tables.users import User
from heartbeat.store.users import second_factor as store
from heartbeat.store.users import sessions

router = APIRouter(prefix="/account/second-factor", route_class=PageRoute, include_in_schema=False)

ELSEWHERE = "You sign in elsewhere: what else is asked for is a matter of that place."


@router.get("")
async def setup_page(visitor: VisitorDep) -> Response:
    """A secret for the authenticator, of which nothing is kept until a code was given; or how it is turned off."""
    user = await visitor.read_own(_user)
    if user.sealed_totp_secret:
        return await _off(visitor, user)
    sealed = Keyring.from_settings(visitor.stack.settings).seal(new_secret(), totp_row(user.uuid))
    return await _setup(visitor, user, sealed)


@router.post("")
async def turn_on(request: Request, visitor: VisitorDep) -> Response:
    """Ask for a code from now on, and show the recovery codes this once; other sessions of the person end."""
    form, stack = await read_form(request), visitor.stack
    user, sealed = await visitor.read_own(_user), form.get("sealed")
    try:
        secret = opened_secret(stack, user.uuid, sealed)
    except CannotOpen:
        # Not of a page of ours, or of one from before the secret keys were changed.
        return RedirectResponse("/account/second-factor", 303)
    try:
        await require_password(visitor, user, form.get("current"))
        step = step_of(secret, form.get("code"), visitor.now())
        if step is None:
            raise Invalid("code", "is wrong, too old, or was used already")
    except Invalid as problem:
        return await _setup(visitor, user, sealed, problem)
    codes = new_recovery_codes()
    await visitor.write_own(_turn_on, sealed, step, codes, visitor)
    return html("recovery_codes", frame=await visitor.own_frame(), codes=codes)


@router.post("/off")
async def turn_off(request: Request, visitor: VisitorDep) -> Response:
    """Ask for no code any more: whoever has found an open browser can not do that."""
    form, user = await read_form(request), await visitor.read_own(_user)
    try:
        await require_password(visitor, user, form.get("current"))
        await require_code(visitor.stack, [of_browser(visitor.session_uuid)], user, form.get("code"))
    except Invalid as problem:
        return await _off(visitor, user, problem)
    await visitor.write_own(_turn_off)
    return RedirectResponse("/account?done=off", 303)


async def _setup(visitor: Visitor, user: User, sealed: str, problem: Invalid | None = None) -> Response:
    secret = opened_secret(visitor.stack, user.uuid, sealed)
    return html(
        "second_factor",
        400 if problem else 200,
        frame=await visitor.own_frame(),
        sealed=sealed,
        secret=" ".join(secret[at : at + 4] for at in range(0, len(secret), 4)),
        picture=setup_picture(setup_address(secret, user.email)),
        email=user.email,
        errors=field_errors(problem) if problem else {},
    )


async def _off(visitor: Visitor, user: User, problem: Invalid | None = None) -> Response:
    return html(
        "second_factor_off",
        400 if problem else 200,
        frame=await visitor.own_frame(),
        email=user.email,
        left=len(user.recovery_codes or []),
        errors=field_errors(problem) if problem else {},
    )


def _user(connection: Connection, opened: sessions.OpenSession) -> User:
    user = own_user(connection, opened)
    if user.password_hash is None:
        raise Forbidden("no_password", ELSEWHERE)
    return user


def _turn_on(
    connection: Connection, opened: sessions.OpenSession, sealed: str, step: int, codes: list[str], visitor: Visitor
) -> None:
    user_id = acting_user(opened).id
    store.turn_on(connection, user_id, sealed, step, codes)
    sessions.end_other_sessions(connection, sessions.of_user(user_id), visitor.session_uuid)


def _turn_off(connection: Connection, opened: sessions.OpenSession) -> None:
    store.turn_off(connection, acting_user(opened).id)
