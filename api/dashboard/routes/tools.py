"""The page of tools: the servers of every bot, and what of theirs changed and waits to be accepted."""

from fastapi import APIRouter, Request
from sqlalchemy import Connection
from starlette.responses import RedirectResponse, Response

from api.dashboard.forms import Form
from api.dashboard.pages import PageRoute, html, list_filter, page_of, page_url
from api.dashboard.routes.tool_form import bot_and_tool
from api.dashboard.routes.tool_server import write_listing
from api.dashboard.translations import gettext as _
from api.dashboard.translations import marked, translated
from api.dashboard.views import runs, selection
from api.dashboard.views.tools import server_view
from api.dashboard.visitor import VisitorDep
from api.tool_sign_in import list_now
from heartbeat.store.database.pages import ListFilter, Page
from heartbeat.store.overview.waiting import SHOWN_SERVERS, ListedServer, server_page
from heartbeat.store.projects.access import Access

router = APIRouter(prefix="/tools", route_class=PageRoute, include_in_schema=False)

SERVERS_A_PAGE = 20
NOTICES = {
    "accepted": marked("The tools of this server are what it offers now."),
    "down": marked("The server could not be asked what it offers now; why is said below. Nothing was changed."),
}


@router.get("")
async def tools_page(request: Request, visitor: VisitorDep, page: str = "1", done: str = "") -> Response:
    """Every tool server of the project, or those that the address asks for, those with tools that changed first."""
    form, now, current = Form(request.query_params.multi_items()), visitor.now(), page_of(page, SERVERS_A_PAGE)
    wanted = list_filter(form, SHOWN_SERVERS)
    frame, (servers, total) = await visitor.read_framed(_servers, wanted, current)
    path = selection.list_path("tools", form)
    return html(
        "tools",
        frame=frame,
        refresh=page_url(path, current),
        path=path,
        form=form,
        shows=translated(selection.SHOW_TOOLS.items()),
        bar=selection.selection_bar("tools", form),
        servers=[server_view(listed, now) for listed in servers],
        pages=runs.pages(current, total),
        found=total,
        done=selection.notice("tools", form) or (_(NOTICES[done]) if done in NOTICES else None),
    )


def _servers(connection: Connection, access: Access, wanted: ListFilter, page: Page) -> tuple[list[ListedServer], int]:
    return server_page(connection, access.project, wanted, page)


@router.post("/{uuid}/accept")
async def accept(uuid: str, visitor: VisitorDep) -> Response:
    """Take what a server offers now as what its tools are."""
    _access, before = await visitor.read(bot_and_tool, uuid)
    listing = await list_now(visitor.stack, before)
    await visitor.write(write_listing, before, listing, visitor.now())
    return RedirectResponse(f"/tools?done={'down' if listing.problem else 'accepted'}", 303)
