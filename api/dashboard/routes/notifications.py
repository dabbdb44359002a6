"""The page of notifications: where messages go, what was sent, and a message to try a target with."""

from dataclasses import dataclass

from fastapi import APIRouter, Request
from sqlalchemy import Connection
from starlette.responses import Response

from api.dashboard.forms import Form
from api.dashboard.pages import PageRoute, html, key_of, list_filter
from api.dashboard.translations import gettext as _
from api.dashboard.translations import marked, translated
from api.dashboard.views import heartbeats, selection
from api.dashboard.views.notifications import notification_view, target_view
from api.dashboard.views.target_form import owner_value
from api.dashboard.visitor import VisitorDep
from heartbeat.notifications.delivery import send_test_message
from heartbeat.secrets.keyring import Keyring
from heartbeat.store.database.pages import ListFilter, Page
from heartbeat.store.notifications import targets as store
from heartbeat.store.overview.messages import MessagePage, message_page
from heartbeat.store.overview.projects import any_and_bot
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
    page: MessagePage
    heartbeat: Heartbeat | None
    owner: str = ""


@router.get("")
async def notifications_page(
    request: Request, visitor: VisitorDep, before: str = "", heartbeat: str = "", done: str = ""
) -> Response:
    """What the project, or one heartbeat of it, told whom."""
    form, now = Form(request.query_params.multi_items()), visitor.now()
    wanted = list_filter(form, store.SHOWN)
    frame, lists = await visitor.read_framed(_lists, heartbeat, wanted, key_of(before))
    of_heartbeat = f"/notifications?heartbeat={lists.heartbeat.uuid}" if lists.heartbeat else ""
    path = of_heartbeat or selection.list_path("targets", form)
    return html(
        "notifications",
        frame=frame,
        # An older page has nothing new.
        refresh=None if before else path,
        path=path,
        targets=[target_view(listed, lists.troubles.get(listed.target.id)) for listed in lists.targets],
        messages=[notification_view(listed, now) for listed in lists.page.messages],
        older=lists.page.older,
        is_first=not before,
        title=heartbeats.title(lists.heartbeat) if lists.heartbeat else None,
        place=heartbeats.page_path(lists.heartbeat) if lists.heartbeat else None,
        owner=lists.owner,
        form=form,
        shows=translated(selection.SHOW_TARGETS.items()),
        bar=selection.selection_bar("targets", form),
        found=len(lists.targets),
        done=selection.notice("targets", form) or (_(NOTICES[done]) if done in NOTICES else None),
    )


def _lists(
    connection: Connection, access: Access, heartbeat_uuid: str, wanted: ListFilter, before: int
) -> NotificationLists:
    heartbeat, owner = None, ""
    if heartbeat_uuid:
        heartbeat, bot = any_and_bot(connection, access.project, heartbeat_uuid)
        owner = owner_value(bot, heartbeat)
    page = message_page(connection, access.project, heartbeat, before, MESSAGES_A_PAGE)
    targets, _ = store.targets(connection, access, Page(1, store.MAX_TARGETS), wanted)
    troubles = store.last_errors(connection, access) if targets else {}
    return NotificationLists(targets, troubles, page, heartbeat, owner)


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
