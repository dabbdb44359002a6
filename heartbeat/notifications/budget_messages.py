"""The events of budgets and of costly runs in words."""

from datetime import datetime
from typing import Any

from heartbeat.domain.budgets import LEVELS, USED_UP
from heartbeat.notifications.rendered import Rendered, heartbeat_name
from heartbeat.store.notifications.outbox import MessagePart

USED_BUDGETS = {
    "heartbeat": "{} % of its budget is used",
    "bot": "{} % of the bot's budget is used",
    "project": "{} % of the project's budget is used",
    "plan": "{} % of the plan's credits are used",
}
SPENT_BUDGETS = {
    "heartbeat": "its budget is used up",
    "bot": "the bot's budget is used up",
    "project": "the project's budget is used up",
    "plan": "the plan's credits are used up",
}
RAISE = "Nothing more runs until then, unless somebody raises it."


def costly(part: MessagePart, data: dict[str, Any]) -> Rendered:
    spent, runs, usual = data["credits"], data["runs"], f"{data['usual']:g}"
    times = f"{data['credits'] / data['usual']:.1f}"
    title = f"{heartbeat_name(part)}: a run cost {spent} credits, {times} times as much as usual"
    body = f"The {runs} runs before it cost {usual} credits at the median."
    # Of an earlier version, an event says nothing of it; some models have no known price.
    cost = data.get("cost_usd", "0")
    charge = f"Providers charge ${cost} for it."
    return Rendered(title, body if cost == "0" else f"{body}\n{charge}", "normal")


def budget_threshold(part: MessagePart, data: dict[str, Any]) -> Rendered:
    owner, budget, left = data["owner"], data["budget"], data["budget"] - data["used"]
    name, end = _subject(part), _day(data["period_ends_at"])
    body = f"{left} of {budget} credits are left for the billing period that ends on {end} (UTC)."
    if data["level"] == USED_UP:
        return Rendered(f"{name}: {SPENT_BUDGETS[owner]}", f"{body}\n{RAISE}", "urgent")
    day = data["spent_on"] and _day(data["spent_on"])
    rest = f"At this rate they are used up on {day} (UTC)." if day else "At this rate they last until then."
    used = USED_BUDGETS[owner].format(data["level"])
    return Rendered(f"{name}: {used}", f"{body}\n{rest}", "low" if data["level"] == LEVELS[0] else "normal")


def credits_named(data: dict[str, Any]) -> int | None:
    """The credits that an event is about: what is used of a budget, what a run cost, or what one waits for."""
    named: int | None = data["used"] if "used" in data else data.get("credits")
    return named


def with_price(rendered: Rendered, data: dict[str, Any], price: str) -> Rendered:
    """Say what the credits that it is about cost, too."""
    worth = f"{credits_named(data)} credits are {price}."
    return rendered._replace(body=f"{rendered.body}\n{worth}")


def _subject(part: MessagePart) -> str:
    """Whose budget it is: the project's name, the bot's or the heartbeat's."""
    name: str | None = part.event.data["name"]
    return name or (part.bot.name if part.event.data["owner"] == "bot" else heartbeat_name(part))


def _day(instant: str) -> str:
    return f"{datetime.fromisoformat(instant):%Y-%m-%d}"
