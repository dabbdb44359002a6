"""What an exception of a client library comes to, where no answer of a provider can raise it."""

import pydantic_ai.exceptions as ai
import pytest

from heartbeat.agents.failures import ModelFailure, explain

MODEL = "openai:m"


@pytest.mark.parametrize(
    ("problem", "code", "retryable", "words"),
    [
        (TimeoutError(), "timeout", True, "did not answer in time"),
        (RuntimeError("of a library's own"), "bad_answer", True, "the answer could not be understood."),
        (UnicodeEncodeError("ascii", "ü", 0, 1, "ordinal not in range"), "misconfigured", False, "could not be sent"),
        (ai.UserError("Set the region of the account."), "misconfigured", False, "Set the region of the account."),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_each_problem_is_a_failure_in_our_words(problem: Exception, code: str, retryable: bool, words: str) -> None:
    failure = explain(MODEL, problem)
    assert isinstance(failure, ModelFailure)
    assert (failure.code, failure.retryable) == (code, retryable)
    assert failure.message.startswith(f"{MODEL}: ")
    assert words in failure.message
    assert "of a library's own" not in failure.message
