"""The pages of subscribers: all of a project, one with its heartbeats, a new one; forget and delete ask first."""

from datetime import datetime

from fastapi import APIRouter, Request
from sqlalchemy import Connection
from starlette.responses import RedirectResponse, Response

from api.dashboard.forms import Form, field_errors, read_form, refusal, validated
from api.dashboard.pages import PageRoute, html, list_filter, page_of
from api.dashboard.sent_again import make_once
from api.dashboard.translations import gettext as _
from api.dashboard.translations import marked, ngettext
from api.dashboard.views import formats, runs, selection
from api.dashboard.views.audience import subscriber_name, subscriber_view
from api.dashboard.views.heartbeats import card
from api.dashboard.views.strips import LastRuns, read_strips, strip
from api.dashboard.visitor import Visitor, VisitorDep
from api.schemas.subscribers import CreateSubscriber
from heartbeat.domain.errors import ProductError
from heartbeat.store.bots import subscribers as store
from heartbeat.store.bots.bots import bots
from heartbeat.store.database.pages import Page
from heartbeat.store.overview import audience
from heartbeat.store.overview.projects import access_to_bot
from heartbeat.store.overview.waiting import access_to_subscriber
from heartbeat.store.projects.access import Access
from heartbeat.store.tables.bots import Bot

router = APIRouter(prefix="/subscribers", route_class=PageRoute, include_in_schema=False)

SUBSCRIBERS_A_PAGE, MAX_BOTS, MAX_HEARTBEATS = 50, 500, 50
NOTICES = {
    "created": marked("The subscriber was added."),
    "deleted": marked("The subscriber was deleted with its heartbeats."),
    "forgotten": marked("What was remembered of this subscriber is forgotten."),
}


@router.get("")
async def subscribers_page(request: Request, visitor: VisitorDep, page: str = "1", done: str = "") -> Response:
    """Every subscriber of the project, of one bot, or whose name has some words."""
    form, now, current = Form(request.query_params.multi_items()), visitor.now(), page_of(page, SUBSCRIBERS_A_PAGE)
    words = list_filter(form).words
    frame, (choices, (members, total)) = await visitor.read_framed(_members, form.get("bot"), words, current)
    return html(
        "subscribers",
        frame=frame,
        bots=[(one.uuid, one.name) for one in choices],
        members=[subscriber_view(listed, now) for listed in members],
        form=form,
        path=selection.list_path("subscribers", form),
        bar=selection.selection_bar("subscribers", form),
        pages=runs.pages(current, total),
        found=total,
        done=selection.notice("subscribers", form) or (_(NOTICES[done]) if done in NOTICES else None),
    )


def _members(
    connection: Connection, access: Access, bot_uuid: str, words: str, page: Page
) -> tuple[list[Bot], tuple[list[audience.ListedSubscriber], int]]:
    choices, _ = bots(connection, access, Page(1, MAX_BOTS))
    if bot_uuid:
        access = access_to_bot(connection, access, bot_uuid)
    return choices, audience.subscriber_page(connection, access, words, page)


@router.get("/new")
async def new_page(visitor: VisitorDep, bot: str = "") -> Response:
    """The form of a new subscriber."""
    return await _show(visitor, Form([("bot_id", bot)]), {}, 200)


@router.post("/new")
async def add(request: Request, visitor: VisitorDep) -> Response:
    """Add a subscriber to a bot, or say what is wrong with it."""
    form, access = await read_form(request), await visitor.access()
    try:
        values = {"project_id": access.project.uuid, **form.filled("bot_id", "email", "name")}
        uuid = await visitor.write(_added, form, validated(CreateSubscriber, values), visitor.now())
    except ProductError as problem:
        no_bot = problem.code == "bot_not_found"
        errors = {"bot_id": problem.message} if no_bot else field_errors(refusal(problem))
        return await _show(visitor, form, errors, problem.status)
    return RedirectResponse(f"/subscribers/{uuid}?done=created", 303)


def _added(connection: Connection, access: Access, form: Form, body: CreateSubscriber, now: datetime) -> str:
    def add() -> str:
        of_bot = access_to_bot(connection, access, body.bot_id)
        return store.create_subscriber(connection, of_bot, body.email, body.name, now).uuid

    return make_once(connection, access, form, now, add)


async def _show(visitor: Visitor, form: Form, errors: dict[str, str], status: int) -> Response:
    frame, (choices, _) = await visitor.read_framed(bots, Page(1, MAX_BOTS))
    options = [(one.uuid, one.name) for one in choices]
    return html("subscriber_form", status, frame=frame, form=form, errors=errors, bots=options)


@router.get("/{uuid}")
async def subscriber_page(uuid: str, visitor: VisitorDep, done: str = "") -> Response:
    """One subscriber with the heartbeats that belong to it."""
    now = visitor.now()
    frame, (rows, last_runs) = await visitor.read_framed(_subscriber, uuid)
    period = frame.project.period(now)
    listed = audience.ListedSubscriber(rows.subscriber, rows.bot, len(rows.heartbeats))
    return html(
        "subscriber",
        frame=frame,
        member=subscriber_view(listed, now),
        row=rows.subscriber,
        memories=rows.memories,
        cards=[card(heartbeat, rows.bot.name, period, now) for heartbeat in rows.heartbeats],
        strips={heartbeat.uuid: strip(heartbeat, last_runs, now) for heartbeat in rows.heartbeats},
        done=_(NOTICES[done]) if done in NOTICES else None,
    )


def _subscriber(connection: Connection, access: Access, uuid: str) -> tuple[audience.SubscriberRows, LastRuns]:
    rows = audience.subscriber_rows(connection, access, uuid, MAX_HEARTBEATS)
    return rows, read_strips(connection, rows.heartbeats)


@router.get("/{uuid}/forget")
async def forget_page(uuid: str, visitor: VisitorDep) -> Response:
    """Ask whether what is remembered about a subscriber is to be forgotten."""
    frame, rows = await visitor.read_framed(audience.subscriber_rows, uuid, 1)
    text = ngettext(
        "%(num)s thing that %(bot)s remembers of this subscriber is deleted. This cannot be undone.",
        "%(num)s things that %(bot)s remembers of this subscriber are deleted. This cannot be undone.",
        rows.memories,
    )
    return html(
        "question",
        frame=frame,
        place="/memories",
        title=_("Forget %(name)s?") % {"name": formats.isolated(subscriber_name(rows.subscriber))},
        text=text % {"num": formats.number(rows.memories), "bot": formats.isolated(rows.bot.name)},
        action=f"/subscribers/{rows.subscriber.uuid}/forget",
        button=_("Forget them"),
        back=f"/memories?member={rows.subscriber.uuid}",
    )


@router.post("/{uuid}/forget")
async def forget(uuid: str, visitor: VisitorDep) -> Response:
    """Delete what was remembered about a subscriber."""
    await visitor.write(_forgotten, uuid)
    return RedirectResponse(f"/subscribers/{uuid}?done=forgotten", 303)


def _forgotten(connection: Connection, access: Access, uuid: str) -> None:
    store.forget_subscriber(connection, access_to_subscriber(connection, access, uuid), uuid)


@router.get("/{uuid}/delete")
async def delete_page(uuid: str, visitor: VisitorDep) -> Response:
    """Ask whether a subscriber is to be deleted."""
    frame, rows = await visitor.read_framed(audience.subscriber_rows, uuid, 1)
    return html(
        "question",
        frame=frame,
        place="/subscribers",
        title=_("Delete %(name)s?") % {"name": formats.isolated(subscriber_name(rows.subscriber))},
        text=_(
            "The heartbeats that belong to this subscriber, its notification targets and what is remembered of it go "
            "along. This cannot be undone. Logs stay."
        ),
        action=f"/subscribers/{rows.subscriber.uuid}/delete",
        button=_("Delete the subscriber"),
        back=f"/subscribers/{rows.subscriber.uuid}",
    )


@router.post("/{uuid}/delete")
async def delete(uuid: str, visitor: VisitorDep) -> Response:
    """Delete a subscriber with the heartbeats that belong to it."""
    heartbeats = await visitor.write(_deleted, uuid, visitor.now())
    await visitor.stack.schedules.sync_all(heartbeats)
    return RedirectResponse("/subscribers?done=deleted", 303)


def _deleted(connection: Connection, access: Access, uuid: str, now: datetime) -> list[str]:
    return store.delete_subscriber(connection, access_to_subscriber(connection, access, uuid), uuid, now)
