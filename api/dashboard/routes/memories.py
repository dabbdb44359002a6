"""The page of memories: what agents remember, found by words, by bot and by subscriber; deleting one asks first."""

from dataclasses import dataclass

from fastapi import APIRouter, Request
from sqlalchemy import Connection
from starlette.responses import RedirectResponse, Response

from api.dashboard.forms import Form
from api.dashboard.pages import PageRoute, html, list_filter, page_of
from api.dashboard.translations import gettext as _
from api.dashboard.translations import marked
from api.dashboard.views import formats, runs, selection
from api.dashboard.views.audience import memory_view, subscriber_name
from api.dashboard.visitor import VisitorDep
from heartbeat.store.bots.bots import bots
from heartbeat.store.database.pages import Page
from heartbeat.store.memory.memory import MAX_RANKED, MemoryList, MemoryOwner
from heartbeat.store.memory.memory import forget as forget_memory
from heartbeat.store.overview import audience
from heartbeat.store.overview.projects import access_to_bot
from heartbeat.store.overview.waiting import access_to_subscriber
from heartbeat.store.projects.access import Access
from heartbeat.store.projects.members import subscriber
from heartbeat.store.tables.bots import Bot, Subscriber

router = APIRouter(prefix="/memories", route_class=PageRoute, include_in_schema=False)

MEMORIES_A_PAGE, MAX_BOTS = 30, 500
NOTICES = {"forgotten": marked("It is forgotten.")}


@dataclass(frozen=True)
class MemoryFilter:
    """What of the memories is wanted; an empty text leaves it open."""

    bot_uuid: str
    member_uuid: str
    words: str


@dataclass(frozen=True)
class MemoryRows:
    """A page of memories, what there is to choose from, and whom the filter names."""

    bots: list[Bot]
    bot: Bot | None
    member: Subscriber | None
    memories: list[audience.ListedMemory]
    found: MemoryList


@router.get("")
async def memories_page(request: Request, visitor: VisitorDep, page: str = "1", done: str = "") -> Response:
    """What the project's bots remember; those that fit any of some words come best first."""
    form, now, current = Form(request.query_params.multi_items()), visitor.now(), page_of(page, MEMORIES_A_PAGE)
    words = list_filter(form).words
    wanted = MemoryFilter(form.get("bot"), form.get("member"), words)
    frame, rows = await visitor.read_framed(_rows, wanted, current)
    return html(
        "memories",
        frame=frame,
        bots=[(one.uuid, one.name) for one in rows.bots],
        bot=rows.bot,
        member=rows.member,
        member_name=subscriber_name(rows.member) if rows.member else None,
        memories=[memory_view(listed, now) for listed in rows.memories],
        total=rows.found.total,
        most=MAX_RANKED if rows.found.has_too_many else None,
        form=form,
        path=selection.list_path("memories", form),
        bar=selection.selection_bar("memories", form),
        pages=runs.pages(current, rows.found.total, counts_all=not rows.found.has_too_many),
        found=None if rows.found.has_too_many else rows.found.total,
        done=selection.notice("memories", form) or (_(NOTICES[done]) if done in NOTICES else None),
    )


def _rows(connection: Connection, access: Access, wanted: MemoryFilter, page: Page) -> MemoryRows:
    choices, _ = bots(connection, access, Page(1, MAX_BOTS))
    member = None
    if wanted.member_uuid:
        access = access_to_subscriber(connection, access, wanted.member_uuid)
        member = subscriber(connection, access.bot, wanted.member_uuid)
    elif wanted.bot_uuid:
        access = access_to_bot(connection, access, wanted.bot_uuid)
    memories, found = audience.memory_page(connection, access, member, wanted.words, page)
    return MemoryRows(choices, access.named_bot, member, memories, found)


@router.get("/{uuid}/delete")
async def delete_page(uuid: str, visitor: VisitorDep) -> Response:
    """Ask whether a memory is to be forgotten."""
    frame, listed = await visitor.read_framed(audience.one_memory, uuid)
    return html(
        "question",
        frame=frame,
        place="/memories",
        title=_("Forget this?"),
        text=_("%(bot)s remembers: “%(text)s” This cannot be undone.")
        % {"bot": formats.isolated(listed.bot.name), "text": formats.isolated(formats.start(listed.memory.text, 400))},
        action=f"/memories/{listed.memory.uuid}/delete",
        button=_("Forget it"),
        back="/memories",
    )


@router.post("/{uuid}/delete")
async def delete(uuid: str, visitor: VisitorDep) -> Response:
    """Delete one memory."""
    await visitor.write(_forgotten, uuid)
    return RedirectResponse("/memories?done=forgotten", 303)


def _forgotten(connection: Connection, access: Access, uuid: str) -> None:
    memory = audience.one_memory(connection, access, uuid).memory
    forget_memory(connection, MemoryOwner(memory.bot_id, memory.member_id), uuid)
