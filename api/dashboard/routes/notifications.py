"""The page of notifications: where messages go, what was sent, and a message to try a target with."""

from dataclasses import dataclass

from fastapi import APIRouter
from sqlalchemy import Connection
from starlette.responses import Response

from api.dashboard.pages import PageRoute, VisitorDep, html, page_of, page_url
from api.dashboard.translations import marked
from api.dashboard.views import heartbeats, runs
from api.dashboard.views.notifications import notification_view, target_view
from api.dashboard.views.target_form import owner_value
from heartbeat.notifications.delivery import send_test_message
from heartbeat.secrets.keyring import Keyring
from heartbeat.store.notifications import targets as store
from heartbeat.store.overview.projects import any_and_bot
from heartbeat.store.pages import Page
from heartbeat.store.projects.access import Access
from heartbeat.store.tables.heartbeats import Heartbeat

router = APIRouter(prefix="/notifications", route_class=PageRoute, include_in_schema=False)

MESSAGES_A_PAGE = 20
NOTICES = {
    "added": marked("The target was added; it is told what happens from now on."),
    "changed": marked("The target was changed."),
    "on": marked("Messages are sent there again."),
    "off": marked("Nothing is sent there any more."),
    "deleted": marked("The target was deleted."),
}


@dataclass(frozen=True)
class NotificationLists:
    """Targets, what went wrong with each last, and messages; of one heartbeat alone if there is one."""

    targets: list[store.ListedTarget]
    troubles: dict[int, str]
    notifications: list[store.ListedNotification]
    total: int
    heartbeat: Heartbeat | None
    owner: str = ""


@router.get("")
async def notifications_page(visitor: VisitorDep, page: str = "1", heartbeat: str = "", done: str = "") -> Response:
    """What the project, or one heartbeat of it, told whom."""
    now, current = visitor.now(), page_of(page, MESSAGES_A_PAGE)
    frame, lists = await visitor.read_framed(_lists, heartbeat, current)
    path = f"/notifications?heartbeat={lists.heartbeat.uuid}" if lists.heartbeat else "/notifications"
    return html(
        "notifications",
        frame=frame,
        refresh=page_url(path, current),
        path=path,
        targets=[target_view(listed, lists.troubles.get(listed.target.id)) for listed in lists.targets],
        messages=[notification_view(listed, now) for listed in lists.notifications],
        pages=runs.pages(current, lists.total),
        title=heartbeats.title(lists.heartbeat) if lists.heartbeat else None,
        place=heartbeats.page_path(lists.heartbeat) if lists.heartbeat else None,
        owner=lists.owner,
        done=NOTICES.get(done),
    )


def _lists(connection: Connection, access: Access, heartbeat_uuid: str, page: Page) -> NotificationLists:
    heartbeat, equal, owner = None, {}, ""
    if heartbeat_uuid:
        heartbeat, bot = any_and_bot(connection, access.project, heartbeat_uuid)
        equal, owner = {"heartbeat": heartbeat.uuid}, owner_value(bot, heartbeat)
    notifications, total = store.notifications(connection, access, equal, page)
    targets, _ = store.targets(connection, access, Page(1, store.MAX_TARGETS))
    troubles = store.last_errors(connection, access) if targets else {}
    return NotificationLists(targets, troubles, notifications, total, heartbeat, owner)


@router.post("/targets/{uuid}/test")
async def test(uuid: str, visitor: VisitorDep) -> Response:
    """Send one message now, and say what came of it on a page of its own."""
    settings = visitor.stack.settings
    frame, listed = await visitor.read_framed(store.target, uuid)
    keyring = Keyring.from_settings(settings)
    outcome = await send_test_message(listed.target, keyring, settings, "from the dashboard", visitor.now())
    if outcome.config_changes:
        await visitor.write(store.follow_receiver, uuid, outcome.config_changes, visitor.now())
    return html("tried", frame=frame, target=target_view(listed, None), error=outcome.error)
