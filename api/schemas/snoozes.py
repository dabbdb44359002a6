"""Requests about snoozing a heartbeat."""

from pydantic import AwareDatetime, Field

from api.schemas import examples
from api.schemas.fields import OfHeartbeat


class Snooze(OfHeartbeat):
    """Snoozes a heartbeat."""

    until: AwareDatetime = Field(
        description="Its ticks before it are held; at most a year ahead, with its offset.", examples=[examples.NEXT]
    )
