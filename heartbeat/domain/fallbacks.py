"""Another model when one is down: after which failure which one is asked next. Pure."""

from collections.abc import Collection, Mapping, Sequence

from heartbeat.domain.failure_policy import PASSING

# Of the model alone: any other one may be there.
UNKNOWN_MODEL = "unknown_model"
# Of the provider's key, account or address: all its models fail so.
OF_PROVIDER = frozenset({"key_rejected", "missing_key", "misconfigured", "quota_exhausted"})


def next_model(models: Sequence[str], index: int, code: str, failed: Collection[str]) -> int | None:
    """The index of the model to ask after the one at `index`, which failed for `code`; `None` if none can help.

    Those that come later are asked first, then those before: they were down at an earlier step. Not those that have
    `failed` at this one.
    """
    if code not in PASSING | OF_PROVIDER | {UNKNOWN_MODEL}:
        return None
    provider = provider_of(models[index]) if code in OF_PROVIDER else None
    others = [*range(index + 1, len(models)), *range(index)]
    return next((at for at in others if models[at] not in failed and provider_of(models[at]) != provider), None)


def error_of_all(others: Mapping[str, str], code: str, words: str) -> tuple[str, str]:
    """The code and the words of a failure for `code`, in `words`, after `others`: the codes of other models, in order.

    If one of them may pass, the whole may.
    """
    if not others:
        return code, words
    passing = (other for other in others.values() if other in PASSING)
    failed = ", ".join(f"{model} failed ({other})" for model, other in others.items())
    return (code if code in PASSING else next(passing, code)), f"{words} Before it, {failed}."


def provider_of(model: str) -> str:
    """The provider of a model, `provider:name`."""
    return model.partition(":")[0]
