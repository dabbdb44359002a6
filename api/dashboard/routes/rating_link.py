"""The page behind the link of a message: whether the run that it tells of was any good. The link is its own key.

Opening it rates nothing: programs that read mail open links, too. It says no more than the message did, for that may
have gone to a subscriber.
"""

from datetime import timedelta
from typing import Any

from fastapi import APIRouter, Request
from sqlalchemy import Connection
from starlette.responses import Response

from api.dashboard.forms import read_form
from api.dashboard.message_links import require_link
from api.dashboard.pages import PageRoute, html
from api.dashboard.rating_form import read_rating
from api.dashboard.translations import gettext as _
from api.deps import Stack, stack_of, visit_of
from heartbeat.domain.actors import link_actor
from heartbeat.domain.errors import Forbidden
from heartbeat.store.overview.projects import heartbeat_of_run
from heartbeat.store.runs import ratings as store
from heartbeat.store.runs.runs import run_by_uuid
from heartbeat.store.tables.bots import Bot
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.runs import Run

GOOD_FOR = timedelta(days=30)

router = APIRouter(prefix="/ratings/{uuid}", route_class=PageRoute, include_in_schema=False)


@router.get("")
async def page(uuid: str, request: Request, token: str = "") -> Response:
    """Ask whether the run was any good."""
    stack = stack_of(request)
    await require_link(request, token, store.sealed_as(uuid))
    return _page(await _rows_in_time(stack, uuid), token, None)


@router.post("")
async def rate(uuid: str, request: Request) -> Response:
    """Rate the run, as often as somebody changes their mind."""
    stack = stack_of(request)
    form = await read_form(request)
    token = form.get("token")
    await require_link(request, token, store.sealed_as(uuid))
    rows = await _rows_in_time(stack, uuid)
    rating = read_rating(form, link_actor(visit_of(request)).words)
    await stack.database.write(store.rate, uuid, rating, stack.now())
    return _page(rows, token, rating)


async def _rows_in_time(stack: Stack, uuid: str) -> tuple[Run, Heartbeat, Bot]:
    """Read what the page shows. Raises `Forbidden` once the link is too old: messages are kept where many may read."""
    rows = await stack.database.read(_run, uuid)
    if rows[0].started_at < stack.now() - GOOD_FOR:
        words = _("This link is older than thirty days; rate the run on its page instead.")
        raise Forbidden("link_expired", words)
    return rows


def _run(connection: Connection, run_uuid: str) -> tuple[Run, Heartbeat, Bot]:
    run = run_by_uuid(connection, run_uuid)
    return run, *heartbeat_of_run(connection, run.heartbeat_id)


def _page(rows: tuple[Run, Heartbeat, Bot], token: str, rating: store.Rating | None) -> Response:
    run, heartbeat, bot = rows
    at = run.started_at.strftime("%Y-%m-%d %H:%M")
    shown: dict[str, Any] = {"name": heartbeat.label or bot.name, "at": at, "rating": rating}
    return html("rating", run=run, token=token, **shown)
