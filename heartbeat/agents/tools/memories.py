"""The built-in tools `remember`, `recall` and `forget`, as a model is told of them. The store carries them out."""

from typing import Annotated

from pydantic import BaseModel, Field, StringConstraints

from heartbeat.agents.tools.definitions import OfferedTool

MAX_LENGTH = 4_000


class RememberArguments(BaseModel):
    """What `remember` is asked for."""

    text: Annotated[
        str,
        StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_LENGTH),
        Field(description="One thing, in words it will be understood by in a month."),
    ]


class RecallArguments(BaseModel):
    """What `recall` is asked for."""

    query: Annotated[str, Field(max_length=1_000, description="Words to look for; left empty, the newest.")] = ""


class ForgetArguments(BaseModel):
    """What `forget` is asked for."""

    id: Annotated[str, Field(min_length=1, max_length=64, description="The memory's id (mry_…), as recall shows it.")]


ARGUMENTS: dict[str, type[BaseModel]] = {
    "remember": RememberArguments,
    "recall": RecallArguments,
    "forget": ForgetArguments,
}
DEFINITIONS = [
    OfferedTool(
        "remember",
        "Keep something for later runs. Those that fit a task are shown at its start.",
        RememberArguments.model_json_schema(),
        idempotent=True,
    ),
    OfferedTool(
        "recall",
        "Look up what was remembered, by its words.",
        RecallArguments.model_json_schema(),
        idempotent=True,
        acts=False,
    ),
    OfferedTool("forget", "Drop one thing that was remembered.", ForgetArguments.model_json_schema(), idempotent=True),
]
