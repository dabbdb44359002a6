"""The forms of a tool server: connect one to a bot, change one."""

from dataclasses import dataclass, field, replace
from datetime import datetime

from fastapi import APIRouter, Request
from sqlalchemy import Connection
from starlette.responses import RedirectResponse, Response

from api.dashboard.edited_meanwhile import (
    LOADED,
    THEIRS,
    EditedMeanwhile,
    FieldChange,
    as_new,
    field_changes,
    require_unedited,
    with_changes,
    with_theirs,
)
from api.dashboard.forms import Form, field_errors, read_form, refusal, validated
from api.dashboard.gallery import tool_gallery
from api.dashboard.pages import PageRoute, html
from api.dashboard.tool_form import (
    NEW,
    form_of,
    form_of_template,
    new_values_of,
    saved_values,
    values_of,
    wanted_values,
)
from api.dashboard.translations import gettext as _
from api.dashboard.translations import translated
from api.dashboard.views.tool_server import APPROVALS, ELICITATIONS, FIELDS, HEADERS, RISKS, TRANSPORTS
from api.dashboard.views.tool_templates import tool_template_view
from api.dashboard.visitor import Visitor, VisitorDep
from api.schemas.tools import CreateTool, UpdateTool
from api.tool_registration import (
    ToolListing,
    ToolUpdate,
    create_tool,
    list_offered,
    new_tool,
    prepare_update,
    update_tool,
)
from api.tool_sign_in import expect_sign_in
from heartbeat.domain.errors import Conflict, NotFound, ProductError
from heartbeat.domain.tool_limits import MAX_RESULT_BYTES, MAX_TIMEOUT_SECONDS, MIN_RESULT_BYTES
from heartbeat.settings import Settings
from heartbeat.store.overview.projects import access_to_bot
from heartbeat.store.overview.waiting import access_to_tool
from heartbeat.store.projects.access import Access
from heartbeat.store.tables.bots import Bot, Tool
from heartbeat.store.tools import servers as store

router = APIRouter(route_class=PageRoute, include_in_schema=False)

# Where to connect it anew, should it be deleted meanwhile.
BOT = "bot_id"


@dataclass(frozen=True)
class ToolEditor:
    """The form as it is to be shown; `tool` is the server that is changed, `None` for a new one.

    `template` is the well-known server that a new one began with.
    """

    bot: Bot
    form: Form
    tool: Tool | None = None
    template: str = ""
    errors: dict[str, str] = field(default_factory=dict)
    changes: tuple[FieldChange, ...] = ()
    status: int = 200


@router.get("/bots/{uuid}/tools/new")
async def new_page(uuid: str, visitor: VisitorDep, template: str = "") -> Response:
    """The form of a server that is to be connected: empty, or filled with a well-known one."""
    access = await visitor.read(access_to_bot, uuid)
    templates = tool_gallery()
    form = form_of_template(templates[template]) if template in templates else NEW
    return await _show(visitor, ToolEditor(access.bot, form, template=template))


@router.post("/bots/{uuid}/tools/new")
async def connect(uuid: str, request: Request, visitor: VisitorDep, template: str = "") -> Response:
    """Connect a server. One that does not answer is kept all the same, and its page says why."""
    form, access, settings = await read_form(request), await visitor.read(access_to_bot, uuid), visitor.stack.settings
    ids = {"project_id": access.project.uuid, "bot_id": access.bot.uuid}
    editor = ToolEditor(access.bot, form, template=template)
    try:
        body = validated(CreateTool, {**ids, **new_values_of(form)})
        draft = new_tool(access.bot, body, settings)
    except ProductError as problem:
        return await _show(visitor, _refused(editor, problem))
    listing = await list_offered(draft, settings)
    try:
        tool = await visitor.write(_created, uuid, draft, listing, visitor.now())
    except Conflict as problem:
        return await _show(visitor, _refused(editor, problem))
    done = "expected" if await expect_sign_in(visitor.stack, tool, body, listing) else "connected"
    return RedirectResponse(f"/tools/{tool.uuid}?done={done}", 303)


def _created(
    connection: Connection, access: Access, bot_uuid: str, draft: Tool, listing: ToolListing, now: datetime
) -> Tool:
    return create_tool(connection, access_to_bot(connection, access, bot_uuid), draft, listing, now)


@router.get("/tools/{uuid}/edit")
async def edit_page(uuid: str, visitor: VisitorDep) -> Response:
    """The form of a server as it is; its headers are not in it."""
    access, tool = await visitor.read(bot_and_tool, uuid)
    return await _show(visitor, ToolEditor(access.bot, form_of(tool), tool))


@router.post("/tools/{uuid}/edit")
async def edit(uuid: str, request: Request, visitor: VisitorDep) -> Response:
    """Change a server; one that becomes another by that is asked what it offers."""
    form = await read_form(request)
    try:
        access, tool = await visitor.read(bot_and_tool, uuid)
    except NotFound as problem:
        return await _show_gone(visitor, form, problem)
    if form.get("do") == THEIRS:
        return await _show(visitor, ToolEditor(access.bot, with_theirs(form, form_of(tool), FIELDS), tool))
    ids = {"project_id": access.project.uuid, "bot_id": access.bot.uuid}
    try:
        body = validated(UpdateTool, {**ids, **values_of(form)})
        update = await prepare_update(body, tool, visitor.stack.settings)
        await visitor.write(_changed, update, form, visitor.stack.settings, visitor.now())
    except EditedMeanwhile as problem:
        editor = ToolEditor(access.bot, with_changes(form, problem), tool, changes=field_changes(problem, FIELDS))
        return await _show(visitor, replace(editor, status=problem.status))
    except NotFound as problem:
        return await _show_gone(visitor, form, problem)
    except ProductError as problem:
        return await _show(visitor, _refused(ToolEditor(access.bot, form, tool), refusal(problem)))
    return RedirectResponse(f"/tools/{uuid}?done=saved", 303)


def _changed(
    connection: Connection, access: Access, update: ToolUpdate, form: Form, settings: Settings, now: datetime
) -> Tool:
    access = access_to_tool(connection, access, update.before.uuid)
    tool = store.lock_tool(connection, access, update.before.uuid)
    require_unedited(form.get(LOADED), saved_values(tool), wanted_values(form, tool))
    return update_tool(connection, access, update, settings, now)


def write_update(connection: Connection, access: Access, update: ToolUpdate, settings: Settings, now: datetime) -> Tool:
    return update_tool(connection, access_to_tool(connection, access, update.before.uuid), update, settings, now)


def bot_and_tool(connection: Connection, access: Access, uuid: str) -> tuple[Access, Tool]:
    """Narrow the access to the bot of a tool server, and read the server; raises `NotFound`."""
    access = access_to_tool(connection, access, uuid)
    return access, store.tool(connection, access, uuid)


async def _show_gone(visitor: Visitor, form: Form, problem: NotFound) -> Response:
    """Make the form of a server that is gone that of a new one; raises `problem` if its bot is gone, too."""
    try:
        bot = (await visitor.read(access_to_bot, form.get(BOT))).bot
    except NotFound:
        raise problem from None
    gone = _(
        "This tool server was deleted meanwhile. What you typed is still here; saving it connects a new one. "
        "Headers that were kept have to be written again."
    )
    # Which calls waited for a yes went along, so it begins with the careful choice.
    new = as_new(form, BOT, "keep_headers").replaced([("require_approval", "always")])
    return await _show(visitor, ToolEditor(bot, new, errors={"": gone}, status=problem.status))


def _refused(editor: ToolEditor, problem: ProductError) -> ToolEditor:
    return replace(editor, errors=field_errors(problem), status=problem.status)


async def _show(visitor: Visitor, editor: ToolEditor) -> Response:
    frame, templates = await visitor.frame(), tool_gallery()
    key = editor.template
    return html(
        "tool_form",
        editor.status,
        frame=frame,
        bot=editor.bot,
        tool=editor.tool,
        form=editor.form,
        errors=editor.errors,
        changes=editor.changes,
        transports=translated(TRANSPORTS),
        risks=translated(RISKS),
        # Which single tools is asked when it is known what there are.
        approvals=translated(APPROVALS[:2]),
        headers=translated(HEADERS),
        elicitations=translated(ELICITATIONS),
        limits=_limits(visitor.stack.settings),
        templates=templates,
        well_known=tool_template_view(key, templates[key]) if key in templates else None,
    )


def _limits(settings: Settings) -> dict[str, int]:
    return {
        "seconds": settings.tool_timeout_seconds,
        "most_seconds": MAX_TIMEOUT_SECONDS,
        "bytes": settings.tool_result_bytes,
        "least_bytes": MIN_RESULT_BYTES,
        "most_bytes": MAX_RESULT_BYTES,
    }
