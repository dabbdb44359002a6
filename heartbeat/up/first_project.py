"""The first project and its key, so that a fresh database can be used at once."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from heartbeat.secrets.key_hashes import KeyHashes
from heartbeat.settings import Settings
from heartbeat.store.projects.projects import create_key, create_project, project_of_key, projects


@dataclass(frozen=True)
class FirstProject:
    """A project just made; `secret` is set when its key was made up here: this is the only time it can be shown."""

    project_uuid: str
    secret: str | None


def create_first_project(connection: Connection, settings: Settings, now: datetime) -> FirstProject | None:
    """Create the project and key of the settings, else new ones; `None` when the database has a project already."""
    if projects(connection):
        return None
    project = create_project(connection, "First project", now, uuid=settings.project_id)
    chosen = settings.api_key.get_secret_value() if settings.api_key else None
    secret = KeyHashes.from_settings(settings).make(chosen)
    key = create_key(connection, project, "First key", now, secret=secret)
    return FirstProject(project.uuid, None if chosen else key.secret)


def has_unknown_key(connection: Connection, settings: Settings, now: datetime) -> bool:
    """Tell whether the settings name a key that opens no project: they name one for the first start only."""
    if settings.api_key is None:
        return False
    hashes = KeyHashes.from_settings(settings).all(settings.api_key.get_secret_value())
    return project_of_key(connection, hashes, now) is None
