"""Requests about snoozing a heartbeat."""

from pydantic import Field

from api.schemas import examples
from api.schemas.fields import OfHeartbeat
from heartbeat.domain.field_types import Instant


class Snooze(OfHeartbeat):
    """Snoozes a heartbeat."""

    until: Instant = Field(
        description="Its ticks before it are held; at most a year ahead, with its offset.", examples=[examples.NEXT]
    )
