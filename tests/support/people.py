"""People of a project, each with a password and a browser of their own."""

from datetime import UTC, datetime

from sqlalchemy import Connection

from heartbeat.store.database.database import Database
from heartbeat.store.tables.projects import Project
from heartbeat.store.users.invitations import invite
from heartbeat.store.users.memberships import set_member
from heartbeat.store.users.users import create_user, user_by_email
from tests.support.dashboard import Browser

PASSWORD = "correct horse battery"


async def invited(database: Database, project: Project, email: str, role: str = "admin") -> str:
    """Invite somebody and return the link's token."""
    made = await database.write(invite, project, email, role, "the test", datetime.now(UTC))
    return made.token


async def signed_up(browser: Browser, database: Database, project: Project, email: str, role: str = "admin") -> None:
    """Have somebody take an invitation in this browser."""
    token = await invited(database, project, email, role)
    name = email.partition("@")[0].title()
    answer = await browser.submit("/join", token=token, name=name, password=PASSWORD)
    assert (answer.status_code, answer.headers.get("location")) == (303, "/"), answer.text


def a_member(connection: Connection, project: Project, email: str, role: str, name: str = "Bob") -> None:
    """Make somebody a member, who has an account or gets one without a password."""
    now = datetime.now(UTC)
    user = user_by_email(connection, email) or create_user(connection, email, name, now)
    assert user is not None
    set_member(connection, user, project, role, now)
