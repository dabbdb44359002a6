"""What a bot and its project's plan allow. Asked whenever a heartbeat is configured, enabled or triggered."""

from collections.abc import Iterable

from heartbeat.domain.cadence.ticks import Cadence
from heartbeat.domain.errors import Forbidden, Invalid
from heartbeat.domain.plans import Plan
from heartbeat.store.tables.bots import Bot
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.projects import Project

MODEL_NOT_ALLOWED = "plan_model_not_allowed"


def require_heartbeats(project: Project, plan: Plan, bot: Bot) -> None:
    """Raises `Forbidden` unless the plan supports heartbeats and the bot's flag is on."""
    if not plan.heartbeats:
        raise Forbidden(
            "plan_heartbeats_not_supported",
            f"The plan {project.plan} does not support heartbeats; choose another plan.",
        )
    if not bot.heartbeat:
        raise Forbidden(
            "heartbeat_not_enabled",
            f"Heartbeats are not enabled for bot {bot.uuid}; set heartbeat to 1 with PUT /v1/bot/update first.",
        )


def require_room(project: Project, plan: Plan, heartbeats: int) -> None:
    """Raises `Forbidden` when a bot with so many heartbeats may have no further one."""
    if plan.heartbeats_per_bot is not None and heartbeats >= plan.heartbeats_per_bot:
        raise Forbidden(
            "plan_heartbeat_limit",
            f"The plan {project.plan} allows {plan.heartbeats_per_bot} heartbeats on a bot; delete one first.",
        )


def require_tasks(project: Project, plan: Plan, tasks: int) -> None:
    """Raises `Forbidden` when a bot on which so many scheduled tasks stand may have no further one."""
    if plan.tasks_per_bot is not None and tasks >= plan.tasks_per_bot:
        raise Forbidden(
            "plan_task_limit",
            f"The plan {project.plan} allows {plan.tasks_per_bot} scheduled tasks on a bot; cancel one first.",
        )


def require_models(project: Project, plan: Plan, names: Iterable[str | None]) -> None:
    """Raises `Forbidden` when the plan does not allow one of the models that are named; an empty name names none."""
    for name in names:
        if name and not plan.allows(name):
            raise Forbidden(MODEL_NOT_ALLOWED, model_refusal(project, plan, name))


def require_own_models(project: Project, plan: Plan, bot: Bot, heartbeat: Heartbeat) -> None:
    """Raises `Forbidden` when the plan does not allow a model that this heartbeat would ask."""
    require_models(project, plan, [heartbeat.model or bot.model, *heartbeat.fallback_models])


def model_refusal(project: Project, plan: Plan, model: str) -> str:
    """Say that the plan does not allow a model, and which ones it does."""
    allowed = ", ".join(plan.models or ())
    return f"The plan {project.plan} does not allow the model {model}; choose one of these: {allowed}."


def require_gap(project: Project, plan: Plan, cadence: Cadence) -> None:
    """Raises `Invalid` when two ticks may come closer together than the plan allows."""
    minutes = int(cadence.shortest_gap().total_seconds()) // 60
    if minutes < plan.min_interval_minutes:
        field = "interval_minutes" if cadence.cron_pattern is None else "cron_pattern"
        raise Invalid(
            field,
            f"runs every {minutes} minutes at its closest; the plan {project.plan} allows "
            f"{plan.min_interval_minutes} minutes or more",
        )
