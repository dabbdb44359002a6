"""Addresses that were stored with a query before queries were secrets: shown without from now on, and sealed whole."""

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from sqlalchemy import Connection, String, cast, select, update

from heartbeat.domain.redaction import shown_address
from heartbeat.secrets.keyring import CannotOpen, Keyring, config_row, url_row
from heartbeat.store.projects.sealed_columns import TARGET, TOOL


def seal_addresses(connection: Connection, keyring: Keyring) -> int:
    """Seal them; returns how many. A target whose other secrets do not open stays as it is. Raises `NoKey`."""
    tools, targets = _tools(connection), list(_openable(connection, keyring))
    for tool_id, uuid, url in tools:
        values = {"server_url": shown_address(url), "sealed_url": keyring.seal(url, url_row(uuid))}
        connection.execute(update(TOOL).where(TOOL.c.id == tool_id).values(values))
    for target_id, uuid, config, secrets in targets:
        whole = json.dumps({**secrets, "url": config["url"]})
        shown = {**config, "url": shown_address(config["url"])}
        columns: dict[str, Any] = {"config": shown, "sealed_config": keyring.seal(whole, config_row(uuid))}
        connection.execute(update(TARGET).where(TARGET.c.id == target_id).values(columns))
    return len(tools) + len(targets)


def _tools(connection: Connection) -> list[tuple[int, str, str]]:
    query = select(TOOL.c.id, TOOL.c.uuid, TOOL.c.server_url)
    rows = connection.execute(
        query.where(TOOL.c.sealed_url.is_(None), TOOL.c.server_url.contains("?")).with_for_update()
    )
    return [(row.id, row.uuid, row.server_url) for row in rows]


def _openable(connection: Connection, keyring: Keyring) -> Iterator[tuple[int, str, dict[str, Any], dict[str, Any]]]:
    """Yield such targets with what is shown and what is sealed of them."""
    query = select(TARGET.c.id, TARGET.c.uuid, TARGET.c.config, TARGET.c.sealed_config).with_for_update()
    for row in connection.execute(query.where(cast(TARGET.c.config, String).contains("?"))).all():
        with suppress(CannotOpen):
            sealed = row.sealed_config
            secrets = json.loads(keyring.open(sealed, config_row(row.uuid))) if sealed else {}
            if "?" in row.config.get("url", "") and "url" not in secrets:
                yield row.id, row.uuid, row.config, secrets
