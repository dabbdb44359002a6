"""A project with a bot and heartbeats, written by the product's own store."""

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, update

from heartbeat.domain.plans import Plan
from heartbeat.store.bots.bots import create_bot
from heartbeat.store.database.rows import columns
from heartbeat.store.heartbeats.configure import ConfigureRequest, configure
from heartbeat.store.projects.access import Access
from heartbeat.store.projects.projects import create_key, create_project
from heartbeat.store.tables.bots import Bot
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.projects import Project

HEARTBEAT = columns(Heartbeat)


@dataclass(frozen=True)
class Tenant:
    """One project with its key, one bot and its heartbeats."""

    project: Project
    key: str
    bot: Bot
    heartbeats: list[Heartbeat]

    @property
    def access(self) -> Access:
        return Access(self.project, Plan()).narrowed(self.bot)

    @property
    def headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.key}"}

    def ids(self, heartbeat: Heartbeat) -> dict[str, str]:
        """Build the ids by which a request names one of the heartbeats."""
        return {"project_id": self.project.uuid, "bot_id": self.bot.uuid, "heartbeat_id": heartbeat.uuid}


def seed(connection: Connection, heartbeats: int, prompt: str = "Check queue {}.", cron: str = "0 0 * * *") -> Tenant:
    """Insert a tenant. Its rows count as synced; `RunningStack` creates their schedules."""
    now = datetime.now(UTC)
    project = create_project(connection, "Bench", now)
    key = create_key(connection, project, "bench", now).secret
    fields = {"name": "Bench", "model": "openai:instant", "instruction": "Be brief.", "heartbeat": True}
    access = Access(project, Plan())
    bot = create_bot(connection, access, fields, now)
    requests = [
        ConfigureRequest({"prompt": prompt.format(number), "cron_pattern": cron}, enabled=True)
        for number in range(heartbeats)
    ]
    rows = [configure(connection, access.narrowed(bot), request, now) for request in requests]
    connection.execute(update(HEARTBEAT).values(synced_version=HEARTBEAT.c.version))
    return Tenant(project, key, bot, rows)
