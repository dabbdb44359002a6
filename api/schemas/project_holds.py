"""Requests about the hold of a project, and how it is shown."""

from typing import Annotated, Any

from pydantic import Field

from api.responses import moment
from api.schemas import examples
from api.schemas.answered import Answered
from api.schemas.examples import example
from api.schemas.fields import OfProject
from heartbeat.domain.field_types import Instant, Words
from heartbeat.store.heartbeats.project_holds import MAX_REASON, NewHold, Running
from heartbeat.store.tables.projects import ProjectHold

REASON = "Why, for whoever reads the logs."
MOVING = "The shop is moving to another server."


class HoldProject(OfProject):
    """Puts a project on hold."""

    reason: Annotated[Words, Field(max_length=MAX_REASON)] = Field(description=REASON, examples=[MOVING])
    until: Instant | None = Field(
        None,
        description="When it ends by itself, at most a year ahead; null: when it is released.",
        examples=[examples.NEXT],
    )
    running: Running = Field(
        "finish",
        description="What becomes of the runs in progress: `finish` or `cancel`. Runs that wait for a person stay.",
        examples=["finish"],
    )

    def new_hold(self) -> NewHold:
        return NewHold(self.reason.strip(), self.until, self.running)


class ProjectHoldObject(Answered):
    reason: str = Field(description=REASON, examples=[MOVING])
    since: str = Field(description="Since when the project is on hold.", examples=[examples.DUE])
    until: str | None = Field(
        description="When it ends by itself; null: when it is released.", examples=[examples.NEXT]
    )
    running: str = Field(description="What becomes of the runs in progress: finish or cancel.", examples=["finish"])
    held_by: str = Field(description="Who put it on hold.", examples=["the key CI"])


class OneHold(Answered):
    hold: ProjectHoldObject | None = Field(
        description="The hold that the project is on; null: it is on none.", examples=[example(ProjectHoldObject)]
    )


class PutOnHold(OneHold):
    cancelled: int = Field(description="How many runs in progress were asked to end.", examples=[0])


def show_hold(hold: ProjectHold | None) -> dict[str, Any]:
    """The `OneHold` of a row."""
    if hold is None:
        return {"hold": None}
    times = {"since": moment(hold.created_at), "until": moment(hold.until)}
    return {"hold": {"reason": hold.reason, **times, "running": hold.running, "held_by": hold.held_by}}
