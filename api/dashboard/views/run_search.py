"""What the list of all runs shows: each run with its heartbeat, the place of the words, and the choices of the form."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from api.dashboard.translations import gettext as _
from api.dashboard.translations import marked
from api.dashboard.views import formats, heartbeats
from api.dashboard.views.credits import bot_title
from api.dashboard.views.run_list import run_line
from api.dashboard.views.runs import RunLine
from heartbeat.settings import Settings
from heartbeat.store.database.rows import built
from heartbeat.store.overview.run_filters import FilterChoices
from heartbeat.store.tables.heartbeats import Heartbeat

AROUND, OPTION = 70, 60
TRIGGER = {**formats.TRIGGER, "rehearsal": marked("Rehearsal")}
SKIPPED = {
    "overlap": marked("The run before was going"),
    "missed": marked("Nothing could run it"),
    "budget": marked("The budget was spent"),
    "plan": marked("The plan did not allow it"),
    "disabled_bot": marked("The bot was off"),
    "held": marked("A person had it skipped"),
    "needs_reconnect": marked("A tool had to be signed in to"),
    "unchanged": marked("Nothing new at its gate"),
    "gate_failed": marked("Its gate could not be read"),
}
# Where a word stands, in the order in which people would look for it.
PLACES = (("response", marked("Answer")), ("error_message", marked("Error")), ("prompt", marked("Prompt")))

Option = tuple[str, str]


@dataclass(frozen=True)
class Excerpt:
    """Where the first word stands: in which text, and what is around it."""

    place: str
    before: str
    word: str
    after: str


@dataclass(frozen=True)
class FoundRun:
    """A run among those of all heartbeats."""

    line: RunLine
    title: str
    place: str | None
    bot: str
    excerpt: Excerpt | None


def found_run(run: Row[Any], words: Sequence[str], now: datetime, settings: Settings) -> FoundRun:
    """Show a run, with times in its heartbeat's time zone."""
    names = ("uuid", "type", "label", "prompt", "deleted_at", "ended_as")
    values = (run.heartbeat_uuid, run.heartbeat_type, run.heartbeat_label, run.heartbeat_prompt)
    heartbeat = built(Heartbeat, names, (*values, run.deleted_at, run.ended_as))
    return FoundRun(
        line=run_line(run, run.timezone, now, settings),
        title=heartbeats.title(heartbeat),
        place=heartbeats.page_path(heartbeat),
        bot=run.bot_name,
        excerpt=excerpt(run, words[0]) if words else None,
    )


def excerpt(run: Row[Any], word: str) -> Excerpt | None:
    """Cut out where a word stands first, in the answer before the error and the prompt."""
    pattern = re.compile(re.escape(word), re.IGNORECASE)
    for name, place in PLACES:
        text = getattr(run, name) or ""
        match = pattern.search(text)
        if match is None:
            continue
        first, last = match.span()
        before = "…" * (first > AROUND) + text[max(0, first - AROUND) : first]
        after = text[last : last + AROUND] + "…" * (len(text) > last + AROUND)
        return Excerpt(_(place), before, match[0], after)
    return None


def options(choices: FilterChoices) -> dict[str, list[Option]]:
    """List what each field of the form offers; the first of each is any."""
    any_of = ("", _("Any"))
    return {
        "status": [any_of, *((value, _(words)) for value, words in formats.STATUS.items())],
        "skip_reason": [any_of, *((value, _(words)) for value, words in SKIPPED.items())],
        "trigger": [any_of, *((value, _(words)) for value, words in TRIGGER.items())],
        "bot_id": [any_of, *((bot.uuid, bot_title(bot)) for bot in choices.bots)],
        "heartbeat_id": [any_of, *((row.uuid, _heartbeat_name(row)) for row in choices.heartbeats)],
        "member_id": [any_of, *((row.uuid, row.name or row.email) for row in choices.members)],
    }


def _heartbeat_name(row: Row[Any]) -> str:
    return row.label or formats.start(row.prompt, OPTION)
