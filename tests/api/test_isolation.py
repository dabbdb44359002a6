"""Of another project nobody sees or moves anything: each call of the OpenAPI document, with each id that it takes.

An id that is another project's is answered byte for byte as one that is nobody's, while all others are one's own.
"""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from sqlalchemy import Connection, select

from heartbeat.store.database.rows import columns
from heartbeat.store.tables.bots import Bot, Subscriber
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.projects import Project
from tests.support.api import Api, owner
from tests.support.one_of_everything import one_of_everything
from tests.support.project_rows import ids_of, rows_of, unlike
from tests.support.seeds import a_bot

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

MINE, THEIRS = "Mouse", "Zebra"
# Which kind of thing each field that takes an id names.
NAMES = {
    "bot_id": "bot",
    "member_id": "subscriber",
    "heartbeat_id": "heartbeat",
    "uuid": "heartbeat",
    "task_id": "task",
    "run_id": "run",
    "log_id": "run",
    "before": "run",
    "approval_id": "approval",
    "finding_id": "finding",
    "target_id": "target",
    "tool_id": "tool",
}
# What a request needs besides, so that only the id is wrong.
FILLED = {
    "schedule_type": "daily",
    "schedule_config": {"time": "09:00"},
    "channel": "webhook",
    "config": {"url": "https://example.com/in"},
    "until": "2036-12-31T00:00:00Z",
    "tick": "2037-01-01T00:00:00Z",
}
NO_NUMBER = str(2**31 - 2)
OWN_HEADERS = ("x-request-id", "content-length")


def seeded(connection: Connection, project: Project, text: str) -> dict[str, str]:
    """One of everything in a project; returns an id of each kind."""
    bot = a_bot(connection, project)
    one_of_everything(connection, SimpleNamespace(project=project, bot=bot), text)
    heartbeat, subscriber = columns(Heartbeat), columns(Subscriber)
    is_task = (heartbeat.c.project_id == project.id) & (heartbeat.c.type == "scheduled_task")
    numbers = {"bot": bot.id, "subscriber": connection.scalar(select(subscriber.c.id).where(_of(bot, subscriber)))}
    return {
        **ids_of(connection, project.id),
        "task": connection.scalar(select(heartbeat.c.uuid).where(is_task)),
        **{f"number of a {kind}": str(number) for kind, number in numbers.items()},
    }


def _of(bot: Bot, table: Any) -> Any:
    return table.c.bot_id == bot.id


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any], list[str]]]:
    """Method, path, the schema of each field by its name, and which are required."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            parameters = operation.get("parameters", [])
            schemas = {one["name"]: one["schema"] for one in parameters}
            required = [one["name"] for one in parameters if one["required"]]
            if "requestBody" in operation:
                reference = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"]
                body = document["components"]["schemas"][reference.rpartition("/")[2]]
                schemas, required = schemas | body["properties"], required + body.get("required", [])
            yield method.upper(), path, schemas, required


async def sent(api: Api, method: str, path: str, fields: dict[str, Any]) -> httpx.Response:
    where = {"params": fields} if method in ("GET", "DELETE") else {"json": fields}
    headers = {"authorization": f"Bearer {api.key}"}
    return await api.http.request(method, path.format_map(fields), headers=headers, **where)


def seen(answer: httpx.Response, uuid: str) -> tuple[int, dict[str, str], str]:
    headers = {name: value for name, value in answer.headers.items() if name not in OWN_HEADERS}
    return answer.status_code, headers, answer.text.replace(uuid, "…")


def usual(schemas: dict[str, Any], required: list[str], ids: dict[str, str]) -> dict[str, Any]:
    """The fields of a request in which each id is one's own."""
    examples = {name: schemas[name]["examples"][0] for name in required if name not in NAMES}
    filled = {name: value for name, value in FILLED.items() if name in required}
    own = {name: ids[kind] for name, kind in NAMES.items() if name in {*required, "bot_id"} & schemas.keys()}
    return examples | filled | own


def alternatives(kind: str, theirs: dict[str, str]) -> list[tuple[str, str]]:
    """Ids of another's thing, each with one of nothing."""
    number = theirs.get(f"number of a {kind}")
    return [(theirs[kind], unlike(theirs[kind])), *([(number, NO_NUMBER)] if number else [])]


async def test_an_id_of_another_project_is_that_of_nothing(alone: Api) -> None:
    mine = await alone.database.write(seeded, alone.project, MINE)
    asked = set()
    async with owner(alone.app) as other:
        theirs = await alone.database.write(seeded, other.project, THEIRS)
        before = await alone.database.read(rows_of, other.project.id)
        for method, path, schemas, required in operations(alone.app.openapi()):
            fields = usual(schemas, required, mine) | {"project_id": alone.project.uuid}
            for name in NAMES.keys() & schemas.keys():
                asked.add((method, path))
                for ids in alternatives(NAMES[name], theirs):
                    first, second = [seen(await sent(alone, method, path, fields | {name: uuid}), uuid) for uuid in ids]
                    assert first == second, (method, path, name)
                    assert THEIRS not in first[2], (method, path, name)
                    assert first[0] < 500, (method, path, name, first)
        assert await alone.database.read(rows_of, other.project.id) == before
    assert len(asked) > 50
