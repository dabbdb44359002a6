"""The form of a notification target: its controls from the channel's config model, its values from and to the API's."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from api.dashboard.edited_meanwhile import YES_NO, EditedField, secret_mark, with_loaded
from api.dashboard.forms import Form, is_number
from api.dashboard.translations import gettext as _
from api.dashboard.translations import marked
from api.dashboard.views import formats
from api.dashboard.views.channel_hints import CHANNEL_HINTS, COOLDOWN_UNITS, EVENT_HINTS, SECURITY
from api.schemas.notifications import show_target
from heartbeat.settings import Settings
from heartbeat.store.notifications.targets import ListedTarget
from heartbeat.store.overview.targets import PossibleOwners
from heartbeat.store.tables.bots import Bot
from heartbeat.store.tables.heartbeats import Heartbeat

PREFIX = "config."
FORGET = "forget"
SECRETS = "secrets"
EVERYTHING = marked("Everything that happens")


@dataclass(frozen=True)
class Control:
    """One field of a channel's config, as a form asks for it.

    `keeps` is for a secret that is stored: left empty it stays; `forgettable` says that it can also go.
    """

    name: str
    label: str
    hint: str
    type: str
    required: bool
    options: tuple[tuple[str, str], ...] = ()
    keeps: bool = False
    forgettable: bool = False


@dataclass(frozen=True)
class ChannelView:
    """A channel to choose; `obstacle` says why this installation cannot send by it."""

    channel: str
    name: str
    summary: str
    obstacle: str | None = None


def channels(settings: Settings) -> list[ChannelView]:
    """List the channels, those that most people have first."""
    obstacle = None if settings.apprise_targets else _("The operator has set up none yet.")
    return [
        ChannelView(channel, _(formats.CHANNEL[channel]), _(hint.summary), obstacle if channel == "apprise" else None)
        for channel, hint in CHANNEL_HINTS.items()
    ]


def controls(channel: str, settings: Settings, target: ListedTarget | None = None) -> list[Control]:
    """Build the controls of a channel's config; those of `target`, when one is changed."""
    # The channels speak HTTP and mail, which few requests need.
    from heartbeat.notifications.channels.registry import CHANNELS

    fields = CHANNELS[channel].config.model_fields
    return [_control(channel, name, field, settings, target) for name, field in fields.items()]


def _control(channel: str, name: str, field: FieldInfo, settings: Settings, target: ListedTarget | None) -> Control:
    hint, types = CHANNEL_HINTS[channel].fields[name], list(_types(field.annotation))
    is_secret, required = SecretStr in types, field.is_required()
    # Shown while it is new, for it has to be copied from here.
    hidden = is_secret and not (channel == "webhook" and target is None)
    return Control(
        PREFIX + name,
        _(hint.label),
        _(hint.hint) if hint.hint else "",
        "password" if hidden else "number" if int in types else "text",
        required and not (is_secret and target),
        tuple(_options(channel, types, settings)),
        keeps=is_secret and target is not None,
        forgettable=is_secret and target is not None and not required,
    )


def _types(annotation: Any) -> Iterator[Any]:
    """Yield what a field may hold, without `None` and what is annotated; a `Literal` stays whole."""
    if get_origin(annotation) is Literal or not get_args(annotation):
        if annotation is not NoneType:
            yield annotation
    else:
        inner = get_args(annotation)[:1] if get_origin(annotation) is Annotated else get_args(annotation)
        for part in inner:
            yield from _types(part)


def _options(channel: str, types: Sequence[Any], settings: Settings) -> Iterator[tuple[str, str]]:
    for kind in types:
        if get_origin(kind) is Literal:
            yield from ((value, _(SECURITY[value])) for value in get_args(kind))
    if channel == "apprise":
        yield from ((name, name) for name in sorted(settings.apprise_targets))


def empty_form(channel: str, owner: str) -> Form:
    """The form of a new target: what the channel proposes, and everything that can happen."""
    from heartbeat.notifications.channels.registry import CHANNELS

    fields = CHANNELS[channel].config.model_fields
    defaults = {name: field.default for name, field in fields.items() if not field.is_required()}
    proposed = {**{name: value for name, value in defaults.items() if value is not None}}
    config = {**proposed, **CHANNELS[channel].new_secrets()}
    name = ("name", _(formats.CHANNEL[channel]))
    return Form([name, ("owner", owner), ("every", "on"), *_cooldown(0), ("is_enabled", "on"), *_config(config)])


def form_of(listed: ListedTarget, fields: Sequence[Control]) -> Form:
    """The form of a target as it is saved, without its secrets."""
    shown = show_target(listed)
    events = [("events", kind) for kind in shown["events"]] if shown["events"] is not None else [("every", "on")]
    enabled = [("is_enabled", "on")] if shown["is_enabled"] else []
    cooldown = _cooldown(shown["cooldown_seconds"])
    # What a new one would need, should this one be deleted meanwhile.
    place = [("channel", listed.target.channel), ("owner", _owner_of(listed))]
    form = Form([("name", shown["name"]), *place, *events, *cooldown, *enabled, *_config(shown["config"])])
    return with_loaded(form, saved_values(listed, fields))


def edited_fields(fields: Sequence[Control]) -> dict[str, EditedField]:
    """Name what others may change of a target while somebody edits it; its secrets are one."""
    secrets = tuple(field.name for field in fields if field.keeps)
    return {
        "name": EditedField(marked("Name")),
        "events": EditedField(marked("What it is told"), {"every": EVERYTHING, **EVENT_HINTS}, ("every", "events")),
        "cooldown_seconds": EditedField(
            marked("Seconds without messages after one"), parts=("cooldown_seconds", "cooldown_unit")
        ),
        "is_enabled": EditedField(marked("Send messages there"), YES_NO),
        **{field.name: EditedField(field.label) for field in fields if not field.keeps},
        SECRETS: EditedField(marked("What is kept secret"), parts=(*secrets, FORGET), is_secret=True),
    }


def saved_values(listed: ListedTarget, fields: Sequence[Control]) -> dict[str, Any]:
    """Return what is saved, as `wanted_values` returns what a form asks for."""
    shown = show_target(listed)
    config = {field.name: shown["config"].get(field.name.removeprefix(PREFIX)) for field in fields if not field.keeps}
    return {
        "name": shown["name"],
        "events": ["every"] if shown["events"] is None else sorted(shown["events"]),
        "cooldown_seconds": str(shown["cooldown_seconds"]),
        "is_enabled": "1" if shown["is_enabled"] else "0",
        **{name: "" if value is None else str(value) for name, value in config.items()},
        SECRETS: secret_mark(listed.target.sealed_config),
    }


def wanted_values(form: Form, listed: ListedTarget, fields: Sequence[Control]) -> dict[str, Any]:
    """Return what a form asks for, to be compared; `listed` is what was saved when its secrets were kept."""
    values = values_of(form)
    kept = not form.all(FORGET) and not any(form.get(field.name) for field in fields if field.keeps)
    return {
        "name": values["name"],
        "events": ["every"] if values["events"] is None else sorted(values["events"]),
        "cooldown_seconds": str(values["cooldown_seconds"]),
        "is_enabled": "1" if values["is_enabled"] else "0",
        **{field.name: form.get(field.name) for field in fields if not field.keeps},
        SECRETS: secret_mark(listed.target.sealed_config) if kept else "typed",
    }


def _config(config: dict[str, Any]) -> list[tuple[str, str]]:
    return [(PREFIX + name, str(value)) for name, value in config.items()]


def _cooldown(seconds: int) -> list[tuple[str, str]]:
    unit = next(int(unit) for unit in reversed(COOLDOWN_UNITS) if seconds % int(unit) == 0) if seconds else 60
    return [("cooldown_seconds", str(seconds // unit)), ("cooldown_unit", str(unit))]


def values_of(form: Form) -> dict[str, Any]:
    """What the form says in the API's fields, but for the config and what the target is of."""
    number, unit = form.get("cooldown_seconds") or "0", form.get("cooldown_unit")
    seconds = int(number) * int(unit) if is_number(number) and unit in COOLDOWN_UNITS else number
    return {
        "name": form.get("name"),
        "events": None if form.get("every") else form.all("events"),
        "cooldown_seconds": seconds,
        "is_enabled": bool(form.get("is_enabled")),
    }


def config_of(form: Form, fields: Sequence[Control]) -> dict[str, Any]:
    """The config as the form has it: a secret that is left empty stays as it was, any other field goes."""
    values = {field.name: form.get(field.name) or None for field in fields}
    forgotten = {PREFIX + name for name in form.all(FORGET)}
    kept = {field.name for field in fields if field.keeps and field.name not in forgotten}
    return {name.removeprefix(PREFIX): value for name, value in values.items() if value is not None or name not in kept}


def with_new_address(form: Form, changes: dict[str, Any]) -> Form:
    """The form with what a receiver says is another now."""
    return form.replaced(_config(changes))


def owner_options(owners: PossibleOwners) -> list[tuple[str, list[tuple[str, str]]]]:
    """What a target can be of, in groups: the value names the bot, and with it a heartbeat or a subscriber."""
    bots = [(bot.uuid, _("every heartbeat of %s") % formats.isolated(bot.name)) for bot in owners.bots]
    heartbeats = [(f"{row.bot_uuid}/heartbeat_id/{row.uuid}", _titled(row)) for row in owners.heartbeats]
    members = [(f"{row.bot_uuid}/member_id/{row.uuid}", row.name or row.email or row.uuid) for row in owners.members]
    groups = [
        (_("Everything"), [("", _("The whole project"))]),
        (_("One bot"), bots),
        (_("One heartbeat"), heartbeats),
        (_("One subscriber: is told what agents say to them"), members),
    ]
    return [(words, options) for words, options in groups if options]


def event_options() -> list[tuple[str, str]]:
    return [(kind, _(words)) for kind, words in EVENT_HINTS.items()]


def cooldown_units() -> list[tuple[str, str]]:
    return [(unit, _(words)) for unit, words in COOLDOWN_UNITS.items()]


def _titled(row: Any) -> str:
    return f"{row.bot_name}: {row.label or formats.start(row.prompt, 60)}"


def owner_value(bot: Bot, heartbeat: Heartbeat) -> str:
    """The value of `owner_options` for this heartbeat; a task can have no target of its own."""
    return f"{bot.uuid}/heartbeat_id/{heartbeat.uuid}" if heartbeat.type == "heartbeat" else bot.uuid


def _owner_of(listed: ListedTarget) -> str:
    """Return the value of `owner_options` for what a target is of."""
    for kind, uuid in (("heartbeat_id", listed.heartbeat_uuid), ("member_id", listed.member_uuid)):
        if uuid:
            return f"{listed.bot_uuid}/{kind}/{uuid}"
    return listed.bot_uuid or ""


def owner_ids(owner: str) -> dict[str, str]:
    """Read a value of `owner_options` into the API's fields; what is none is a bot that does not exist."""
    bot, _slash, rest = owner.partition("/")
    kind, _slash, uuid = rest.partition("/")
    return {"bot_id": bot} | ({kind: uuid} if kind in ("heartbeat_id", "member_id") else {})
