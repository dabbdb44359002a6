"""The first project and its key, so that a fresh database can be used at once."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from heartbeat.settings import Settings
from heartbeat.store.projects.projects import create_key, create_project, project_of_key, projects


@dataclass(frozen=True)
class FirstKey:
    """`secret` is set when the key was made up here: this is the only time it can be shown."""

    project: str
    secret: str | None


def make_first(connection: Connection, settings: Settings, now: datetime) -> FirstKey | None:
    """Make the project and key of the settings, else new ones; `None` when the database has a project already."""
    if projects(connection):
        return None
    project = create_project(connection, "First project", now, uuid=settings.project_id)
    given = settings.api_key.get_secret_value() if settings.api_key else None
    made = create_key(connection, project, "First key", now, secret=given)
    return FirstKey(project.uuid, None if given else made.secret)


def opens_nothing(connection: Connection, settings: Settings) -> bool:
    """Whether the settings name a key that is no key here: they name one for the first start only."""
    return settings.api_key is not None and project_of_key(connection, settings.api_key.get_secret_value()) is None
