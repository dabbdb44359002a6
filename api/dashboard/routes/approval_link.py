"""The page behind the link of a message: what waits for a yes or for credits, and two buttons. The link is its own key.

Opening it decides nothing: programs that read mail open links, too.
"""

from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request
from sqlalchemy import Connection, Row
from starlette.responses import Response

from api.dashboard.approval_form import DecisionForm, read_decision
from api.dashboard.forms import read_form
from api.dashboard.message_links import require_link
from api.dashboard.pages import PageRoute, html
from api.dashboard.views.approvals import arguments, park_view
from api.deps import stack_of, visit_of
from heartbeat.domain.actors import Actor, link_actor
from heartbeat.store.runs import approvals as store
from heartbeat.store.runs.details import parsed
from heartbeat.store.runs.parks import BUDGET
from heartbeat.temporal.runs import wake

router = APIRouter(prefix="/approvals/{uuid}", route_class=PageRoute, include_in_schema=False)


@router.get("")
async def page(uuid: str, request: Request, token: str = "") -> Response:
    """What is asked, and what has been decided if it has."""
    stack = stack_of(request)
    await require_link(request, token, store.sealed_as(uuid))
    approval = await stack.database.read(store.approval, uuid)
    return _page(approval, token, stack.now())


@router.post("")
async def decide(uuid: str, request: Request) -> Response:
    """Decide, once."""
    stack = stack_of(request)
    form = await read_form(request)
    token = form.get("token", "")
    await require_link(request, token, store.sealed_as(uuid))
    approval = await stack.database.write(
        _decided, uuid, read_decision(form), link_actor(visit_of(request)), stack.now()
    )
    await wake(stack.temporal, approval.workflow_id, approval.step)
    return _page(approval, token, stack.now())


def _decided(connection: Connection, approval_uuid: str, said: DecisionForm, actor: Actor, now: datetime) -> Row[Any]:
    store.decide(connection, approval_uuid, said.decision, actor.words, now, said.credits)
    return store.approval(connection, approval_uuid)


def _page(approval: Row[Any], token: str, now: datetime) -> Response:
    late = approval.state == "pending" and approval.expires_at <= now
    return html(
        "approval",
        approval=approval,
        arguments=arguments(parsed(approval.arguments)),
        park=park_view(approval, UTC, now) if approval.reason == BUDGET else None,
        state="expired" if late else approval.state,
        token=token,
    )
