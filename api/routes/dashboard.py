"""The dashboard: sign in, look at heartbeats and runs, run one now, switch one on and off."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs

from fastapi import APIRouter, Request
from sqlalchemy import Connection, Row
from starlette.responses import RedirectResponse, Response

from api.browser import PageRoute, SignedOut, Visiting, html, is_https
from api.deps import Stack, utc_now
from api.due import due
from api.following import follow
from api.schemas.logs import temporal_url
from heartbeat import credits
from heartbeat.allowed import require_heartbeats
from heartbeat.dashboard import heartbeats, runs, session
from heartbeat.dashboard.render import ASSETS, asset
from heartbeat.errors import NotFound
from heartbeat.ids import new_id
from heartbeat.store import heartbeats as store
from heartbeat.store import overview
from heartbeat.store.ledger import period_credits, steps
from heartbeat.store.logs import Filter, logs
from heartbeat.store.opening import cadence_of
from heartbeat.store.pages import Page
from heartbeat.store.runs import run_by_uuid
from heartbeat.store.sign_in import opened_by_secret
from heartbeat.store.tables import Bot, Heartbeat, Project, Run
from heartbeat.temporal import start_manual_run

router = APIRouter(route_class=PageRoute, include_in_schema=False)

HEARTBEATS_A_PAGE, RUNS_A_PAGE = 50, 20
CHART_DAYS = 14
FURTHEST_PAGE = 1_000_000
FOR_EVER = "public, max-age=31536000, immutable"
OWN_PAGE = re.compile(r"/(heartbeats|runs)/[A-Za-z0-9_.-]{1,64}")
WRONG_KEY = "No project has this key, or it was revoked."
DONE = {
    "run": "A run was started; it appears below in a moment.",
    "enable": "The heartbeat is on.",
    "disable": "The heartbeat is off.",
}
