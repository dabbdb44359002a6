"""The real application behind HTTP, and an owner who holds a key of one project."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
from fastapi import FastAPI
from sqlalchemy import Connection
from temporalio.client import Client

from heartbeat.domain.ids import new_id
from heartbeat.settings import Settings
from heartbeat.store.database.database import Database
from heartbeat.store.projects.projects import create_key
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.projects import Project
from tests.support.seeds import NOW, YEARLY, a_project, heartbeat_row


@dataclass
class Api:
    """An owner: calls carry the project's id and its key, bodies are answered as parsed JSON."""

    app: FastAPI
    http: httpx.AsyncClient
    project: Project
    key: str

    @property
    def settings(self) -> Settings:
        return self.app.state.stack.settings

    @property
    def database(self) -> Database:
        return self.app.state.stack.database

    @property
    def temporal(self) -> Client:
        return self.app.state.stack.temporal

    async def get(self, path: str, **query: Any) -> httpx.Response:
        return await self.call("GET", path, query)

    async def post(self, path: str, **body: Any) -> httpx.Response:
        return await self.call("POST", path, body)

    async def put(self, path: str, **body: Any) -> httpx.Response:
        return await self.call("PUT", path, body)

    async def delete(self, path: str, **query: Any) -> httpx.Response:
        return await self.call("DELETE", path, query)

    async def call(self, method: str, path: str, fields: dict[str, Any], **headers: str) -> httpx.Response:
        """One call; what is not said otherwise is about this project and carries its key."""
        fields = {"project_id": self.project.uuid, **fields}
        where = {"params": fields} if method in ("GET", "DELETE") else {"json": fields}
        own = {name.replace("_", "-"): value for name, value in headers.items()}
        with_key = {"authorization": f"Bearer {self.key}", **own}
        return await self.http.request(method, address(path), headers=with_key, **where)

    async def bot(self, **fields: Any) -> dict[str, Any]:
        defaults = {"name": "Support desk", "model": "gpt-4o-mini", "heartbeat": 1}
        answer = await self.post("/create", **{**defaults, **fields})
        assert answer.status_code == 200, answer.text
        return answer.json()["bot"]

    async def heartbeat(self, bot: dict[str, Any], **fields: Any) -> dict[str, Any]:
        defaults = {"bot_id": bot["id"], "prompt": "Check the queue."}
        if "interval_minutes" not in fields:
            defaults["cron_pattern"] = YEARLY
        answer = await self.post("/heartbeat/configure", **{**defaults, **fields})
        assert answer.status_code == 200, answer.text
        return answer.json()["heartbeat"]

    async def member(self, bot: dict[str, Any], **fields: Any) -> dict[str, Any]:
        answer = await self.post("/subscriber/create", **{"bot_id": bot["id"], "name": "A subscriber", **fields})
        assert answer.status_code == 200, answer.text
        return answer.json()["subscriber"]

    async def row(self, heartbeat: dict[str, Any]) -> Heartbeat:
        return await self.database.read(heartbeat_row, heartbeat["uuid"])

    def as_caller(self, key: str) -> "Api":
        """The same calls with another key."""
        return Api(self.app, self.http, self.project, key)


def address(path: str) -> str:
    """Where a call is: beneath `/v1/bot`, but for those about a whole project, its keys and its audit log."""
    return f"/v1{path}" if path.startswith(("/project/", "/keys/", "/audit/")) else f"/v1/bot{path}"


def settings_for(database_url: str, temporal: Client) -> Settings:
    return Settings(
        _env_file=None,
        database_url=database_url,
        task_queue=new_id("queue"),
        temporal_address=temporal.service_client.config.target_host,
        default_model="openai:scripted",
        openai_api_key="test-key",
        drain_seconds=2,
        # Tests of what is refused send many wrong keys from one address.
        free_failures=1_000_000,
    )


@contextlib.asynccontextmanager
async def owner(app: FastAPI, plan: str = "self_hosted") -> AsyncIterator[Api]:
    """The owner of a fresh project on `plan`."""

    def seed(connection: Connection) -> tuple[Project, str]:
        project = a_project(connection, plan=plan)
        return project, create_key(connection, project, "key", NOW).secret

    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://api.test") as http:
        yield Api(app, http, *await app.state.stack.database.write(seed))


def error_of(answer: httpx.Response, status: int) -> dict[str, Any]:
    """The body of a failed call, after a look at its shape."""
    assert answer.status_code == status, answer.text
    body: dict[str, Any] = answer.json()
    error = body["error"]
    assert error == {"status": status, "code": body["code"], "message": body["message"]}
    assert body["err"] == body["message"] != ""
    assert body["success"] is False
    assert body["response"] is None
    assert ("details" in body) == (status == 400)
    assert answer.headers["x-request-id"]
    return body


def wrong_fields(answer: httpx.Response) -> list[str]:
    """The fields a 400 names."""
    return [detail["field"] for detail in error_of(answer, 400)["details"]]
