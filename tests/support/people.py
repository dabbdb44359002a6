"""People of a project, each with a password and a browser of their own."""

from datetime import UTC, datetime

from heartbeat.store.database.database import Database
from heartbeat.store.tables.projects import Project
from heartbeat.store.users.invitations import invite
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
