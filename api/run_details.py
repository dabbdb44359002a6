"""One run as it is shown whole: its log, its steps, and every request it made to a provider."""

from typing import Any

from sqlalchemy import Connection

from api.schemas.runs import show_attempt, show_head, show_opening, show_step
from heartbeat.settings import Settings
from heartbeat.store.projects.access import Access
from heartbeat.store.runs import details


def run_object(connection: Connection, access: Access, run_uuid: str, settings: Settings) -> dict[str, Any]:
    """Read the `RunObject` of a run of the bot that is named; raises `NotFound`."""
    run = details.log(connection, access.bot.id, run_uuid)
    charged = details.charged(connection, run.id)
    steps = [show_step(step, charged.get(step.number, 0), settings) for step in details.steps(connection, run.id)]
    attempts = [show_attempt(attempt) for attempt in details.attempts(connection, run.id)]
    return {**show_head(run, settings), **show_opening(run), "steps": steps, "attempts": attempts}
