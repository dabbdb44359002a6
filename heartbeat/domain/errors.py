"""The ways a request can fail. Each class carries its HTTP status and stable code; one handler renders them."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from heartbeat.domain.quotas import COSTLY, KEY, QuotaUse
from heartbeat.domain.scopes import Scope


@dataclass(frozen=True)
class Detail:
    """One field that was wrong, and what to do about it."""

    field: str
    message: str


# Compared and hashed as exceptions are, by identity: whoever keeps exceptions in sets or as keys may meet this one.
@dataclass(eq=False)
class ProductError(Exception):
    """Base of every error a caller can be told about. `message` says what to do next."""

    message: str
    code: str = "error"
    status: int = 500
    details: list[Detail] = field(default_factory=list)
    retry_after: int | None = None

    def __str__(self) -> str:
        return self.message


class Invalid(ProductError):
    """400: a field was wrong; `details` names it."""

    def __init__(self, field_name: str, message: str, code: str = "invalid_parameters") -> None:
        super().__init__(f"{field_name}: {message}", code, 400, [Detail(field_name, message)])


class InvalidMany(ProductError):
    """400: several fields were wrong at once."""

    def __init__(self, details: list[Detail]) -> None:
        message = "; ".join(f"{detail.field}: {detail.message}" for detail in details)
        super().__init__(message, "invalid_parameters", 400, details)


class Unauthorized(ProductError):
    """401: no key, an unknown one or a revoked one."""

    def __init__(self, message: str) -> None:
        super().__init__(message, "unauthorized", 401)


class Forbidden(ProductError):
    """403: the key, the bot or the plan does not allow it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message, code, 403)


class MissingScope(Forbidden):
    """403: the key, or a person in their role, may not do what this scope stands for."""

    def __init__(self, scope: Scope, role: str | None = None) -> None:
        message = (
            f"This needs the scope `{scope}`, which the key does not have. Use another key, or ask an admin for one."
        )
        if role is not None:
            message = (
                f"This needs the scope `{scope}`, which your role `{role}` does not have. Ask an admin for another one."
            )
        super().__init__("missing_scope", message)


class BotsOnly(Forbidden):
    """403: the key is for some bots, and the operation is about the whole project."""

    def __init__(self) -> None:
        super().__init__(
            "bots_only", "This key is for some bots alone: name one of them, or use a key of the whole project."
        )


class NotFound(ProductError):
    """404: `noun` is what was looked for (bot, heartbeat, subscriber, tool)."""

    def __init__(self, noun: str, key: str) -> None:
        super().__init__(f"There is no {noun} {key!r} here; check the id.", f"{noun}_not_found", 404)


class Conflict(ProductError):
    """409: somebody else wrote first, an idempotency key was used for another body, or a name is taken."""

    def __init__(self, code: str, message: str, field_name: str | None = None) -> None:
        details = [Detail(field_name, message)] if field_name else []
        super().__init__(f"{field_name}: {message}" if field_name else message, code, 409, details)


class RateLimited(ProductError):
    """429: the requests a minute of a quota are used up; `uses` are those of all quotas of the request."""

    def __init__(self, over: QuotaUse, uses: Sequence[QuotaUse] = ()) -> None:
        limit, retry_after = over.quota.limit, over.resets_in
        if over.quota.name == KEY:
            message = f"This key may send {limit} requests a minute; try again in {retry_after} s."
        elif over.quota.name == COSTLY:
            message = f"This project's plan allows {limit} costly reads a minute; try again in {retry_after} s."
        else:
            message = f"This project's plan allows {limit} requests a minute; try again in {retry_after} s."
        super().__init__(message, "rate_limited", 429, retry_after=retry_after)
        self.uses = uses


class TooManyFailures(ProductError):
    """429: too many failures to get in from an address, or with a name; nothing of it is looked at now."""

    def __init__(self, retry_after: int) -> None:
        message = f"Too many attempts to get in have failed; try again in {retry_after} s."
        super().__init__(message, "too_many_failures", 429, retry_after=retry_after)


class Unavailable(ProductError):
    """503: the database or Temporal cannot be reached; nothing was changed."""

    def __init__(self, code: str, message: str, retry_after: int = 5) -> None:
        super().__init__(message, code, 503, retry_after=retry_after)


class RunLost(Exception):
    """The database has lost a run or steps of it: it went back, by a restored backup or a failover."""

    def __init__(self, run_uuid: str) -> None:
        super().__init__(f"The database went back, and has lost the run {run_uuid} or steps of it.")
