"""Every call of the OpenAPI document as a request whose fields are right, with ids of whatever a test wants."""

from collections.abc import Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import httpx
from sqlalchemy import Connection, select

from heartbeat.store.database.rows import columns
from heartbeat.store.tables.bots import Subscriber
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.projects import Project
from tests.support.api import Api
from tests.support.one_of_everything import one_of_everything
from tests.support.project_rows import ids_of, unlike
from tests.support.seeds import a_bot

# Which kind of thing each field that takes an id names.
NAMES = {
    "bot_id": "bot",
    "bot_ids": "bot",
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
    "key_id": "api_key",
    # Of an entry of the audit log, which may be about anything.
    "object_id": "invitation",
}
# Fields that are called so and name nothing of ours: of the project itself, of its own systems, of an OAuth server.
NO_NAMES = {"project_id", "external_id", "client_id"}
# What a request needs besides, so that only the id is wrong.
FILLED = {
    "schedule_type": "daily",
    "schedule_config": {"time": "09:00"},
    "channel": "webhook",
    "config": {"url": "https://example.com/in"},
    "until": "2036-12-31T00:00:00Z",
    "tick": "2037-01-01T00:00:00Z",
}
# What it needs though no field of it is required.
ONE_OF = {("POST", "/v1/keys/create"): {"preset": "viewer"}}
NO_NUMBER = str(2**31 - 2)
OWN_HEADERS = ("x-request-id", "content-length")


@dataclass(frozen=True)
class Call:
    """One operation: the schema of each of its fields by name, and which of them are required."""

    method: str
    path: str
    has_body: bool
    schemas: dict[str, Any]
    required: list[str]

    @property
    def names(self) -> set[str]:
        """The fields that take an id."""
        return NAMES.keys() & self.schemas.keys()

    def usual(self, ids: dict[str, str]) -> dict[str, Any]:
        """Fields with which it is right, where each thing that it names is one of `ids`."""
        examples = {name: self.schemas[name]["examples"][0] for name in self.required if name not in NAMES}
        filled = {name: value for name, value in FILLED.items() if name in self.required}
        own = {name: ids[NAMES[name]] for name in self.names & {*self.required, "bot_id"}}
        return examples | filled | own | ONE_OF.get((self.method, self.path), {})


def calls(document: dict[str, Any]) -> Iterator[Call]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            parameters = operation.get("parameters", [])
            schemas = {one["name"]: one["schema"] for one in parameters}
            required = [one["name"] for one in parameters if one["required"]]
            if "requestBody" in operation:
                reference = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"]
                body = document["components"]["schemas"][reference.rpartition("/")[2]]
                schemas, required = schemas | body["properties"], required + body.get("required", [])
            yield Call(method.upper(), path, "requestBody" in operation, schemas, required)


async def sent(api: Api, call: Call, fields: dict[str, Any]) -> httpx.Response:
    fields = {name: [value] if name.endswith("_ids") else value for name, value in fields.items()}
    where = {"json": fields} if call.has_body else {"params": fields}
    headers = {"authorization": f"Bearer {api.key}"}
    return await api.http.request(call.method, call.path.format_map(fields), headers=headers, **where)


def seen(answer: httpx.Response, uuid: str) -> tuple[int, dict[str, str], str]:
    """All of an answer that is not of this one request alone."""
    headers = {name: value for name, value in answer.headers.items() if name not in OWN_HEADERS}
    return answer.status_code, headers, answer.text.replace(uuid, "…")


def alternatives(kind: str, theirs: dict[str, str]) -> list[tuple[str, str]]:
    """Ids of another's thing, each with one of nothing."""
    assert theirs[kind], kind
    number = theirs.get(f"number of a {kind}")
    return [(theirs[kind], unlike(theirs[kind])), *([(number, NO_NUMBER)] if number else [])]


def seeded(connection: Connection, project: Project, text: str) -> dict[str, str]:
    """One of everything in a project; returns an id of each kind."""
    bot = a_bot(connection, project)
    one_of_everything(connection, SimpleNamespace(project=project, bot=bot), text)
    heartbeat, subscriber = columns(Heartbeat), columns(Subscriber)
    of_bot = heartbeat.c.bot_id == bot.id
    is_task = of_bot & (heartbeat.c.type == "scheduled_task")
    member = select(subscriber.c.id).where(subscriber.c.bot_id == bot.id)
    return {
        **ids_of(connection, project.id, bot.id),
        "task": connection.scalar(select(heartbeat.c.uuid).where(is_task)),
        "number of a bot": str(bot.id),
        "number of a subscriber": str(connection.scalar(member)),
    }
