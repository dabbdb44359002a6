"""The errors of calls, as the OpenAPI document describes them."""

from pydantic import Field

from api.schemas.answered import Answered
from api.schemas.examples import HEARTBEAT, example
from heartbeat.domain.errors import (
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    ProductError,
    RateLimited,
    Unauthorized,
    Unavailable,
)
from heartbeat.domain.quotas import Quota, QuotaUse

MESSAGE = "What is wrong and what to do, in a sentence."
CODE = "A stable word for the kind of error."

# What may go wrong with any call: in words, and an instance of it.
ERRORS: dict[int, tuple[str, ProductError]] = {
    400: (
        "A parameter is wrong; `details` names it.",
        Invalid("timezone", "'Mars/Olympus' is not a time zone; write an IANA name such as 'Europe/Berlin'"),
    ),
    401: ("No key, or an unknown one.", Unauthorized("Send a key of your project as `Authorization: Bearer KEY`.")),
    403: (
        "The key is another project's or lacks the scope, or the bot or the plan does not allow it.",
        Forbidden("wrong_project", "This key belongs to another project than the project_id that was sent."),
    ),
    404: ("There is no such thing.", NotFound("heartbeat", HEARTBEAT)),
    409: (
        "The first request with this Idempotency-Key is under way, was another or lost its answer, or an id is taken.",
        Conflict("external_id_taken", f"The external_id belongs to heartbeat {HEARTBEAT} of this bot; choose another."),
    ),
    429: (
        "The requests a minute of the plan or of the key are used up, or too many failed to get in; see Retry-After.",
        RateLimited(QuotaUse(Quota("project", 60), 0, 12)),
    ),
    503: (
        "The database or Temporal cannot be reached; nothing was changed. See Retry-After.",
        Unavailable("database_unavailable", "The database cannot be reached; nothing was changed. Try again shortly."),
    ),
}


class ErrorDetail(Answered):
    """What is wrong with one field."""

    field: str = Field(description="The field, as it was sent.", examples=["timezone"])
    message: str = Field(description="What to send instead.", examples=["write an IANA name such as 'Europe/Berlin'"])


class ErrorInside(Answered):
    """The error, for clients that look at `error.status`."""

    status: int = Field(description="The HTTP status.", examples=[404])
    code: str = Field(description=CODE, examples=["heartbeat_not_found"])
    message: str = Field(description=MESSAGE, examples=[ERRORS[404][1].message])


class Error(Answered):
    """Every error, whatever a client looks at."""

    error: ErrorInside = Field(description="The error.", examples=[example(ErrorInside)])
    message: str = Field(description=MESSAGE, examples=[ERRORS[404][1].message])
    err: str = Field(description="The same message.", examples=[ERRORS[404][1].message])
    code: str = Field(description=CODE, examples=["heartbeat_not_found"])
    success: bool = Field(False, description="Always false.", examples=[False])
    response: None = Field(None, description="Always null.", examples=[None])
    details: list[ErrorDetail] = Field(
        default=[], description="On a 400: what was wrong with which field.", examples=[[example(ErrorDetail)]]
    )
