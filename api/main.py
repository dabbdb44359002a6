"""The FastAPI application, put together from the parts of a process."""

import asyncio
from functools import partial
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import BaseRoute, Match
from temporalio.client import Client

from api import openapi
from api.auth_throttle import AuthThrottle
from api.dashboard.pages import refused_page, wants_page
from api.dashboard.router import pages
from api.deps import Stack, caller_of
from api.errors import error_response, from_http, from_validation, refusal
from api.middleware.idempotency import Idempotency
from api.middleware.metrics import Metrics
from api.middleware.request_limits import RequestLimits
from api.openid import OpenIdDoor
from api.responses import ApiResponse
from api.routes import (
    approvals,
    audit,
    bots,
    credits,
    findings,
    health,
    heartbeats,
    held_ticks,
    keys,
    logs,
    notifications,
    preview,
    project_holds,
    project_runs,
    runs,
    stats,
    subscribers,
    tasks,
    tools,
    triggers,
)
from api.schemas.fields import OfProject
from heartbeat.domain.clock import Clock
from heartbeat.domain.errors import BotsOnly, ProductError
from heartbeat.secrets.key_hashes import KeyHashes
from heartbeat.settings import Settings
from heartbeat.store.database.database import Database
from heartbeat.store.database.write_probe import WriteProbe
from heartbeat.store.projects.key_uses import KeyUses
from heartbeat.temporal.clock import SharedClock
from heartbeat.temporal.schedules import Schedules

# FastAPI's own, which would ask the environment at each request whether there is any.
NO_TELEMETRY: Any = {"tracing": False, "metrics": False, "logs": False}
DESCRIPTION = "Run AI agents on a schedule: budgeted, logged and durable."


def create_app(
    settings: Settings,
    database: Database,
    temporal: Client,
    now: Clock | None = None,
    clock: SharedClock | None = None,
) -> FastAPI:
    """Build the application. It opens and closes nothing: `database` and `temporal` are the caller's.

    The time is that of `clock`, which the caller measures, unless a test moves it with `now`.

    Set `app.state.closing` before stopping it, so that streams of events end.
    """
    clock = clock or SharedClock(database, temporal)
    now = now or clock
    schedules = Schedules(temporal, database, settings, now)
    hashes = KeyHashes.from_settings(settings)
    uses, probe, metrics = KeyUses(database, now, hashes), WriteProbe(database), Metrics(database)
    throttle = AuthThrottle(database, now, settings.free_failures, metrics.auth_failures)
    openid = OpenIdDoor(settings, now)
    stack = Stack(settings, database, temporal, schedules, now, clock, hashes, uses, probe, throttle, openid)
    app = FastAPI(
        title=openapi.TITLE,
        description=DESCRIPTION,
        routes=_routes(),
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry=NO_TELEMETRY,
    )
    app.state.stack, app.state.metrics, app.state.closing = stack, metrics, asyncio.Event()
    app.add_exception_handler(ProductError, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _refused_by_framework)
    app.add_middleware(Idempotency, stack=stack)
    app.add_middleware(
        RequestLimits,
        metrics=metrics,
        max_body_bytes=settings.max_body_bytes,
        database_seconds=settings.database_timeout_seconds,
        refuse=_refuse,
    )
    app.openapi = partial(openapi.describe, app)  # type: ignore[method-assign]
    return app


def _routes() -> list[BaseRoute]:
    """Every route as it is: those of a router that is included are built anew, and matched twice at each request."""
    of_runs = (triggers, logs, stats, runs, project_runs, approvals, findings, notifications)
    nouns = (
        heartbeats,
        held_ticks,
        preview,
        tasks,
        *of_runs,
        project_holds,
        credits,
        keys,
        audit,
        bots,
        tools,
        subscribers,
        health,
    )
    return [*(route for noun in nouns for route in noun.router.routes), *pages]


def _refuse(request: Request, problem: ProductError) -> Response:
    """Build the response to what was refused before any route: a page for a person, JSON for a program."""
    if wants_page(request):
        return refused_page(request, problem)
    return refusal(problem, request.scope["heartbeat.request_id"])


async def _refused(request: Request, problem: Exception) -> ApiResponse:
    assert isinstance(problem, ProductError)
    return refusal(problem, request.scope["heartbeat.request_id"])


async def _invalid(request: Request, problem: Exception) -> ApiResponse:
    assert isinstance(problem, RequestValidationError)
    params = problem.body if isinstance(problem.body, dict) else request.query_params
    project_id = params.get("project_id")
    ids = OfProject.model_construct(project_id=project_id) if isinstance(project_id, str) else None
    return await _if_authorized(request, ids, from_validation(problem))


async def _refused_by_framework(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, HTTPException)
    if problem.status_code == 405:
        problem.headers = {"Allow": _allowed_methods(request)}
    error = from_http(problem, request.method, request.scope["path"])
    if wants_page(request):
        return refused_page(request, error)
    if error.status == 400:
        return await _if_authorized(request, None, error)
    return error_response(error, dict(problem.headers or {}))


def _allowed_methods(request: Request) -> str:
    """List what this address answers to. The framework knows the first of its routes alone."""
    routes = (route for route in request.app.routes if route.matches(request.scope)[0] != Match.NONE)
    return ", ".join(sorted({method for route in routes for method in route.methods or ()}))


async def _if_authorized(request: Request, ids: OfProject | None, error: ProductError) -> ApiResponse:
    """Respond with `error` if the key is right, else with what is wrong with the key: a stranger learns no more."""
    try:
        await caller_of(request).access(ids)
    except BotsOnly:
        # Which bot is meant is not known of a request that is wrong.
        return error_response(error)
    except ProductError as problem:
        return refusal(problem, request.scope["heartbeat.request_id"])
    return error_response(error)
