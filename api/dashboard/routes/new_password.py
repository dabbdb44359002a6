"""Set another password by a link that the operator has made. Opening the link changes nothing."""

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from api.dashboard.forms import field_errors, read_form, refusal
from api.dashboard.message_links import read_by_link
from api.dashboard.pages import SIGN_IN, PageRoute, html
from api.dashboard.password_sign_in import owner_of
from api.dashboard.routes.sign_in import begin_session
from api.deps import stack_of
from heartbeat.domain.errors import Invalid
from heartbeat.domain.people import check_password
from heartbeat.store.users import passwords as store

router = APIRouter(prefix="/new-password", route_class=PageRoute, include_in_schema=False)


@router.get("")
async def page(request: Request, token: str = "") -> Response:
    """The form."""
    stack = stack_of(request)
    user = await stack.database.read(store.user_of_reset, token, stack.now())
    return html("new_password", token=token, email=user.email, errors={})


@router.post("")
async def set_password(request: Request) -> Response:
    """Use the link up and sign in, unless a code is owed, too; all other sessions of the person end."""
    form, stack = await read_form(request), stack_of(request)
    token = form.get("token")
    user = await read_by_link(request, store.user_of_reset, token)
    try:
        kept = await stack.passwords.hash(check_password(form.get("password"), user.email))
    except Invalid as problem:
        errors = field_errors(refusal(problem))
        return html("new_password", 400, token=token, email=user.email, errors=errors)
    user = await stack.database.write(store.use_reset, token, kept, stack.now())
    if user.sealed_totp_secret:
        return RedirectResponse(SIGN_IN, 303)
    return await begin_session(RedirectResponse("/", 303), request, await owner_of(stack, user), user.email)
