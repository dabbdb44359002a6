"""Why a model request failed, in words its owner can act on, and whether trying again can help."""

from typing import Any, Self

from pydantic_ai import exceptions as ai

from heartbeat.agents.bodies.errors import is_moderation
from heartbeat.agents.bodies.shapes import TokenUsage, whole
from heartbeat.agents.transport import never_left, unusable_response_behind
from heartbeat.domain.redaction import SAID, mask
from heartbeat.domain.text import storable_text
from heartbeat.egress.unreachable import why_unreachable

MAX_LENGTH = 500
UNSENDABLE = "{model}: the request could not be sent; check this provider's key and address in the workers' settings."
UNREACHABLE = (
    "{model}: the provider cannot be reached{why}; check its address, and that of the proxy if there is one, in the "
    "workers' settings."
)
SILENT = "{model}: the provider did not answer in time."
RATE_LIMITED = "rate_limited"
LIMITED = "{model}: the provider limits the rate."
REFUSED = "{model}: the provider's filter refused this request; change the prompt."


# Asked the same, a model answers the same: tried twice at the most.
REPEATED = frozenset({"bad_answer", "malformed_tool_call"})


class ModelFailure(Exception):
    """A failed model request: our own words for it, and those of the provider, masked, which stay in the store.

    `message` is both. `retry_after` is what the provider asks for, in seconds.

    `usage` is what it used all the same, and `written` how many bytes of an answer came without a word of that: both
    were paid for.
    """

    def __init__(
        self,
        code: str,
        words: str,
        *,
        retryable: bool = False,
        retry_after: float | None = None,
        usage: TokenUsage | None = None,
        written: int | None = None,
    ) -> None:
        self.code = code
        super().__init__(words)
        self.words = words
        self.provider_words = ""
        self.retryable = retryable
        self.retry_after = retry_after
        self.usage = usage
        self.written = written

    @property
    def message(self) -> str:
        """All there is to say to the owner."""
        return f"{self.words} {SAID.format(self.provider_words)}" if self.provider_words else self.words

    def saying(self, provider_words: str) -> Self:
        """Add what the provider said."""
        self.provider_words = provider_words
        return self


FINAL: tuple[tuple[type[Exception], str, str], ...] = (
    (
        ai.ModelAuthenticationError,
        "key_rejected",
        "{model}: the provider rejected the key; put a valid one in the workers' settings.",
    ),
    (
        ai.ModelNotFoundError,
        "unknown_model",
        "{model}: the provider does not know this model; give the bot another one, or complete the provider's address.",
    ),
    (
        ai.ModelQuotaExceededError,
        "quota_exhausted",
        "{model}: the provider's quota or credit is used up; top it up there.",
    ),
    (
        ai.ModelContextWindowExceededError,
        "too_long",
        "{model}: the prompt is longer than this model can read; shorten it.",
    ),
    (ai.ModelRequestRejectedError, "request_rejected", "{model}: the provider refused this request."),
    (ai.ContentFilterError, "model_refused", REFUSED),
    (ai.UserError, "misconfigured", "{model}: the request could not be made."),
)
RETRYABLE: tuple[tuple[type[Exception], str, str], ...] = (
    (ai.ModelRateLimitError, RATE_LIMITED, LIMITED),
    (ai.ModelOverloadedError, "overloaded", "{model}: the provider is overloaded."),
    (ai.ModelUnavailableError, "unavailable", "{model}: the provider is unavailable for now."),
    (ai.ModelTimeoutError, "timeout", SILENT),
    (ai.ModelRequestTimeout, "timeout", SILENT),
    (ai.ModelServerError, "provider_error", "{model}: the provider failed."),
)


def explain(model: str, problem: Exception) -> ModelFailure:
    """Read the failure behind a library's exception, with the provider's own words, cut to 500 characters.

    No name of a class and no library's words about an answer reach anybody.
    """
    if (unusable := unusable_response_behind(problem)) is not None:
        message = f"{model}: the provider sent {unusable}."
        return ModelFailure(unusable.code, message, retryable=True, usage=unusable.usage, written=unusable.written)
    if never_left(problem):
        return ModelFailure("misconfigured", UNSENDABLE.format(model=model))
    said, usage = _provider_words(problem), _usage(problem)
    if isinstance(problem, ai.ModelRequestRejectedError) and is_moderation(_error(problem)):
        return ModelFailure("model_refused", REFUSED.format(model=model), usage=usage).saying(said)
    for kind, code, words in FINAL:
        if isinstance(problem, kind):
            return ModelFailure(code, words.format(model=model), usage=usage).saying(said)
    retry_after = getattr(problem, "retry_after", None)
    for kind, code, words in RETRYABLE:
        if isinstance(problem, kind):
            own = words.format(model=model)
            failure = ModelFailure(code, own, retryable=True, retry_after=retry_after, usage=usage)
            return failure.saying(said)
    if isinstance(problem, ai.ModelConnectionError):
        words = UNREACHABLE.format(model=model, why=why_unreachable(problem))
        return ModelFailure("unreachable", words, retryable=True)
    if isinstance(problem, TimeoutError):
        return ModelFailure("timeout", SILENT.format(model=model), retryable=True)
    return ModelFailure("bad_answer", f"{model}: the answer could not be understood.", retryable=True, written=0)


def _error(problem: Exception) -> Any:
    body = getattr(problem, "body", None)
    return body.get("error", body) if isinstance(body, dict) else body


def _usage(problem: Exception) -> TokenUsage | None:
    """What an error says was used, as `bodies.repair` put it there."""
    error = _error(problem)
    used = error.get("used") if isinstance(error, dict) else None
    if not isinstance(used, dict):
        return None
    return TokenUsage(whole(used.get("input_tokens")), whole(used.get("output_tokens")))


def _provider_words(problem: Exception) -> str:
    """What the provider said, from the body of its response alone."""
    error = _error(problem)
    message = error.get("message") if isinstance(error, dict) else error
    if message is None and isinstance(problem, ai.UserError):
        message = getattr(problem, "message", None) or problem
    return mask(" ".join(storable_text(str(message or "")).split()))[:MAX_LENGTH]
