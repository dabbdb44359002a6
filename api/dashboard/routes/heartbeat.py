"""One heartbeat, its numbers and its runs."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from fastapi import APIRouter
from sqlalchemy import Connection
from starlette.responses import Response

from api.dashboard.pages import PageRoute, html, page_of, page_url
from api.dashboard.translations import gettext as _
from api.dashboard.translations import marked
from api.dashboard.views import charts, heartbeats, runs
from api.dashboard.views.findings import finding_view
from api.dashboard.views.formats import moment
from api.dashboard.views.gates import gate_card
from api.dashboard.views.quality import MIN_DAYS, share_tiles
from api.dashboard.views.run_list import RunList, run_line, runs_of
from api.dashboard.visitor import VisitorDep
from heartbeat.store.database.pages import Page
from heartbeat.store.heartbeats.gates import readings_of
from heartbeat.store.heartbeats.held_ticks import held_of_all
from heartbeat.store.overview import projects, waiting
from heartbeat.store.overview.daily_numbers import Days, days_of_heartbeat
from heartbeat.store.projects.access import Access
from heartbeat.store.runs.rehearsals import rehearsals_of
from heartbeat.store.tables.bots import Bot
from heartbeat.store.tables.gates import GateReading
from heartbeat.store.tables.heartbeats import Heartbeat, HeldTick
from heartbeat.store.tables.runs import Run

router = APIRouter(route_class=PageRoute, include_in_schema=False)

RUNS_A_PAGE = 20
MAX_FINDINGS, MAX_REHEARSALS, MAX_LOOKS, MAX_HELD = 10, 5, 5, 5
NOTICES = {
    "run": marked("A run was started; it appears below in a moment."),
    "enable": marked("The heartbeat is on now."),
    "created": marked("The heartbeat was made. It is off: Enable switches it on."),
    "saved": marked("The heartbeat was saved."),
    "disable": marked("The heartbeat is off now."),
    "marked": marked("The finding was marked."),
}


@dataclass(frozen=True)
class HeartbeatRows:
    """A heartbeat as its page shows it."""

    heartbeat: Heartbeat
    bot: Bot
    runs: RunList
    rehearsals: list[Run]
    findings: list[waiting.OpenFindingRow]
    days: Days
    looks: list[GateReading]
    held: list[HeldTick]


@router.get("/heartbeats/{uuid}")
async def heartbeat_page(uuid: str, visitor: VisitorDep, page: str = "1", days: str = "", done: str = "") -> Response:
    """One heartbeat, its charts and its runs, newest first."""
    now, current = visitor.now(), page_of(page, RUNS_A_PAGE)
    count = charts.period_of(days)
    frame, rows = await visitor.read_framed(_heartbeat, uuid, current, count, now)
    heartbeat, settings, going = rows.heartbeat, visitor.stack.settings, rows.runs.going
    period = frame.project.period(now)
    running, path = going[0] if going else None, f"/heartbeats/{heartbeat.uuid}"
    return html(
        "heartbeat",
        frame=frame,
        refresh=page_url(charts.page_path(path, days), current),
        panel=charts.panel(rows.days, count, path, {"heartbeat_id": heartbeat.uuid}),
        shares=share_tiles(rows.days),
        card=heartbeats.card(heartbeat, rows.bot.name, period, now, running, [tick.tick for tick in rows.held]),
        held=[moment(tick.tick, ZoneInfo(heartbeat.timezone), now) for tick in rows.held[:MAX_HELD]],
        heartbeat=heartbeat,
        bot=rows.bot,
        lines=rows.runs.lines(heartbeat.timezone, now, settings),
        waits=rows.runs.waits,
        left_out=rows.runs.left_out,
        pages=runs.pages(current, rows.runs.total),
        rehearsals=[run_line(run, heartbeat.timezone, now, settings) for run in rows.rehearsals],
        findings=[finding_view(row, now) for row in rows.findings],
        gate=gate_card(heartbeat, rows.looks, now),
        done=_notice(done),
    )


def _notice(done: str) -> str | None:
    return _(NOTICES[done]) if done in NOTICES else None


def _heartbeat(
    connection: Connection, access: Access, uuid: str, page: Page, days: int, now: datetime
) -> HeartbeatRows:
    heartbeat, bot = projects.heartbeat_and_bot(connection, access.project, uuid)
    return HeartbeatRows(
        heartbeat,
        bot,
        runs_of(connection, heartbeat, page, now),
        rehearsals_of(connection, heartbeat, MAX_REHEARSALS) if page.number == 1 else [],
        waiting.findings_of_heartbeat(connection, heartbeat, MAX_FINDINGS),
        days_of_heartbeat(connection, heartbeat, now.date(), max(2 * days, MIN_DAYS)),
        readings_of(connection, heartbeat, MAX_LOOKS) if heartbeat.gate else [],
        held_of_all(connection, [heartbeat], now),
    )
