"""The pages of bots: all of a project, and one with its heartbeats and its tools; its switch, reset and delete."""

from dataclasses import dataclass
from datetime import datetime

from fastapi import APIRouter, Request
from sqlalchemy import Connection
from starlette.responses import RedirectResponse, Response

from api.dashboard.forms import Form, read_form
from api.dashboard.pages import PageRoute, html, list_filter, page_of, page_url
from api.dashboard.translations import gettext as _
from api.dashboard.translations import marked, ngettext, translated
from api.dashboard.views import charts, formats, runs, selection
from api.dashboard.views.bots import bot_view
from api.dashboard.views.heartbeats import budget_view, card
from api.dashboard.views.quality import MIN_DAYS, share_tiles
from api.dashboard.views.strips import LastRuns, read_strips, strip
from api.dashboard.views.tools import server_view
from api.dashboard.visitor import VisitorDep
from heartbeat.agents.model_names import choose_default_model
from heartbeat.store.bots import bots as store
from heartbeat.store.bots.bots import BotChange
from heartbeat.store.credits.budgets import period_budget, used_by_bot
from heartbeat.store.database.pages import ListFilter, Page
from heartbeat.store.overview import bots as overview
from heartbeat.store.overview.daily_numbers import Days, days_of_bot
from heartbeat.store.overview.projects import access_to_bot
from heartbeat.store.overview.waiting import ListedServer
from heartbeat.store.projects.access import Access
from heartbeat.store.tables.bots import Tool
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tools.servers import tools

router = APIRouter(prefix="/bots", route_class=PageRoute, include_in_schema=False)

BOTS_A_PAGE, MAX_HEARTBEATS, MAX_SERVERS = 50, 50, 50
NOTICES = {
    "created": marked("The bot was made."),
    "saved": marked("The changes are saved."),
    "on": marked("The bot's heartbeats run again."),
    "off": marked("The bot's heartbeats are paused until you switch them on."),
    "reset": marked("The bot has forgotten everything."),
    "deleted": marked("The bot was deleted with its heartbeats."),
    "tool_deleted": marked("The tool server was deleted."),
}


@dataclass(frozen=True)
class BotRows:
    """A bot as its page shows it; `used` are its credits of this billing period."""

    listed: overview.ListedBot
    heartbeats: list[Heartbeat]
    servers: list[Tool]
    subscribers: int
    strips: LastRuns
    days: Days
    used: int


@router.get("")
async def bots_page(request: Request, visitor: VisitorDep, page: str = "1", done: str = "") -> Response:
    """Every bot of the project, or those that the address asks for."""
    form, now, current = Form(request.query_params.multi_items()), visitor.now(), page_of(page, BOTS_A_PAGE)
    wanted = list_filter(form, overview.SHOWN)
    frame, (bots, total) = await visitor.read_framed(_bots, wanted, current)
    path = selection.list_path("bots", form)
    model = choose_default_model(visitor.stack.settings)
    return html(
        "bots",
        frame=frame,
        refresh=page_url(path, current),
        path=path,
        form=form,
        shows=translated(selection.SHOW_BOTS.items()),
        bar=selection.selection_bar("bots", form),
        bots=[bot_view(listed, model, now) for listed in bots],
        pages=runs.pages(current, total),
        found=total,
        done=selection.notice("bots", form) or (_(NOTICES[done]) if done in NOTICES else None),
    )


def _bots(
    connection: Connection, access: Access, wanted: ListFilter, page: Page
) -> tuple[list[overview.ListedBot], int]:
    return overview.bot_page(connection, access.project, wanted, page)


@router.get("/{uuid}")
async def bot_page(uuid: str, visitor: VisitorDep, days: str = "", done: str = "") -> Response:
    """One bot, with its heartbeats and its tools."""
    now, settings, count = visitor.now(), visitor.stack.settings, charts.period_of(days)
    frame, rows = await visitor.read_framed(_bot, uuid, count, now)
    bot = rows.listed.bot
    period = frame.project.period(now)
    return html(
        "bot",
        panel=charts.panel(rows.days, count, f"/bots/{bot.uuid}", {"bot_id": bot.uuid}),
        shares=share_tiles(rows.days),
        strips={heartbeat.uuid: strip(heartbeat, rows.strips, now) for heartbeat in rows.heartbeats},
        frame=frame,
        refresh=charts.page_path(f"/bots/{bot.uuid}", days),
        bot=bot,
        view=bot_view(rows.listed, choose_default_model(settings), now),
        cards=[card(heartbeat, bot.name, period, now) for heartbeat in rows.heartbeats],
        servers=[server_view(ListedServer(tool, bot.name), now) for tool in rows.servers],
        stdio=[label for label, tool in settings.stdio_tools.items() if not tool.bots or bot.uuid in tool.bots],
        subscribers=rows.subscribers,
        spent=budget_view(rows.used, period_budget(bot, period[0]), period),
        max_reply_tokens=bot.max_reply_tokens or settings.max_reply_tokens,
        done=_(NOTICES[done]) if done in NOTICES else None,
    )


def _bot(connection: Connection, access: Access, uuid: str, days: int, now: datetime) -> BotRows:
    access = access_to_bot(connection, access, uuid)
    heartbeats = overview.heartbeats_of_bot(connection, access.bot, MAX_HEARTBEATS)
    return BotRows(
        overview.listed_bot(connection, access.bot),
        heartbeats,
        tools(connection, access, {}, Page(1, MAX_SERVERS))[0],
        overview.count_subscribers(connection, access.bot),
        read_strips(connection, heartbeats),
        days_of_bot(connection, access.bot, now.date(), max(2 * days, MIN_DAYS)),
        used_by_bot(connection, access.bot.id, access.project.period(now)[0]),
    )


@router.post("/{uuid}/heartbeat")
async def switch(uuid: str, request: Request, visitor: VisitorDep) -> Response:
    """Let the bot's heartbeats run, or pause them."""
    on = (await read_form(request)).get("on") == "1"
    change = await visitor.write(_switched, uuid, on, visitor.now())
    await visitor.stack.schedules.sync_all(change.heartbeats)
    return RedirectResponse(f"/bots/{uuid}?done={'on' if on else 'off'}", 303)


def _switched(connection: Connection, access: Access, uuid: str, on: bool, now: datetime) -> BotChange:
    return store.update_bot(connection, access_to_bot(connection, access, uuid), {"heartbeat": on}, {}, now)


@router.get("/{uuid}/reset")
async def reset_page(uuid: str, visitor: VisitorDep) -> Response:
    """Ask whether the bot is to forget everything."""
    frame, listed = await visitor.read_framed(_listed, uuid)
    count = ngettext("%(num)s memory", "%(num)s memories", listed.memories) % {"num": formats.number(listed.memories)}
    return html(
        "question",
        frame=frame,
        place="/bots",
        title=_("Reset %(name)s?") % {"name": formats.isolated(listed.bot.name)},
        text=_("It forgets everything that it and its members remember: %(count)s. This cannot be undone.")
        % {"count": count},
        action=f"/bots/{listed.bot.uuid}/reset",
        button=_("Forget everything"),
        back=f"/bots/{listed.bot.uuid}",
    )


@router.post("/{uuid}/reset")
async def reset(uuid: str, visitor: VisitorDep) -> Response:
    """Forget everything that a bot and its members remember."""
    await visitor.write(_reset, uuid)
    return RedirectResponse(f"/bots/{uuid}?done=reset", 303)


def _reset(connection: Connection, access: Access, uuid: str) -> int:
    return store.reset_bot(connection, access_to_bot(connection, access, uuid))


@router.get("/{uuid}/delete")
async def delete_page(uuid: str, visitor: VisitorDep) -> Response:
    """Ask whether the bot is to be deleted."""
    frame, listed = await visitor.read_framed(_listed, uuid)
    count = ngettext("%(num)s heartbeat", "%(num)s heartbeats", listed.heartbeats) % {
        "num": formats.number(listed.heartbeats)
    }
    return html(
        "question",
        frame=frame,
        place="/bots",
        title=_("Delete %(name)s?") % {"name": formats.isolated(listed.bot.name)},
        text=_(
            "It goes with its heartbeats (%(count)s), its tasks, tools, subscribers and memories, "
            "and this cannot be undone. Its logs and what they cost stay."
        )
        % {"count": count},
        action=f"/bots/{listed.bot.uuid}/delete",
        button=_("Delete the bot"),
        back=f"/bots/{listed.bot.uuid}",
    )


@router.post("/{uuid}/delete")
async def delete(uuid: str, visitor: VisitorDep) -> Response:
    """Delete a bot with its heartbeats, their schedules and its tools."""
    change = await visitor.write(_deleted, uuid, visitor.now())
    await visitor.stack.schedules.sync_all(change.heartbeats)
    return RedirectResponse("/bots?done=deleted", 303)


def _deleted(connection: Connection, access: Access, uuid: str, now: datetime) -> BotChange:
    return store.delete_bot(connection, access_to_bot(connection, access, uuid), now)


def _listed(connection: Connection, access: Access, uuid: str) -> overview.ListedBot:
    return overview.listed_bot(connection, access_to_bot(connection, access, uuid).bot)
