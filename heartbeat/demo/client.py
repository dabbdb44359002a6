"""The demo's bot and heartbeat, made and watched over the HTTP API like anybody's."""

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
LOGS = 20


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
    """What there is to see at one moment; runs newest first."""

    order: HeartbeatView
    running: list[RunView]
    ended: list[RunView]


class DemoClient:
    """Speaks to the API as one project; calls raise `CannotStart` when refused, `httpx.HTTPError` when cut off."""

    def __init__(self, http: httpx.AsyncClient, project: str) -> None:
        self._http = http
        self._project = project

    async def bot(self, known: str | None, model: str) -> str:
        """The bot made last time if it is still there, else a new one; it may have heartbeats and speaks to `model`."""
        wanted = {
            "model": model,
            "instruction": INSTRUCTION,
            "max_reply_tokens": REPLY_TOKENS,
            "heartbeat": 1,
            "status": 1,
        }
        if known and (await self._send("GET", "bot/read", {"bot_id": known})).is_success:
            await self._ask("PUT", "bot/update", {**wanted, "bot_id": known})
            return known
        made = await self._ask("POST", "bot/create", {**wanted, "name": NAME})
        return str(made["bot"]["uuid"])

    async def heartbeat(self, bot: str) -> HeartbeatView:
        """The demo's heartbeat: made if it is not there, on in any case, with credits for this start."""
        before = await self._ask("GET", "bot/heartbeat/readall", {"bot_id": bot})
        orders = [HeartbeatView.model_validate(one) for one in before["heartbeats"]]
        used = next((order.credits_used for order in orders if order.external_id == EXTERNAL_ID), 0)
        wanted = {
            "bot_id": bot,
            "external_id": EXTERNAL_ID,
            "prompt": PROMPT,
            "cron_pattern": EVERY_MINUTE,
            "credit_budget": used + CREDITS_PER_START,
        }
        made = await self._ask("POST", "bot/heartbeat/configure", wanted)
        return await self._switch("enable", bot, made["heartbeat"]["uuid"])

    async def trigger(self, bot: str, heartbeat: str) -> None:
        """Start a run now and do not wait for its end."""
        await self._ask("POST", "bot/heartbeat/trigger", {"bot_id": bot, "heartbeat_id": heartbeat, "wait": False})

    async def disable(self, bot: str, heartbeat: str) -> None:
        """Let it fire no more."""
        await self._switch("disable", bot, heartbeat)

    async def snapshot(self, bot: str, heartbeat: str) -> Snapshot:
        """The heartbeat and its runs as they are now."""
        which = {"bot_id": bot, "heartbeat_id": heartbeat}
        order = await self._ask("GET", "bot/heartbeat/read", which)
        running = await self._ask("GET", "bot/heartbeat/logs", {**which, "status": "running"})
        ended = await self._ask("GET", "bot/heartbeat/logs", {**which, "per_page": LOGS})
        return Snapshot(
            HeartbeatView.model_validate(order["heartbeat"]),
            [RunView.model_validate(log) for log in running["logs"]],
            [RunView.model_validate(log) for log in ended["logs"]],
        )

    async def has_dashboard(self) -> bool:
        """Whether the API serves pages for people at its root."""
        return not (await self._http.get("/")).is_error

    async def _switch(self, how: str, bot: str, heartbeat: str) -> HeartbeatView:
        answer = await self._ask("POST", f"bot/heartbeat/{how}", {"bot_id": bot, "heartbeat_id": heartbeat})
        return HeartbeatView.model_validate(answer["heartbeat"])

    async def _ask(self, method: str, path: str, values: dict[str, Any]) -> dict[str, Any]:
        answer = await self._send(method, path, values)
        body: dict[str, Any] = answer.json()
        if not answer.is_success:
            raise CannotStart(f"The API refused {method} /v1/{path}: {body.get('message', answer.status_code)}")
        return body

    async def _send(self, method: str, path: str, values: dict[str, Any]) -> httpx.Response:
        values = {"project_id": self._project, **values}
        if method == "GET":
            return await self._http.get(f"/v1/{path}", params=values)
        return await self._http.request(method, f"/v1/{path}", json=values)
