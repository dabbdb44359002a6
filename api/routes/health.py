"""Health checks and metrics."""

import asyncio
from datetime import datetime

from fastapi import APIRouter, Request
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel, Field
from sqlalchemy import Connection
from starlette.responses import Response

from api.deps import stack_of
from api.errors import error_response
from api.middleware.metrics import Metrics
from api.responses import ApiResponse
from heartbeat.domain.errors import Unavailable
from heartbeat.domain.worker_roles import Role
from heartbeat.store.overview.backlogs import Backlogs, backlogs
from heartbeat.store.overview.counts import InstallationCounts, Tally, counts
from heartbeat.temporal import workers
from heartbeat.temporal.backlog import queue_backlogs
from heartbeat.temporal.client import healthy

router = APIRouter(tags=["Health"])

MEND = {
    "database": "the database (is it up, is there room on its disk, and was `heartbeat migrate` run?)",
    "temporal": "Temporal",
    "worker": "a worker that polls (run `heartbeat worker`)",
}
NOT_SERVED = "No worker has the role {role}: start one with `heartbeat worker --role {role}`."
# Of workers with a build id.
MAKE_CURRENT = "start one, or make its build the current one with `temporal worker deployment set-current-version`"
MEND_BUILD = f"a worker of the current build ({MAKE_CURRENT})"
NOT_CURRENT = f"No worker that has the role {{role}} is of the current build: {MAKE_CURRENT}."


class Up(BaseModel):
    status: str = Field(description="Always ok.", examples=["ok"])


class Ready(BaseModel):
    status: str = Field(description="ready, or not ready.", examples=["ready"])
    checks: dict[str, bool] = Field(
        description="Whether each part is there. `database`: whether it takes writes, as last tried within 5 s. "
        "`worker`: whether one that serves runs, and is of the current build, was heard of within the last 40 s. "
        "`clock`: whether this process's is within 2 s of the database's and "
        "Temporal's, as last compared. `upkeep` and `delivery`: whether a worker has these roles. None of the "
        "three alone makes it not ready.",
        examples=[
            {"database": True, "temporal": True, "worker": True, "upkeep": True, "delivery": True, "clock": True}
        ],
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
    stack = stack_of(request)
    # Side by side, so that it answers within ten seconds whatever is silent.
    database, reachable, by_role = await asyncio.gather(
        stack.write_probe.takes_writes(),
        healthy(stack.temporal),
        workers.workers_by_role(stack.temporal, stack.settings, stack.clock.temporal_time()),
    )
    served = {role.value: reachable and of_role.current > 0 for role, of_role in by_role.items()}
    parts = {"database": database, "temporal": reachable, "worker": served.pop("runs")}
    checks = {**parts, **served, "clock": stack.clock.warning is None}
    mend = MEND | ({"worker": MEND_BUILD} if by_role[Role.RUNS].living else {})
    missing = [mend[name] for name, present in parts.items() if not present]
    if missing:
        problem = Unavailable("not_ready", f"Missing: {', '.join(missing)}.")
        return error_response(problem, checks=checks, status="not ready")
    # Not a reason to take no requests: what these workers do waits for them, and the time is the database's.
    warnings = [
        (NOT_CURRENT if by_role[Role(role)].living else NOT_SERVED).format(role=role)
        for role, is_served in served.items()
        if not is_served
    ]
    warnings += [stack.clock.warning] if stack.clock.warning else []
    message = {"message": " ".join(warnings)} if warnings else {}
    return ApiResponse({"status": "ready", "checks": checks, **message})


@router.get("/metrics", response_class=Response)
async def read_metrics(request: Request) -> Response:
    """Read numbers in Prometheus' text format."""
    stack = stack_of(request)
    metrics: Metrics = request.app.state.metrics
    installation = metrics.installation
    known, since = installation.tally, installation.newest_run
    installation.set_counts(*await stack.database.read(_numbers, known, since, stack.now()))
    installation.set_queues(await queue_backlogs(stack.temporal, [stack.settings.queue(role) for role in Role]))
    installation.set_clock(stack.clock)
    return Response(metrics.text(), headers={"content-type": CONTENT_TYPE_LATEST})


def _numbers(
    connection: Connection, known: Tally | None, since: int | None, now: datetime
) -> tuple[InstallationCounts, Backlogs]:
    return counts(connection, known), backlogs(connection, since, now)
