"""The numbers of a project, day by day, and the strip of one heartbeat's last runs."""

from datetime import datetime

from fastapi import APIRouter
from sqlalchemy import Connection
from starlette.responses import Response

from api.dashboard.pages import PageRoute, html
from api.dashboard.views import charts
from api.dashboard.views.quality import MIN_DAYS, share_tiles
from api.dashboard.views.strips import LastRuns, read_strips, strip
from api.dashboard.visitor import VisitorDep
from heartbeat.store.overview.daily_numbers import Days, days_of_project
from heartbeat.store.overview.projects import any_and_bot
from heartbeat.store.projects.access import Access
from heartbeat.store.tables.heartbeats import Heartbeat

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/stats")
async def stats_page(visitor: VisitorDep, days: str = "") -> Response:
    """Runs, credits, money and durations of all bots, against the period before."""
    count = charts.period_of(days)
    frame, numbers = await visitor.read_framed(_days, count, visitor.now())
    return html(
        "stats",
        frame=frame,
        refresh=charts.page_path("/stats", days),
        panel=charts.panel(numbers, count, "/stats", {}),
        shares=share_tiles(numbers),
    )


@router.get("/strips/{uuid}")
async def strip_part(uuid: str, visitor: VisitorDep) -> Response:
    """The last runs of a heartbeat or a task, each a link: what a long list fetches when it is pointed at."""
    heartbeat, runs = await visitor.read(_strip, uuid)
    return html("strip", strip=strip(heartbeat, runs, visitor.now()))


def _days(connection: Connection, access: Access, days: int, now: datetime) -> Days:
    return days_of_project(connection, access.project, now.date(), max(2 * days, MIN_DAYS))


def _strip(connection: Connection, access: Access, uuid: str) -> tuple[Heartbeat, LastRuns]:
    heartbeat, _ = any_and_bot(connection, access.project, uuid)
    return heartbeat, read_strips(connection, [heartbeat])
