"""The projects of a person, who turns from one to another."""

from fastapi import APIRouter, Request
from sqlalchemy import Connection
from starlette.responses import RedirectResponse, Response

from api.dashboard.pages import PageRoute, html
from api.dashboard.session import token_of
from api.dashboard.visitor import SignedOut
from api.deps import Stack, stack_of, visit_of
from heartbeat.domain.actors import Visit
from heartbeat.domain.errors import NotFound
from heartbeat.store.database.acting import act_as
from heartbeat.store.tables.projects import Project
from heartbeat.store.users.memberships import projects_of
from heartbeat.store.users.sessions import OpenSession, choose_project, open_session

router = APIRouter(prefix="/projects", route_class=PageRoute, include_in_schema=False)


@router.get("")
async def projects_page(request: Request) -> Response:
    """The projects that the person is a member of; a session of a key has one alone."""
    stack = stack_of(request)
    opened, own = await stack.database.read(_projects, token_of(request), stack)
    person = opened.user.email if opened.user else ""
    return html("projects", projects=own, now=opened.project, person=person)


@router.post("/{uuid}")
async def choose(uuid: str, request: Request) -> Response:
    """Have the session open another of the person's projects."""
    stack = stack_of(request)
    await stack.database.write(_choose, token_of(request), uuid, stack, visit_of(request))
    return RedirectResponse("/", 303)


def _projects(connection: Connection, token: str, stack: Stack) -> tuple[OpenSession, list[Project]]:
    opened = open_session(connection, token, stack.now()) if token else None
    if opened is None:
        raise SignedOut
    if opened.user is None:
        assert opened.project is not None
        return opened, [opened.project]
    return opened, projects_of(connection, opened.user.id)


def _choose(connection: Connection, token: str, uuid: str, stack: Stack, visit: Visit) -> None:
    opened, own = _projects(connection, token, stack)
    chosen = next((project for project in own if project.uuid == uuid), None)
    if chosen is None:
        raise NotFound("project", uuid[:64])
    if opened.user is not None:
        act_as(connection, opened.user.actor(visit))
        choose_project(connection, opened.session.uuid, chosen.id)
