"""Requests about a project itself; only the dashboard makes them."""

from typing import Annotated, Any

from pydantic import BaseModel, Field, field_validator

from heartbeat.domain.field_types import WHOLE, CreditBudget, Words, is_blank

Name = Annotated[Words, Field(max_length=200)]


class UpdateProject(BaseModel):
    name: Name = Field(description="What people call the project.", examples=["Acme"])
    anchor_day: Annotated[int, Field(ge=1, le=31), WHOLE] = Field(
        description="Day of the month on which its billing periods begin.", examples=[1]
    )
    credit_budget: CreditBudget | None = Field(
        None, description="Credits that it may use in a billing period of its own will.", examples=[5000]
    )

    @field_validator("credit_budget", mode="before")
    @classmethod
    def _leave_out_a_blank(cls, value: Any) -> Any:
        return None if is_blank(value) else value
