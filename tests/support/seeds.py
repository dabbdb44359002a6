"""Rows for tests: a project, its bots and their heartbeats, written straight into the store."""

from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, select

from heartbeat.domain.ids import new_id
from heartbeat.domain.plans import Plan
from heartbeat.store.database.rows import columns, exactly_one, insert
from heartbeat.store.projects.access import Access
from heartbeat.store.projects.projects import create_project
from heartbeat.store.tables.bots import Bot
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.projects import Project

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
# Far enough away that no schedule fires while a test looks.
YEARLY = "0 0 1 1 *"


def a_project(connection: Connection, **values: Any) -> Project:
    return create_project(connection, values.pop("name", "Acme"), values.pop("now", NOW), **values)


def a_bot(connection: Connection, project: Project, **values: Any) -> Bot:
    row = {
        "uuid": new_id("bot"),
        "project_id": project.id,
        "name": "Support desk",
        "model": "openai:scripted",
        "instruction": "Be brief.",
        "status": True,
        "heartbeat": True,
        "attributes": {"memory": 1, "tasks": 1},
        "created_at": NOW,
        "updated_at": NOW,
    } | values
    return exactly_one(connection, Bot, insert(connection, columns(Bot)).values(row).returning(columns(Bot)))


def access_to(connection: Connection, bot: Bot, heartbeat: Heartbeat | None = None) -> Access:
    """What a key of the bot's project opens, on a plan without limits."""
    table = columns(Project)
    project = exactly_one(connection, Project, select(table).where(table.c.id == bot.project_id))
    return Access(project, Plan()).narrowed(bot, heartbeat)


def a_heartbeat(connection: Connection, bot: Bot, **values: Any) -> Heartbeat:
    counters = ("error_count", "total_error_count", "success_count", "skipped_count", "cancelled_count")
    prompt = values.get("prompt", "Check the queue.")
    row = {
        "uuid": new_id("hb"),
        "project_id": bot.project_id,
        "bot_id": bot.id,
        "prompt": prompt,
        "prompt_hash": sha256(prompt.encode()).hexdigest(),
        "cron_pattern": "* * * * *" if "interval_minutes" not in values else None,
        "anchor_at": NOW,
        "timezone": "UTC",
        "enabled": True,
        "max_consecutive_errors": 5,
        "period_credits": 0,
        "catch_up": "once",
        "jitter_seconds": 0,
        "accounted_until": NOW,
        "missed_count": 0,
        "version": 1,
        "synced_version": 0,
        "created_at": NOW,
        "updated_at": NOW,
        **dict.fromkeys(counters, 0),
    } | values
    return exactly_one(
        connection, Heartbeat, insert(connection, columns(Heartbeat)).values(row).returning(columns(Heartbeat))
    )


def heartbeat_row(connection: Connection, uuid: str) -> Heartbeat:
    table = columns(Heartbeat)
    return exactly_one(connection, Heartbeat, select(table).where(table.c.uuid == uuid))
