"""Fields that several objects of the API have, each described once. Times are ISO 8601 in UTC, with `Z`."""

from typing import Annotated

from pydantic import Field

from api.schemas import examples
from api.schemas.pages import Pagination

BotNumber = Annotated[int, Field(description="The bot's number.", examples=[examples.BOT_NUMBER])]
BotUuid = Annotated[str, Field(description="The bot's id.", examples=[examples.BOT])]
HeartbeatUuid = Annotated[
    str, Field(description="The id of the heartbeat or scheduled task.", examples=[examples.HEARTBEAT])
]
RunUuid = Annotated[str, Field(description="The run's id, which is its log's.", examples=[examples.RUN])]

CreatedAt = Annotated[str, Field(description="When it was created.", examples=[examples.CREATED])]
WrittenAt = Annotated[str, Field(description="When it was written.", examples=[examples.ENDED])]
UpdatedAt = Annotated[str, Field(description="When it was last changed.", examples=[examples.CREATED])]

Model = Annotated[str, Field(description="The model, as `provider:name`.", examples=[examples.MODEL])]
InputTokens = Annotated[int, Field(description="Tokens that the model read.", examples=[412])]
OutputTokens = Annotated[int, Field(description="Tokens that the model wrote.", examples=[38])]
TokensUsed = Annotated[int, Field(description="Tokens read and written, together.", examples=[450])]
CreditsCharged = Annotated[int, Field(description="Credits that the project is charged.", examples=[2])]
CostUsd = Annotated[
    str,
    Field(description="What the providers charge for it in US dollars, as a decimal number.", examples=["0.0000846"]),
]
Price = Annotated[
    str | None,
    Field(
        description="What the credits cost the owner: a decimal number and a currency; null unless the operator has "
        "set `HEARTBEAT_CURRENCY_PER_CREDIT`.",
        examples=["0.24 EUR"],
    ),
]

Total = Annotated[int, Field(description="How many there are on all pages together.", examples=[1])]
Succeeded = Annotated[bool, Field(description="Whether it succeeded.", examples=[True])]
PaginationField = Annotated[
    Pagination, Field(description="Where the page stands among all.", examples=[examples.example(Pagination)])
]
