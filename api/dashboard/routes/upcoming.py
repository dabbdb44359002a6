"""The page of upcoming runs: what is due next over all heartbeats and tasks, and one tick of them skipped."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from pydantic import TypeAdapter, ValidationError
from sqlalchemy import Connection
from starlette.responses import RedirectResponse, Response

from api.dashboard.forms import Form, read_form
from api.dashboard.pages import PageRoute, html
from api.dashboard.translations import gettext as _
from api.dashboard.translations import marked
from api.dashboard.views.strips import LastRuns, read_strips, strip
from api.dashboard.views.upcoming import LINES, Due, day_end, day_number, still_line, upcoming, upcoming_day
from api.dashboard.visitor import Visitor, VisitorDep
from heartbeat.domain.errors import Invalid
from heartbeat.domain.field_types import Instant
from heartbeat.store.heartbeats.held_ticks import hold_tick, release_tick
from heartbeat.store.overview import upcoming as store
from heartbeat.store.overview.projects import any_and_bot
from heartbeat.store.overview.upcoming import DueRange, UpcomingHeartbeat
from heartbeat.store.projects.access import Access, as_public_id
from heartbeat.store.tables.heartbeats import Heartbeat

router = APIRouter(prefix="/upcoming", route_class=PageRoute, include_in_schema=False)

# No heartbeat that is due later than as many others as a list has lines can be in it.
MAX_HEARTBEATS = LINES
MAX_STILL, MAX_BOTS = 50, 200
NOTICES = {
    "hold": marked("The run is skipped. Until its time you can undo that."),
    "release": marked("The run takes place after all."),
}
TIME = TypeAdapter(Instant)


@dataclass(frozen=True)
class UpcomingRows:
    """What is due next, and what stands still; `still_total` counts that. `is_all`: nothing else is due then."""

    due: list[UpcomingHeartbeat]
    still: list[UpcomingHeartbeat]
    still_total: int
    bots: list[tuple[str, str]]
    strips: LastRuns
    is_all: bool


@dataclass(frozen=True)
class ShownPart:
    """Which part of what is upcoming: the next days as a list or a week, of one bot, or one day alone.

    A day is listed in pages. `after` is where one begins: the next tick of a heartbeat, and its public id.
    """

    view: str = "list"
    bot: str = ""
    day: str = ""
    after: str = ""

    @classmethod
    def of(cls, form: Form) -> "ShownPart":
        return cls(
            "week" if form.get("view") == "week" else "list",
            as_public_id(form.get("bot")),
            form.get("day"),
            form.get("after"),
        )

    def path(self, done: str = "") -> str:
        query = {"view": self.view if self.view == "week" else "", "bot": self.bot, "day": self.day}
        query |= {"after": self.after, "done": done}
        chosen = {name: value for name, value in query.items() if value}
        return f"/upcoming?{urlencode(chosen)}" if chosen else "/upcoming"


@router.get("")
async def upcoming_page(request: Request, visitor: VisitorDep, done: str = "") -> Response:
    """What is due today, tomorrow and later, as a list or as a week; or on one day, page by page."""
    shown, now = ShownPart.of(Form(request.query_params.multi_items())), visitor.now()
    number = day_number(shown.day, now)
    if number is None:
        shown = replace(shown, day="", after="")
    frame, rows = await visitor.read_framed(_rows, shown, number, now)
    due = Due(rows.due, frame.hold_row, rows.is_all)
    week = upcoming(due, shown.view, now) if number is None else upcoming_day(due, number, now)
    last = rows.due[-1].heartbeat if rows.due else None
    return html(
        "upcoming",
        frame=frame,
        refresh=shown.path(),
        shown=shown,
        bots=rows.bots,
        paths={name: ShownPart(name, shown.bot).path() for name in ("list", "week")},
        days={day.date: ShownPart(bot=shown.bot, day=day.date).path() for day in week.days},
        later=replace(shown, after=_place_of(last)).path() if number is not None and last and not rows.is_all else None,
        looked_at=len(rows.due),
        upcoming=week,
        still=[still_line(row, now) for row in rows.still],
        still_total=rows.still_total,
        strips={one.path: one for one in (strip(row.heartbeat, rows.strips, now) for row in (*rows.due, *rows.still))},
        done=_(NOTICES[done]) if done in NOTICES else None,
    )


def _rows(connection: Connection, access: Access, shown: ShownPart, number: int | None, now: datetime) -> UpcomingRows:
    project, bot_uuid = access.project, shown.bot or None
    still, total = store.standing_still(connection, project, bot_uuid, MAX_STILL if number is None else 0)
    which = DueRange(bot_uuid, None if number is None else day_end(number, now), _place(shown.after))
    due = store.due_next(connection, project, which, MAX_HEARTBEATS + 1, now)
    is_all = len(due) <= MAX_HEARTBEATS
    # One more says when those begin that are not listed.
    due = due if number is None else due[:MAX_HEARTBEATS]
    return UpcomingRows(
        due,
        still,
        total if still else 0,
        store.bot_names(connection, project, MAX_BOTS),
        read_strips(connection, [row.heartbeat for row in (*due, *still)]),
        is_all,
    )


def _place_of(heartbeat: Heartbeat) -> str:
    return f"{heartbeat.next_tick_at:%Y-%m-%dT%H:%M:%S.%fZ} {heartbeat.uuid}"


def _place(written: str) -> tuple[datetime, str] | None:
    instant, _separator, uuid = written.partition(" ")
    return (_tick(instant), uuid) if uuid else None


@router.post("")
async def skip(request: Request, visitor: VisitorDep) -> Response:
    """Skip one tick, or let it run after all, and go back to the list."""
    form = await read_form(request)
    done = "release" if form.get("release") else "hold"
    uuid, _separator, written = form.get(done, "").partition(" ")
    await hold_or_release(visitor, uuid, done, written)
    return RedirectResponse(ShownPart.of(form).path(done), 303)


async def hold_or_release(visitor: Visitor, uuid: str, done: str, tick: str) -> None:
    """Have one tick of a heartbeat or task skipped, or with `done` of `release` run after all."""
    change = _held if done == "hold" else _released
    await visitor.write(_changed, uuid, change, _tick(tick), visitor.now())


Change = Callable[[Connection, Access, datetime, datetime], object]


def _changed(connection: Connection, access: Access, uuid: str, change: Change, tick: datetime, now: datetime) -> None:
    heartbeat, bot = any_and_bot(connection, access.project, uuid)
    change(connection, access.narrowed(bot, heartbeat), tick, now)


def _held(connection: Connection, access: Access, tick: datetime, now: datetime) -> None:
    hold_tick(connection, access, tick, now)


def _released(connection: Connection, access: Access, tick: datetime, now: datetime) -> None:
    release_tick(connection, access, tick, now)


def _tick(written: str) -> datetime:
    try:
        return TIME.validate_python(written)
    except ValidationError:
        raise Invalid("tick", "must be an instant with its offset") from None
