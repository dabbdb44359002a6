"""The page of notifications: where messages go, what was sent, and a message to try a target with."""

from dataclasses import dataclass

from fastapi import APIRouter
from sqlalchemy import Connection
from starlette.responses import Response

from api.dashboard.pages import PageRoute, VisitorDep, address, html, which_page
from api.dashboard.views import heartbeats, runs
from api.dashboard.views.notifications import place, sent
from api.deps import utc_now
from heartbeat.notifications.delivery import try_out
from heartbeat.secrets.keyring import Keyring
from heartbeat.store.notifications import targets as store
from heartbeat.store.overview import projects
from heartbeat.store.pages import Page
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.projects import Project

router = APIRouter(prefix="/notifications", route_class=PageRoute, include_in_schema=False)

MESSAGES_A_PAGE = 20


@dataclass(frozen=True)
class NotificationLists:
    """Targets, what went wrong with each last, and messages; of one heartbeat alone if there is one."""

    targets: list[store.ListedTarget]
    troubles: dict[int, str]
    told: list[store.ListedNotification]
    total: int
    heartbeat: Heartbeat | None


@router.get("")
async def notifications_page(visiting: VisitorDep, page: str = "1", heartbeat: str = "") -> Response:
    """What the project, or one heartbeat of it, told whom."""
    now, wanted = utc_now(), which_page(page, MESSAGES_A_PAGE)
    frame, seen = await visiting.read_framed(lambda connection, project: _lists(connection, project, heartbeat, wanted))
    of = f"?heartbeat={seen.heartbeat.uuid}" if seen.heartbeat else ""
    return html(
        "notifications",
        frame=frame,
        refresh=address(f"/notifications{of}", wanted),
        here=f"/notifications{of}",
        places=[place(one, seen.troubles.get(one.target.id)) for one in seen.targets],
        messages=[sent(one, now) for one in seen.told],
        pages=runs.pages(wanted, seen.total),
        title=heartbeats.title(seen.heartbeat) if seen.heartbeat else None,
        place=heartbeats.place(seen.heartbeat) if seen.heartbeat else None,
    )


def _lists(connection: Connection, project: Project, uuid: str, page: Page) -> NotificationLists:
    row, equal = None, {}
    if uuid:
        row, _ = projects.any_and_bot(connection, project, uuid)
        equal = {"heartbeat": row.uuid}
    told, total = store.notifications(connection, project, None, equal, page)
    listed, _ = store.targets(connection, project, None, Page(1, store.MOST_TARGETS))
    return NotificationLists(listed, store.troubles(connection, project) if listed else {}, told, total, row)


@router.post("/targets/{uuid}/test")
async def test(uuid: str, visiting: VisitorDep) -> Response:
    """Send one message now, and say what came of it on a page of its own."""
    settings = visiting.stack.settings
    frame, listed = await visiting.read_framed(lambda connection, project: store.target(connection, project, uuid))
    outcome = await try_out(listed.target, Keyring.from_settings(settings), settings, "from the dashboard")
    return html("tried", frame=frame, target=place(listed, None), error=outcome.error)
