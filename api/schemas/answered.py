"""What calls answer, as the OpenAPI document describes it."""

from pydantic import BaseModel, ConfigDict


class Answered(BaseModel):
    """Describes what a call answers. Responses are made without it, so that only the document has it built."""

    model_config = ConfigDict(defer_build=True)
