"""The page of members: invite somebody, give another role, remove somebody."""

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from sqlalchemy import Connection
from starlette.responses import RedirectResponse, Response

from api.dashboard.forms import Form, field_errors, read_form, refusal
from api.dashboard.pages import PageRoute, html, list_filter, page_of
from api.dashboard.translations import gettext as _
from api.dashboard.translations import marked, translated
from api.dashboard.views import formats, runs
from api.dashboard.views.keys import PRESET_NAMES, PRESETS
from api.dashboard.visitor import Visitor, VisitorDep
from heartbeat.domain.errors import ProductError
from heartbeat.domain.people import MEMBER_ROLES
from heartbeat.store.database.pages import ListFilter, Page
from heartbeat.store.projects.access import Access
from heartbeat.store.tables.users import ProjectInvitation
from heartbeat.store.users import invitations, memberships
from heartbeat.tool_servers.links import public_url

router = APIRouter(prefix="/members", route_class=PageRoute, include_in_schema=False)

MEMBERS_A_PAGE = 50
NOTICES = {
    "role": marked("The role was changed. The member has to sign in again."),
    "removed": marked("The member was removed, and is signed out of this project."),
    "withdrawn": marked("The invitation opens nothing any more."),
}


@dataclass(frozen=True)
class MemberRows:
    """The members of a page, how many there are in all, and the invitations that nobody has used yet."""

    members: list[memberships.Member]
    total: int
    invited: list[ProjectInvitation]


@router.get("")
async def members_page(request: Request, visitor: VisitorDep) -> Response:
    """Everybody who may do something in the project, and who is invited."""
    return await _page(visitor, Form(request.query_params.multi_items()))


@router.post("")
async def invite(request: Request, visitor: VisitorDep) -> Response:
    """Invite somebody, and show the link this once."""
    form = await read_form(request)
    try:
        made = await visitor.write(_invite, form.get("email"), form.get("role"), visitor.now())
    except ProductError as problem:
        return await _page(visitor, Form(), form, refusal(problem))
    link = f"{public_url(visitor.stack.settings)}/join?token={made.token}"
    return html("member_invited", frame=await visitor.frame(), email=made.row.email, link=link)


@router.post("/{uuid}/role")
async def change_role(uuid: str, request: Request, visitor: VisitorDep) -> Response:
    """Give a member another role; their sessions of the project end."""
    form = await read_form(request)
    await visitor.write(_change_role, uuid, form.get("role"))
    return RedirectResponse("/members?done=role", 303)


@router.get("/{uuid}/remove")
async def remove_page(uuid: str, visitor: VisitorDep) -> Response:
    """Ask whether a member is to be removed; of oneself all the more."""
    frame, member = await visitor.read_framed(_member, uuid)
    return html(
        "question",
        frame=frame,
        place="/members",
        title=_("Remove %(name)s?") % {"name": formats.isolated(member.user.name)},
        text=" ".join(_consequences(member, visitor)),
        action=f"/members/{member.user.uuid}/remove",
        button=_("Remove from the project"),
        back="/members",
    )


@router.post("/{uuid}/remove")
async def remove(uuid: str, visitor: VisitorDep) -> Response:
    """Remove a member; their sessions of the project end."""
    await visitor.write(_remove, uuid)
    return RedirectResponse("/members?done=removed", 303)


@router.post("/{uuid}/withdraw")
async def withdraw(uuid: str, visitor: VisitorDep) -> Response:
    """Make an invitation useless."""
    await visitor.write(_withdraw, uuid)
    return RedirectResponse("/members?done=withdrawn", 303)


async def _page(
    visitor: Visitor, form: Form, typed: Form | None = None, problem: ProductError | None = None
) -> Response:
    current, done = page_of(form.get("page", "1"), MEMBERS_A_PAGE), form.get("done")
    filtered, names = urlencode(form.filled("q", "show")), translated(PRESET_NAMES.items())
    frame, rows = await visitor.read_framed(_listed, list_filter(form, MEMBER_ROLES), visitor.now(), current)
    return html(
        "members",
        400 if problem else 200,
        frame=frame,
        members=rows.members,
        invited=rows.invited,
        own=visitor.user_uuid,
        form=form,
        path=f"/members?{filtered}" if filtered else "/members",
        names=names,
        role_names=dict(names),
        roles=translated(PRESETS.items()),
        pages=runs.pages(current, rows.total),
        typed=typed or Form([("role", "viewer")]),
        errors=field_errors(problem) if problem else {},
        done=_(NOTICES[done]) if done in NOTICES else None,
    )


def _consequences(member: memberships.Member, visitor: Visitor) -> list[str]:
    said = [_("Whoever is removed is signed out of this project and sees nothing of it any more. What they did stays.")]
    if member.user.uuid == visitor.user_uuid:
        said.insert(0, _("This is you."))
    if member.membership.role == memberships.ADMIN:
        said.append(_("Invitations of theirs that nobody has used yet end, too."))
    if member.membership.source == memberships.GROUP:
        said.append(_("A group gives them their role: they come back when they sign in, unless they leave it first."))
    return said


def _member(connection: Connection, access: Access, uuid: str) -> memberships.Member:
    return memberships.member_of(connection, access.project, uuid)


def _listed(connection: Connection, access: Access, wanted: ListFilter, now: datetime, page: Page) -> MemberRows:
    members, total = memberships.member_page(connection, access.project, wanted, page)
    return MemberRows(members, total, invitations.invitations(connection, access.project, now))


def _invite(connection: Connection, access: Access, email: str, role: str, now: datetime) -> invitations.NewInvitation:
    return invitations.invite(connection, access.project, email, role, access.actor.words, now)


def _change_role(connection: Connection, access: Access, uuid: str, role: str) -> None:
    memberships.change_role(connection, access.project, uuid, role)


def _remove(connection: Connection, access: Access, uuid: str) -> None:
    memberships.dismiss(connection, access.project, uuid)


def _withdraw(connection: Connection, access: Access, uuid: str) -> None:
    invitations.withdraw(connection, access.project, uuid)
