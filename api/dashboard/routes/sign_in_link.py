"""Sign in by a link that works once. Opening it does nothing yet: programs that read messages open links, too.

Its page has one button, which a script presses at once, and that is what uses the link up.
"""

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from api.auth_throttle import WITH_LINK
from api.dashboard.forms import read_form
from api.dashboard.pages import PageRoute, html
from api.dashboard.routes.sign_in import begin_session
from api.dashboard.visitor import NoProject, SignedOut, VisitorDep
from api.deps import address_of, stack_of
from heartbeat.domain.errors import Forbidden
from heartbeat.store.users.sessions import SessionOwner
from heartbeat.store.users.sign_in_links import has_link, use_link

router = APIRouter(prefix="/sign-in/once", route_class=PageRoute, include_in_schema=False)

USED = "This link was used already, or is older than ten minutes. Make another with `heartbeat sign-in`, or use a key."


@router.get("")
async def page(visitor: VisitorDep, token: str = "") -> Response:
    """The button; those who are signed in already go straight on, and the link stays unused."""
    try:
        await visitor.access()
    except (SignedOut, NoProject):
        return html("sign_in_once", token=token)
    return RedirectResponse("/", 303)


@router.post("")
async def use(request: Request) -> Response:
    """Use the link up and begin a session."""
    form, stack = await read_form(request), stack_of(request)
    token, now = form.get("token"), stack.now()
    # Who has none writes nothing.
    is_there = await stack.database.read(has_link, token, now)
    key = await stack.database.write(use_link, token, now) if is_there else None
    if key is None:
        await stack.auth_throttle.count(WITH_LINK, address_of(request))
        raise Forbidden("link_used", USED)
    return await begin_session(RedirectResponse("/", 303), request, SessionOwner(key_id=key.id))
