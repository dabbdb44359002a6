"""Heartbeats: configure, list, read, switch on and off, delete."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Query
from sqlalchemy import Connection

from api.answers import Answer
from api.deps import Asking, Caller, utc_now
from api.following import follow, follow_all
from api.schemas.heartbeats import (
    AllHeartbeats,
    Configure,
    ListHeartbeats,
    Message,
    OneHeartbeat,
    show_all,
)
from api.schemas.fields import OfBot, OfHeartbeat
from heartbeat.store import heartbeats as store
from heartbeat.store.access import Access
from heartbeat.store.configure import configure as store_configure
from heartbeat.store.subscribers import member_uuids, subscriber
from heartbeat.store.tables import Heartbeat

router = APIRouter(prefix="/v1/bot/heartbeat", tags=["Heartbeats"])
