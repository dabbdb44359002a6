"""Set up a notification target: check what is written of it, seal its secrets, and try it, saved or not."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from api.schemas.notifications import OF_NO_USE, CreateTarget, UpdateTarget, of_use_to_member
from heartbeat.domain.errors import Invalid
from heartbeat.domain.field_types import is_blank
from heartbeat.domain.ids import new_id
from heartbeat.notifications.delivery import open_config, seal_config
from heartbeat.secrets.keyring import Keyring
from heartbeat.settings import Settings
from heartbeat.store.notifications import targets as store
from heartbeat.store.projects.access import Access
from heartbeat.store.projects.members import subscriber
from heartbeat.store.tables.notifications import Target


@dataclass(frozen=True)
class NewTarget:
    """The columns of a target that is not stored yet, and those of its secrets that were made up for it."""

    fields: dict[str, Any]
    made_up: dict[str, str]

    @property
    def row(self) -> Target:
        """The target as if it were stored, to be tried."""
        return Target.model_construct(**self.fields)


def new_target(body: CreateTarget, settings: Settings) -> NewTarget:
    """Build the target that `body` describes, its secrets sealed. Raises `Invalid`, `InvalidMany` and `NoKey`."""
    # Imported by the calls that need it: the channels speak HTTP and mail, which most API processes never do.
    from heartbeat.notifications.channels.registry import check_available, read_config

    uuid = new_id("tgt")
    config, secrets = read_config(body.channel, body.config, settings.egress_allow)
    check_available(body.channel, config, settings)
    fields = {
        "uuid": uuid,
        "channel": body.channel,
        "name": body.name or body.channel,
        "config": config,
        "sealed_config": seal_config(Keyring.from_settings(settings), uuid, secrets),
        "events": body.events,
        "cooldown_seconds": body.cooldown_seconds,
        "is_enabled": body.is_enabled,
    }
    made_up = {name: value for name, value in secrets.items() if is_blank(body.config.get(name) or "")}
    return NewTarget(fields, made_up)


def store_target(
    connection: Connection, access: Access, body: CreateTarget, target: NewTarget, now: datetime
) -> store.ListedTarget:
    """Add the target for what `body` says it is of, whose ids `access` was made for. Raises `NotFound`, `Conflict`."""
    owner = {
        "bot_id": access.bot.id if access.bot_key else None,
        "heartbeat_id": access.heartbeat.id if access.heartbeat_key else None,
        "member_id": subscriber(connection, access.bot, body.member_id).id if body.member_id else None,
    }
    return store.create_target(connection, access, target.fields | owner, now)


def target_changes(body: UpdateTarget, before: store.ListedTarget, settings: Settings) -> dict[str, Any]:
    """List the columns that `body` changes, secrets sealed anew. Raises `Invalid`, `InvalidMany` and `NoKey`."""
    fields = body.fields()
    if before.member_uuid is not None and not of_use_to_member(body.events):
        raise Invalid("events", OF_NO_USE)
    if body.config is not None:
        from heartbeat.notifications.channels.registry import change_config, check_available

        keyring, row = Keyring.from_settings(settings), before.target
        secrets_before = open_config(keyring, row)
        config, secrets = change_config(row.channel, row.config, secrets_before, body.config, settings.egress_allow)
        check_available(row.channel, config, settings)
        fields |= {"config": config, "sealed_config": seal_config(keyring, row.uuid, secrets)}
    return fields
