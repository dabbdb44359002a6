"""The page behind the link of a message: what waits for a yes, and two buttons. The link is its own key.

Opening it decides nothing: programs that read mail open links, too.
"""

from typing import Any
from urllib.parse import parse_qs

from fastapi import APIRouter, Request
from sqlalchemy import Connection, Row
from starlette.responses import Response

from api.dashboard.pages import PageRoute, html
from api.dashboard.views.approvals import arguments
from api.deps import Stack, utc_now
from api.schemas.approvals import DECISIONS
from heartbeat.domain.errors import Forbidden, Invalid
from heartbeat.secrets.keyring import CannotOpen, Keyring
from heartbeat.store.runs import approvals as store
from heartbeat.store.runs.details import parsed
from heartbeat.temporal.runs import wake

router = APIRouter(prefix="/approvals/{uuid}", route_class=PageRoute, include_in_schema=False)


@router.get("")
async def page(uuid: str, request: Request, token: str = "") -> Response:
    """What is asked, and what has been decided if it has."""
    stack = _opened(request, uuid, token)
    return _shown(await stack.database.read(store.approval, uuid), token)


@router.post("")
async def decide(uuid: str, request: Request) -> Response:
    """Decide, once."""
    form = parse_qs((await request.body()).decode("utf-8", "replace"), max_num_fields=10)
    token, decision = form.get("token", [""])[0], form.get("decision", [""])[0]
    stack = _opened(request, uuid, token)
    if decision not in DECISIONS:
        raise Invalid("decision", "must be approve or deny")

    def work(connection: Connection) -> Row[Any]:
        store.decide(connection, uuid, DECISIONS[decision], "the link of a message", utc_now())
        return store.approval(connection, uuid)

    row = await stack.database.write(work)
    await wake(stack.temporal, row.workflow_id, row.step)
    return _shown(row, token)


def _opened(request: Request, uuid: str, token: str) -> Stack:
    """The parts of the process, for who holds a link of ours to this very approval; raises `Forbidden`."""
    stack: Stack = request.app.state.stack
    try:
        Keyring.from_settings(stack.settings).open(token, store.sealed_as(uuid))
    except CannotOpen:
        words = "This link is not whole, or not for this; use the one from the message."
        raise Forbidden("wrong_link", words) from None
    return stack


def _shown(row: Row[Any], token: str) -> Response:
    given = arguments(parsed(row.arguments))
    late = row.state == "pending" and row.expires_at <= utc_now()
    return html("approval", approval=row, arguments=given, state="expired" if late else row.state, token=token)
