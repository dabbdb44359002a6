"""What is done to the keys of a project: list, rotate, revoke. They are made beside projects, and used in `access`."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select, update

from heartbeat.domain.errors import Conflict, NotFound
from heartbeat.secrets.key_hashes import KeySecret
from heartbeat.store.audit.recording import field_changes, record
from heartbeat.store.database.pages import ListFilter, Page, having_words
from heartbeat.store.database.rows import exactly_one, first, many
from heartbeat.store.projects.access import as_public_id
from heartbeat.store.projects.open_invitations import withdraw_made_by
from heartbeat.store.projects.projects import KEY, NOW, WORKS, KeyRights, NewKey, create_key
from heartbeat.store.tables.projects import ApiKey, Project

SHOWN_KEYS = {
    "works": WORKS,
    "expired": KEY.c.revoked_at.is_(None) & (KEY.c.expires_at <= NOW),
    "revoked": KEY.c.revoked_at.is_not(None),
}
# How long one that has another in its place goes on, if nobody says otherwise, and at most.
GRACE, MAX_GRACE = timedelta(days=1), timedelta(days=30)


def keys(connection: Connection, project: Project) -> list[ApiKey]:
    """List a project's keys, those that are over too, oldest first."""
    return many(connection, ApiKey, select(KEY).where(KEY.c.project_id == project.id).order_by(KEY.c.id))


def working_keys(connection: Connection, now: datetime) -> list[ApiKey]:
    """List the keys of all projects that work, oldest first."""
    return many(connection, ApiKey, select(KEY).where(WORKS).order_by(KEY.c.id), {"now": now})


def key_page(
    connection: Connection, project: Project, wanted: ListFilter, now: datetime, page: Page
) -> tuple[list[ApiKey], int]:
    """Read one page of a project's keys, those that work first, each oldest first, and how many there are in all.

    Words stand in the name; `show` is a key of `SHOWN_KEYS`.
    """
    which = [KEY.c.project_id == project.id, *having_words(wanted.words, KEY.c.uuid, KEY.c.name, KEY.c.prefix)]
    which += [SHOWN_KEYS[wanted.show]] if wanted.show else []
    at = {"now": now}
    total = connection.execute(select(func.count()).select_from(KEY).where(*which), at).scalar_one()
    in_order = select(KEY).where(*which).order_by(~WORKS, KEY.c.id)
    return many(connection, ApiKey, in_order.limit(page.size).offset(page.offset), at), total


def named_key(connection: Connection, project: Project, key_uuid: str) -> ApiKey:
    """Read a key of a project, which nobody else changes before the transaction ends; raises `NotFound`."""
    which = (KEY.c.uuid == as_public_id(key_uuid)) & (KEY.c.project_id == project.id)
    key = first(connection, ApiKey, select(KEY).where(which).with_for_update())
    if key is None:
        raise NotFound("key", key_uuid[:64])
    return key


def revoke_key(connection: Connection, project: Project, key_uuid: str, now: datetime) -> ApiKey:
    """Make a key useless from now on, and the invitations that were made with it; revoking twice is a success.

    Raises `NotFound`.
    """
    key = named_key(connection, project, key_uuid)
    if key.revoked_at:
        return key
    withdraw_made_by(connection, key.uuid, project.id)
    return _changed(connection, key, "key.revoke", revoked_at=now)


def rotate_key(
    connection: Connection, project: Project, key_uuid: str, now: datetime, secret: KeySecret, grace: timedelta
) -> tuple[NewKey, ApiKey]:
    """Make a key that may do the same, and let the old one end after `grace`; returns both.

    The new one lasts as long as the old one was to last. Raises `NotFound`, and `Conflict` for a key that is over or
    has one in its place.
    """
    old = named_key(connection, project, key_uuid)
    if old.revoked_at or old.replaced_at or (old.expires_at and old.expires_at <= now):
        raise Conflict("key_over", "This key is over, or has another in its place already; make a new one.")
    until = now + (old.expires_at - old.created_at) if old.expires_at else None
    rights = KeyRights(old.scopes, old.bot_ids, until, old.requests_per_minute)
    new = create_key(connection, project, old.name, now, secret=secret, rights=rights)
    ends = now + grace
    return new, _changed(connection, old, "key.rotate", replaced_at=now, expires_at=min(ends, old.expires_at or ends))


def _changed(connection: Connection, key: ApiKey, action: str, **values: datetime) -> ApiKey:
    changes = field_changes(vars(key), values)
    record(connection, key.project_id, action, key.uuid, key.name, changes)
    changed = update(KEY).where(KEY.c.id == key.id).values(values).returning(KEY)
    return exactly_one(connection, ApiKey, changed)
