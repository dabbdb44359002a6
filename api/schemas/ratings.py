"""What is said of a run, as a request says it and as runs and logs show it."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field
from sqlalchemy import Row

from api.responses import moment
from api.schemas.answered import Answered
from heartbeat.domain.field_types import Text
from heartbeat.store.tables.runs import Run

THUMBS = {True: "up", False: "down"}


class RatingFields(BaseModel):
    """What is said of a run."""

    rating: Literal["up", "down", "none"] = Field(
        description="A thumb up or down; `none` takes back what was said.", examples=["down"]
    )
    note: Annotated[Text, Field(max_length=2_000)] | None = Field(
        None, description="Why, for those who read it later.", examples=["It forgot the mobile site."]
    )

    @property
    def liked(self) -> bool | None:
        return {"up": True, "down": False}.get(self.rating)


class RatingObject(Answered):
    """What a person said of a run."""

    rating: Literal["up", "down"] = Field(description="A thumb up or down.", examples=["down"])
    note: str | None = Field(description="What they wrote with it.", examples=["It forgot the mobile site."])
    rated_by: str = Field(
        description="Who said it.",
        examples=["the key CI"],
    )
    rated_at: str = Field(description="When it was said last.", examples=["2026-11-27T10:30:00Z"])


def show_rating(run: Row[Any] | Run) -> dict[str, Any] | None:
    """The `RatingObject` of a run; `None` of one that nobody rated."""
    if run.liked is None:
        return None
    return {
        "rating": THUMBS[run.liked],
        "note": run.rating_note,
        "rated_by": run.rated_by,
        "rated_at": moment(run.rated_at),
    }
