"""Whether the report of a run proves anything: what of it has to be there, and more than none."""

from typing import Any

from tests.faults.checks import CHECKS
from tests.faults.links import FAULTS
from tests.faults.plan import CLOCK, DECK, FULL_DISK

COUNTED = ("runs", "ticks", "requests", "decisions", "calls", "messages")
EVERYWHERE = {*DECK, *FAULTS, FULL_DISK}
# What each store is broken by, too.
ALSO: dict[str, set[str]] = {"PostgreSQL": {CLOCK}, "SQLite": set()}


def unproved(found: dict[str, Any]) -> list[str]:
    """Say what is missing: a count that is none, a kind of fault without an effect, a check that was not made."""
    missing = [f"there are no {name}" for name in COUNTED if not found.get(name)]
    kinds = EVERYWHERE | ALSO[found["store"]]
    missing += [f"no {kind} was carried out" for kind in sorted(kinds) if not found["faults"].get(kind)]
    missing += [f"no {kind} had an effect" for kind in sorted(kinds) if not found["had an effect"].get(kind)]
    return missing + [f"nobody looked at {name}" for name in CHECKS if name not in found["lost or doubled"]]


def require_proof(found: dict[str, Any]) -> None:
    """Fail if such a report would say nothing."""
    missing = unproved(found)
    assert not missing, missing
