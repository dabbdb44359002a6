"""The built-in tools `remember`, `recall` and `forget`, as a model is told of them. The store carries them out."""

from typing import Annotated

from pydantic import BaseModel, Field, StringConstraints

from heartbeat.agents.tools.definitions import Definition

LONGEST = 4_000


class Remember(BaseModel):
    """What `remember` is asked for."""

    text: Annotated[
        str,
        StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST),
        Field(description="One thing, in words it will be understood by in a month."),
    ]


class Recall(BaseModel):
    """What `recall` is asked for."""

    query: Annotated[str, Field(max_length=1_000, description="Words to look for; left empty, the newest.")] = ""


class Forget(BaseModel):
    """What `forget` is asked for."""

    id: Annotated[str, Field(min_length=1, max_length=64, description="The memory's id (mry_…), as recall shows it.")]


ARGUMENTS: dict[str, type[BaseModel]] = {"remember": Remember, "recall": Recall, "forget": Forget}
DEFINITIONS = [
    Definition(
        "remember",
        "Keep something for later runs. Those that fit a task are shown at its start.",
        Remember.model_json_schema(),
        idempotent=True,
    ),
    Definition(
        "recall",
        "Look up what was remembered, by its words.",
        Recall.model_json_schema(),
        idempotent=True,
        acts=False,
    ),
    Definition("forget", "Drop one thing that was remembered.", Forget.model_json_schema(), idempotent=True),
]
