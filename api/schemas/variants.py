"""What a rehearsal or a replay may have otherwise than its heartbeat, its bot or the run that is replayed."""

from typing import Any

from pydantic import BaseModel, Field

from api.schemas import examples
from api.schemas.bots import Long, Short
from heartbeat.domain.heartbeat_fields import Prompt


class VariedFields(BaseModel):
    prompt: Prompt | None = Field(
        None, description="Another prompt; in a rehearsal or a replay alone.", examples=[examples.PROMPT]
    )
    model: Short | None = Field(
        None, description="Another model; in a rehearsal or a replay alone.", examples=[examples.MODEL]
    )
    instruction: Long | None = Field(
        None,
        description="Another instruction of the bot; in a rehearsal or a replay alone.",
        examples=["You watch over a support desk."],
    )

    @property
    def changes(self) -> dict[str, Any]:
        """What was sent, by the names of the columns that it stands for."""
        values = {name: getattr(self, name) for name in VariedFields.model_fields}
        return {name: value for name, value in values.items() if value is not None}
