"""A project as its owner would have made it, written by the product's own store."""

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, update

from heartbeat.settings import Plan
from heartbeat.store.bots.bots import create_bot
from heartbeat.store.heartbeats.configure import ConfigureRequest, configure
from heartbeat.store.projects.access import Access
from heartbeat.store.projects.projects import create_key, create_project
from heartbeat.store.rows import columns
from heartbeat.store.tables.bots import Bot
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.projects import Project

HEARTBEAT = columns(Heartbeat)


@dataclass(frozen=True)
class Tenant:
    """One project with its key, one bot and its heartbeats, each due at midnight."""

    project: Project
    key: str
    bot: Bot
    heartbeats: list[Heartbeat]

    @property
    def headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.key}"}

    def names(self, heartbeat: Heartbeat) -> dict[str, str]:
        """How a request names one of the heartbeats."""
        return {"project_id": self.project.uuid, "bot_id": self.bot.uuid, "heartbeat_id": heartbeat.uuid}


def seed(connection: Connection, heartbeats: int) -> Tenant:
    """Make a tenant. Its rows count as followed: where there is a Temporal, the house makes their schedules."""
    now = datetime.now(UTC)
    project = create_project(connection, "Bench", now)
    key = create_key(connection, project, "bench", now).secret
    fields = {"name": "Bench", "model": "openai:instant", "instruction": "Be brief.", "heartbeat": True}
    access = Access(project, Plan())
    bot = create_bot(connection, access, fields, now)
    requests = [
        ConfigureRequest({"prompt": f"Check queue {number}.", "cron_pattern": "0 0 * * *"}, enabled=True)
        for number in range(heartbeats)
    ]
    made = [configure(connection, access.narrowed(bot), request, now) for request in requests]
    connection.execute(update(HEARTBEAT).values(synced_version=HEARTBEAT.c.version))
    return Tenant(project, key, bot, made)
