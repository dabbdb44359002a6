"""The form of a bot: what was typed, made into the API's requests, and a row made into what is typed.

The published fields that mean nothing here are not in it; they stay as they are.
"""

from typing import Any

from api.dashboard.edited_meanwhile import YES_NO, EditedField, with_loaded
from api.dashboard.forms import Form, number_text
from api.dashboard.heartbeat_form import OTHER_MODEL
from api.dashboard.translations import marked
from heartbeat.agents.model_offers import ModelOffer
from heartbeat.store.tables.bots import Bot

FIELDS = {
    "name": EditedField(marked("Name")),
    "instruction": EditedField(marked("Instruction")),
    "model": EditedField(marked("Model"), parts=("model", "model_other")),
    "max_reply_tokens": EditedField(marked("Most tokens of one answer")),
    "credit_budget": EditedField(marked("Budget in credits")),
    "heartbeat": EditedField(marked("It may have heartbeats"), YES_NO),
    "status": EditedField(marked("It is active"), YES_NO),
    "memory": EditedField(marked("It remembers"), YES_NO),
    "tasks": EditedField(marked("It may make tasks"), YES_NO),
}
FLAGS = ("status", "heartbeat", "memory", "tasks")
NEW = Form([("status", "1"), ("heartbeat", "1"), ("memory", "1")])


def values_of(form: Form) -> dict[str, Any]:
    """Return the body of a create or an update."""
    model = form.get("model")
    return {
        "name": form.get("name"),
        "model": form.get("model_other") if model == OTHER_MODEL else model,
        "instruction": form.get("instruction"),
        "max_reply_tokens": form.get("max_reply_tokens"),
        "credit_budget": form.get("credit_budget"),
        **{name: "1" if form.get(name) == "1" else "0" for name in FLAGS},
    }


def saved_values(bot: Bot) -> dict[str, str]:
    """Return what is saved, as `values_of` returns what is typed."""
    flags = _flags(bot)
    return {
        "name": bot.name,
        "model": bot.model or "",
        "instruction": bot.instruction.strip(),
        "max_reply_tokens": str(bot.max_reply_tokens or ""),
        "credit_budget": number_text(bot.credit_budget),
        **{name: "1" if flags[name] else "0" for name in FLAGS},
    }


def form_of(bot: Bot, offers: list[ModelOffer]) -> Form:
    """Return the form of a bot as it is; a model that is not among the `offers` is typed by its name."""
    # The first one is the default, which a bot has by naming none.
    offered = bot.model in ("", None, *(offer.name for offer in offers[1:]))
    flags = _flags(bot)
    form = Form(
        [
            ("name", bot.name),
            ("model", (bot.model or "") if offered else OTHER_MODEL),
            ("model_other", "" if offered else bot.model or ""),
            ("instruction", bot.instruction),
            ("max_reply_tokens", str(bot.max_reply_tokens or "")),
            ("credit_budget", number_text(bot.credit_budget)),
            *((name, "1") for name in FLAGS if flags[name]),
        ]
    )
    return with_loaded(form, saved_values(bot))


def _flags(bot: Bot) -> dict[str, Any]:
    attributes = {name: bot.attributes.get(name) for name in FLAGS}
    return attributes | {"status": bot.status, "heartbeat": bot.heartbeat}
