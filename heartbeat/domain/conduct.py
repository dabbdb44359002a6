"""What a run did, and what of its expectation it did not: in sentences for its owner. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from heartbeat.domain.json_schemas import misfit, unfenced
from heartbeat.domain.patterns import is_match


@dataclass(frozen=True)
class Conduct:
    """What a run did, as it is recorded: the tools it called, those that succeeded, what it answered, oldest first."""

    reported: bool = False
    called: frozenset[str] = frozenset()
    succeeded: frozenset[str] = frozenset()
    answers: Sequence[str] = ()


def unmet(expect: Mapping[str, Any], conduct: Conduct) -> list[str]:
    """What of the expectation a run did not meet, a sentence each."""
    missing = []
    if expect.get("report") and not conduct.reported:
        missing.append("It ended without a report.")
    for tool in expect.get("called") or ():
        if tool not in conduct.called:
            missing.append(f"It did not call {tool}.")
        elif tool not in conduct.succeeded:
            missing.append(f"It called {tool}, but without success.")
    # What fitted once was said, whatever its agent added when it was asked for the rest.
    if expect.get("answer") and fitting_answer(expect, conduct.answers) is None:
        missing += _misfits(expect["answer"], conduct.answers[-1] if conduct.answers else "")
    return missing


def fitting_answer(expect: Mapping[str, Any] | None, answers: Sequence[str]) -> str | None:
    """The newest answer that fits what is expected of it, JSON without its fence; `None` if none is, or none does."""
    if not (answer := (expect or {}).get("answer")):
        return None
    fitting = next((text for text in reversed(answers) if not _misfits(answer, text)), None)
    return unfenced(fitting) if fitting is not None and "json_schema" in answer else fitting


def _misfits(answer: Mapping[str, Any], text: str) -> list[str]:
    misfits = []
    if (pattern := answer.get("matches")) and not is_match(pattern, text):
        misfits.append(f"Its answer does not match {pattern}.")
    if (schema := answer.get("json_schema")) is not None:
        misfits += [problem] if (problem := misfit(schema, text)) else []
    return misfits
