"""Requests about a project itself and its keys; only the dashboard and the command line make them."""

from typing import Annotated

from pydantic import BaseModel, Field

from heartbeat.domain.field_types import WHOLE, Words

Name = Annotated[Words, Field(max_length=200)]


class CreateKey(BaseModel):
    name: Name = Field(description="What the key is for.", examples=["Backups"])


class UpdateProject(BaseModel):
    name: Name = Field(description="What people call the project.", examples=["Acme"])
    anchor_day: Annotated[int, Field(ge=1, le=31), WHOLE] = Field(
        description="Day of the month on which its billing periods begin.", examples=[1]
    )
