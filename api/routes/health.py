"""Health checks and metrics."""

import asyncio

from fastapi import APIRouter, Request
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel, Field
from sqlalchemy import Connection, select
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import Response

from api.deps import Stack
from api.errors import error_response
from api.responses import ApiResponse
from heartbeat.domain.errors import Unavailable
from heartbeat.store.overview.counts import counts
from heartbeat.store.rows import columns
from heartbeat.store.tables.projects import Project
from heartbeat.temporal import client

router = APIRouter(tags=["Health"])

MEND = {
    "database": "the database (is it up, and was `heartbeat migrate` run?)",
    "temporal": "Temporal",
    "worker": "a worker that polls (run `heartbeat worker`)",
}


class Up(BaseModel):
    status: str = Field(description="Always ok.", examples=["ok"])


class Ready(BaseModel):
    status: str = Field(description="ready, or not ready.", examples=["ready"])
    checks: dict[str, bool] = Field(
        description="Whether each part is there. `clock`: whether this process's is within 2 s of the database's and "
        "Temporal's, as last compared.",
        examples=[{"database": True, "temporal": True, "worker": True, "clock": True}],
    )
    message: str | None = Field(
        default=None,
        description="What is to be mended, though requests are served and runs run.",
        examples=["The clock of this process is 90 s ahead of the database's: set it right, best with NTP."],
    )


@router.get("/healthz", responses={200: {"model": Up}})
async def healthz() -> ApiResponse:
    """Say whether the process is up."""
    return ApiResponse({"status": "ok"})


@router.get("/readyz", responses={200: {"model": Ready}, 503: {"description": "Something is missing; it says what."}})
async def readyz(request: Request) -> ApiResponse:
    """Say whether requests can be served and runs will run."""
    stack: Stack = request.app.state.stack
    temporal, task_queue = stack.temporal, stack.settings.task_queue
    # Side by side, so that it answers within ten seconds whatever is silent.
    database, reachable, workers = await asyncio.gather(
        _database(stack), client.healthy(temporal), client.pollers(temporal, task_queue)
    )
    parts = {"database": database, "temporal": reachable, "worker": reachable and workers > 0}
    checks = {**parts, "clock": stack.clock.warning is None}
    missing = [MEND[name] for name, present in parts.items() if not present]
    if missing:
        problem = Unavailable("not_ready", f"Missing: {', '.join(missing)}.")
        return error_response(problem, checks=checks, status="not ready")
    # Not a reason to take no requests: the time is the database's, as far as this process can tell it.
    message = {"message": stack.clock.warning} if stack.clock.warning else {}
    return ApiResponse({"status": "ready", "checks": checks, **message})


@router.get("/metrics", response_class=Response)
async def metrics(request: Request) -> Response:
    """Read numbers in Prometheus' text format."""
    stack: Stack = request.app.state.stack
    text = request.app.state.metrics.text(await stack.database.read(counts), stack.clock)
    return Response(text, headers={"content-type": CONTENT_TYPE_LATEST})


def _first_project(connection: Connection) -> None:
    connection.execute(select(columns(Project).c.id).limit(1)).first()


async def _database(stack: Stack) -> bool:
    try:
        await stack.database.read(_first_project)
    except (Unavailable, SQLAlchemyError):
        return False
    return True
