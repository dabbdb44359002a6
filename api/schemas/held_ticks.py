"""Requests about ticks that are held, and how these are shown."""

from collections.abc import Sequence
from typing import Any

from pydantic import Field

from api.responses import moment
from api.schemas import examples
from api.schemas.answered import Answered
from api.schemas.examples import example
from api.schemas.fields import OfHeartbeat
from heartbeat.domain.field_types import Instant
from heartbeat.store.tables.heartbeats import HeldTick

TICK = "A tick of the heartbeat, exactly as it is due, with its offset."


class OfTick(OfHeartbeat):
    """One tick of a heartbeat or a scheduled task."""

    tick: Instant = Field(description=TICK, examples=[examples.NEXT])


class HeldTickObject(Answered):
    tick: str = Field(description="The tick that is skipped.", examples=[examples.NEXT])
    held_by: str = Field(description="Who had it skipped.", examples=["the key CI"])
    held_at: str = Field(description="Since when it is held.", examples=[examples.CREATED])


class HeldTicks(Answered):
    held: list[HeldTickObject] = Field(
        description="The ticks of the heartbeat that are to come and held, in order.",
        examples=[[example(HeldTickObject)]],
    )


def show_held(ticks: Sequence[HeldTick]) -> dict[str, Any]:
    """The `HeldTicks` of these rows."""
    return {
        "held": [{"tick": moment(row.tick), "held_by": row.held_by, "held_at": moment(row.created_at)} for row in ticks]
    }
