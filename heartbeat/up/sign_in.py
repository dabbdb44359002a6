"""A link that signs in once, for the person who started the stack, and their browser."""

import os
import sys
import webbrowser
from contextlib import closing
from threading import Thread

from sqlalchemy import Connection

from heartbeat.domain.actors import PRODUCT, Actor
from heartbeat.settings import Settings
from heartbeat.store.database.clock import database_time
from heartbeat.store.database.database import Database
from heartbeat.store.projects.projects import project, projects
from heartbeat.store.users.sign_in_links import NewLink, new_link

# What a desktop on Linux sets for its programs; elsewhere there is one.
DESKTOP = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")


def sign_in_url(
    settings: Settings, base_url: str, project_uuid: str | None = None, actor: Actor = PRODUCT
) -> str | None:
    """Make a link to sign in to this project, else to the oldest; `None` when it has no key that works.

    The audit log names `actor`.
    """
    with closing(Database(settings.store_url(), actor=actor)) as database:
        link = database.write_now(_link, project_uuid)
    return f"{base_url.rstrip('/')}/sign-in/once?token={link.token}" if link else None


def _link(connection: Connection, project_uuid: str | None) -> NewLink | None:
    chosen = project(connection, project_uuid) if project_uuid else next(iter(projects(connection)), None)
    return new_link(connection, chosen, database_time(connection)) if chosen else None


def open_browser(url: str) -> None:
    """Open the person's browser, where there is a desktop; nobody waits for it."""
    if sys.platform in ("darwin", "win32") or any(os.environ.get(name) for name in DESKTOP):
        Thread(target=webbrowser.open, args=(url,), daemon=True).start()
