"""The demo's bot and heartbeat, created and watched over the HTTP API as any client would."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx
from pydantic import BaseModel

from heartbeat.up.preflight import CannotStart

NAME = "Break coach"
INSTRUCTION = "You are a helpful assistant. Answer in one sentence."
PROMPT = "Give one short tip for a healthy break from work."
EVERY_MINUTE = "* * * * *"
EXTERNAL_ID = "demo"
REPLY_TOKENS = 200
# A demo that was forgotten stops by itself, for what eight hours of short answers cost.
CREDITS_PER_START = 500
MAX_RUNS = 20


class PauseView(BaseModel):
    reason: str
    message: str | None = None


class HeartbeatView(BaseModel):
    """The heartbeat, as far as the demo shows it."""

    uuid: str
    external_id: str | None = None
    schedule: str = ""
    enabled: bool = False
    next_run_at: datetime | None = None
    credits_used: int = 0
    credit_budget: int | None = None
    pause: PauseView | None = None


class RunView(BaseModel):
    """A run, ended or still going."""

    uuid: str
    status: str
    trigger: str = "schedule"
    response: str | None = None
    error_message: str | None = None
    skip_reason: str | None = None
    duration_ms: int | None = None
    tokens_used: int | None = None
    credits_charged: int | None = None
    started_at: datetime


@dataclass(frozen=True)
class Snapshot:
    """The heartbeat and its runs at one moment; runs newest first."""

    heartbeat: HeartbeatView
    running: list[RunView]
    ended: list[RunView]


class DemoClient:
    """Calls the API as one project; raises `CannotStart` when refused, `httpx.HTTPError` when cut off."""

    def __init__(self, http: httpx.AsyncClient, project_uuid: str) -> None:
        self._http = http
        self._project_uuid = project_uuid

    async def ensure_bot(self, bot_uuid: str | None, model: str) -> str:
        """Update the bot of last time if it still exists, else create one; returns its id."""
        fields = {
            "model": model,
            "instruction": INSTRUCTION,
            "max_reply_tokens": REPLY_TOKENS,
            "heartbeat": 1,
            "status": 1,
        }
        if bot_uuid and (await self._send("GET", "bot/read", {"bot_id": bot_uuid})).is_success:
            await self._call("PUT", "bot/update", {**fields, "bot_id": bot_uuid})
            return bot_uuid
        body = await self._call("POST", "bot/create", {**fields, "name": NAME})
        return str(body["bot"]["uuid"])

    async def start_heartbeat(self, bot_uuid: str) -> HeartbeatView:
        """Create or update the demo's heartbeat, with credits for this start, and enable it."""
        body = await self._call("GET", "bot/heartbeat/readall", {"bot_id": bot_uuid})
        heartbeats = [HeartbeatView.model_validate(heartbeat) for heartbeat in body["heartbeats"]]
        used = next((one.credits_used for one in heartbeats if one.external_id == EXTERNAL_ID), 0)
        fields = {
            "bot_id": bot_uuid,
            "external_id": EXTERNAL_ID,
            "prompt": PROMPT,
            "cron_pattern": EVERY_MINUTE,
            "credit_budget": used + CREDITS_PER_START,
        }
        body = await self._call("POST", "bot/heartbeat/configure", fields)
        return await self._switch("enable", bot_uuid, body["heartbeat"]["uuid"])

    async def trigger(self, bot_uuid: str, heartbeat_uuid: str) -> None:
        """Start a run now, without waiting for its end."""
        ids = {"bot_id": bot_uuid, "heartbeat_id": heartbeat_uuid}
        await self._call("POST", "bot/heartbeat/trigger", {**ids, "wait": False})

    async def disable(self, bot_uuid: str, heartbeat_uuid: str) -> None:
        await self._switch("disable", bot_uuid, heartbeat_uuid)

    async def snapshot(self, bot_uuid: str, heartbeat_uuid: str) -> Snapshot:
        ids = {"bot_id": bot_uuid, "heartbeat_id": heartbeat_uuid}
        body = await self._call("GET", "bot/heartbeat/read", ids)
        running = await self._call("GET", "bot/heartbeat/logs", {**ids, "status": "running"})
        ended = await self._call("GET", "bot/heartbeat/logs", {**ids, "per_page": MAX_RUNS})
        return Snapshot(
            HeartbeatView.model_validate(body["heartbeat"]),
            [RunView.model_validate(log) for log in running["logs"]],
            [RunView.model_validate(log) for log in ended["logs"]],
        )

    async def has_dashboard(self) -> bool:
        """Tell whether the API serves pages for people at its root."""
        return not (await self._http.get("/")).is_error

    async def _switch(self, action: str, bot_uuid: str, heartbeat_uuid: str) -> HeartbeatView:
        ids = {"bot_id": bot_uuid, "heartbeat_id": heartbeat_uuid}
        body = await self._call("POST", f"bot/heartbeat/{action}", ids)
        return HeartbeatView.model_validate(body["heartbeat"])

    async def _call(self, method: str, path: str, values: dict[str, Any]) -> dict[str, Any]:
        response = await self._send(method, path, values)
        body: dict[str, Any] = response.json()
        if not response.is_success:
            raise CannotStart(f"The API refused {method} /v1/{path}: {body.get('message', response.status_code)}")
        return body

    async def _send(self, method: str, path: str, values: dict[str, Any]) -> httpx.Response:
        values = {"project_id": self._project_uuid, **values}
        if method == "GET":
            return await self._http.get(f"/v1/{path}", params=values)
        return await self._http.request(method, f"/v1/{path}", json=values)
