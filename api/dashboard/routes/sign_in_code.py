"""The second half of signing in with a password, for who has a second factor."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.dashboard.code_challenge import challenged_user, require_code
from api.dashboard.forms import read_form
from api.dashboard.known_browsers import code_sources_of
from api.dashboard.pages import PageRoute, html
from api.dashboard.password_sign_in import owner_of
from api.dashboard.routes.sign_in import carried, slowed, welcome
from api.dashboard.translations import marked
from api.deps import stack_of
from heartbeat.domain.errors import Invalid, TooManyFailures

router = APIRouter(prefix="/sign-in/code", route_class=PageRoute, include_in_schema=False)

TOO_LATE = marked("That took too long. Sign in once more.")
WRONG_CODE = marked("This code is wrong, too old, or was used already.")


@router.post("")
async def enter(request: Request) -> Response:
    """Begin a session for who gave the right password before, and now a code."""
    form, stack = await read_form(request), stack_of(request)
    challenge, shown = form.get("challenge"), carried(form)
    user = await challenged_user(stack, challenge)
    if user is None:
        return html("sign_in", 401, problem=TOO_LATE, **shown)
    try:
        await require_code(stack, code_sources_of(request, user), user, form.get("code"))
    except Invalid:
        return html("sign_in_code", 401, problem=WRONG_CODE, challenge=challenge, **shown)
    except TooManyFailures as problem:
        return slowed("sign_in_code", problem, challenge=challenge, **shown)
    return await welcome(request, await owner_of(stack, user), form, user.email)
