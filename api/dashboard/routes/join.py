"""Take an invitation: a new account with a name and a password, or another project for the account that is there.

Opening the link changes nothing: programs that read messages open links, too.
"""

from fastapi import APIRouter, Request
from sqlalchemy import Connection
from starlette.responses import RedirectResponse, Response

from api.dashboard.forms import Form, field_errors, read_form, refusal
from api.dashboard.message_links import read_by_link
from api.dashboard.pages import PageRoute, html
from api.dashboard.routes.sign_in import begin_session
from api.dashboard.session import token_of
from api.dashboard.translations import gettext as _
from api.dashboard.views.keys import PRESETS
from api.deps import Stack, stack_of
from heartbeat.domain.errors import Conflict, Invalid, ProductError
from heartbeat.domain.people import check_name, check_password
from heartbeat.store.tables.users import User
from heartbeat.store.users import invitations as store
from heartbeat.store.users.sessions import SessionOwner, open_session
from heartbeat.store.users.users import user_by_id

router = APIRouter(prefix="/join", route_class=PageRoute, include_in_schema=False)


@router.get("")
async def page(request: Request, token: str = "") -> Response:
    """What somebody is invited to, and a form for what is needed of them."""
    stack = stack_of(request)
    opened = await stack.database.read(store.open_invitation, token, stack.now())
    return await _page(request, token, opened, Form())


@router.post("")
async def join(request: Request) -> Response:
    """Use the invitation up: make an account, or make the person who is signed in a member."""
    form, stack = await read_form(request), stack_of(request)
    token = form.get("token")
    opened = await read_by_link(request, store.open_invitation, token)
    try:
        user = await (_known if opened.has_account else _new)(request, stack, opened, form)
    except Invalid as problem:
        return await _page(request, token, opened, form, refusal(problem))
    owner = SessionOwner(user_id=user.id, project_id=opened.project.id)
    return await begin_session(RedirectResponse("/", 303), request, owner, user.email)


async def _new(request: Request, stack: Stack, opened: store.OpenInvitation, form: Form) -> User:
    name = check_name(form.get("name"))
    kept = await stack.passwords.hash(check_password(form.get("password"), opened.invitation.email))
    return await stack.database.write(store.accept_as_new, form.get("token"), name, kept, stack.now())


async def _known(request: Request, stack: Stack, opened: store.OpenInvitation, form: Form) -> User:
    user = await stack.database.read(_signed_in, token_of(request), stack)
    if user is None:
        raise Conflict("has_account", store.HAS_ACCOUNT)
    await stack.database.write(store.accept, form.get("token"), user, stack.now())
    return user


async def _page(
    request: Request, token: str, opened: store.OpenInvitation, form: Form, problem: ProductError | None = None
) -> Response:
    stack = stack_of(request)
    user = await stack.database.read(_signed_in, token_of(request), stack)
    return html(
        "join",
        400 if problem else 200,
        token=token,
        project=opened.project.name,
        email=opened.invitation.email,
        role=_(PRESETS[opened.invitation.role]),
        has_account=opened.has_account,
        is_theirs=user is not None and user.email == opened.invitation.email,
        signed_in=user is not None,
        form=form,
        errors=field_errors(problem) if problem else {},
    )


def _signed_in(connection: Connection, token: str, stack: Stack) -> User | None:
    opened = open_session(connection, token, stack.now()) if token else None
    return user_by_id(connection, opened.user.id) if opened and opened.user else None
