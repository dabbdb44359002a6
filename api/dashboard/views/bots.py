"""What pages show of bots: rows in, words and numbers out."""

from dataclasses import dataclass
from datetime import UTC, datetime

from api.dashboard.translations import gettext as _
from api.dashboard.views.formats import Moment, moment
from heartbeat.store.overview.bots import ListedBot


@dataclass(frozen=True)
class BotView:
    """A bot in a list, and the head of its own page. `state` is a chip: its kind and its words."""

    uuid: str
    name: str
    model: str
    state: tuple[str, str]
    on: int
    paused: int
    off: int
    heartbeats: int
    tools: int
    memories: int
    created: Moment


def bot_view(listed: ListedBot, default_model: str, now: datetime) -> BotView:
    """Show a bot; one that names no model has the default."""
    bot = listed.bot
    return BotView(
        uuid=bot.uuid,
        name=bot.name,
        model=bot.model or default_model,
        state=_state(bot.status, bot.heartbeat),
        on=listed.on,
        paused=listed.paused,
        off=listed.heartbeats - listed.on - listed.paused,
        heartbeats=listed.heartbeats,
        tools=listed.tools,
        memories=listed.memories,
        created=moment(bot.created_at, UTC, now),
    )


def _state(status: bool, heartbeat: bool) -> tuple[str, str]:
    if not status:
        return "off", _("Not active")
    return ("on", _("Heartbeats on")) if heartbeat else ("off", _("Heartbeats off"))
