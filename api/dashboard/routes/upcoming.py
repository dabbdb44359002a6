"""The page of upcoming runs: what is due next over all heartbeats and tasks, and one tick of them skipped."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from pydantic import AwareDatetime, TypeAdapter, ValidationError
from sqlalchemy import Connection
from starlette.responses import RedirectResponse, Response

from api.dashboard.forms import read_form
from api.dashboard.pages import PageRoute, VisitorDep, html
from api.dashboard.translations import gettext as _
from api.dashboard.translations import marked
from api.dashboard.views.strips import LastRuns, read_strips, strip
from api.dashboard.views.upcoming import LINES, still_line, upcoming
from heartbeat.domain.errors import Invalid
from heartbeat.store.heartbeats.held_ticks import hold_tick, release_tick
from heartbeat.store.overview import upcoming as store
from heartbeat.store.overview.projects import any_and_bot
from heartbeat.store.overview.upcoming import UpcomingHeartbeat
from heartbeat.store.projects.access import Access, as_public_id

router = APIRouter(prefix="/upcoming", route_class=PageRoute, include_in_schema=False)

# No heartbeat that is due later than as many others as a list has lines can be in it.
MAX_HEARTBEATS = LINES
MAX_STILL, MAX_BOTS = 50, 200
BY = "somebody in the dashboard"
NOTICES = {
    "hold": marked("The run is skipped. Until its time you can undo that."),
    "release": marked("The run takes place after all."),
}
TIME = TypeAdapter(AwareDatetime)


@dataclass(frozen=True)
class UpcomingRows:
    """What is due next, and what stands still; `still_total` counts that."""

    due: list[UpcomingHeartbeat]
    still: list[UpcomingHeartbeat]
    still_total: int
    bots: list[tuple[str, str]]
    strips: LastRuns


@router.get("")
async def upcoming_page(visitor: VisitorDep, view: str = "list", bot: str = "", done: str = "") -> Response:
    """What is due today, tomorrow and later, as a list or as a week."""
    now, view, bot = visitor.now(), "week" if view == "week" else "list", as_public_id(bot)
    frame, rows = await visitor.read_framed(_rows, bot or None, now)
    return html(
        "upcoming",
        frame=frame,
        refresh=_path(view, bot),
        view=view,
        bot=bot,
        bots=rows.bots,
        paths={name: _path(name, bot) for name in ("list", "week")},
        upcoming=upcoming(rows.due, len(rows.due) <= MAX_HEARTBEATS, view, now),
        still=[still_line(row, now) for row in rows.still],
        still_total=rows.still_total,
        strips={one.path: one for one in (strip(row.heartbeat, rows.strips, now) for row in (*rows.due, *rows.still))},
        done=_(NOTICES[done]) if done in NOTICES else None,
    )


def _rows(connection: Connection, access: Access, bot_uuid: str | None, now: datetime) -> UpcomingRows:
    project = access.project
    still, total = store.standing_still(connection, project, bot_uuid, MAX_STILL)
    due = store.due_next(connection, project, bot_uuid, MAX_HEARTBEATS + 1, now)
    return UpcomingRows(
        due,
        still,
        total,
        store.bot_names(connection, project, MAX_BOTS),
        read_strips(connection, [row.heartbeat for row in (*due, *still)]),
    )


@router.post("")
async def skip(request: Request, visitor: VisitorDep) -> Response:
    """Skip one tick, or let it run after all, and go back to the list."""
    form = await read_form(request)
    done = "release" if form.get("release") else "hold"
    uuid, _separator, written = form.get(done, "").partition(" ")
    change = _held if done == "hold" else _released
    await visitor.write(_changed, uuid, change, _tick(written), visitor.now())
    return RedirectResponse(_path(form.get("view", ""), as_public_id(form.get("bot", "")), done), 303)


Change = Callable[[Connection, Access, datetime, datetime], object]


def _changed(connection: Connection, access: Access, uuid: str, change: Change, tick: datetime, now: datetime) -> None:
    heartbeat, bot = any_and_bot(connection, access.project, uuid)
    change(connection, access.narrowed(bot, heartbeat), tick, now)


def _held(connection: Connection, access: Access, tick: datetime, now: datetime) -> None:
    hold_tick(connection, access, tick, BY, now)


def _released(connection: Connection, access: Access, tick: datetime, now: datetime) -> None:
    release_tick(connection, access, tick, now)


def _tick(written: str) -> datetime:
    try:
        return TIME.validate_python(written)
    except ValidationError:
        raise Invalid("tick", "must be an instant with its offset") from None


def _path(view: str, bot: str, done: str = "") -> str:
    query = {"view": "week" if view == "week" else "", "bot": bot, "done": done}
    chosen = {name: value for name, value in query.items() if value}
    return f"/upcoming?{urlencode(chosen)}" if chosen else "/upcoming"
