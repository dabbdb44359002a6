"""docs/reliability.md and the README show the reports as they are; they found nothing, and looked."""

from typing import Any

import pytest

from tests.faults.checks import CHECKS
from tests.faults.proof import ALSO, COUNTED, EVERYWHERE, unproved
from tests.faults.publish import PLACES, ROOT, published
from tests.faults.report import read, require_nothing_lost


@pytest.mark.parametrize("name", PLACES)
def test_the_pages_show_what_was_found(name: str) -> None:
    shown = (ROOT / name).read_text()
    assert shown == published(name, shown, read())


def test_nothing_was_lost_or_doubled() -> None:
    assert {found["store"] for found in read()} == ALSO.keys()
    for found in read():
        require_nothing_lost(found)
        assert unproved(found) == []


def whole() -> dict[str, Any]:
    """The least that a report proves something with."""
    kinds = dict.fromkeys(EVERYWHERE | ALSO["SQLite"], 1)
    counts = dict.fromkeys(COUNTED, 1)
    return {"store": "SQLite", "faults": kinds, "had an effect": kinds, **counts, "lost or doubled": {**CHECKS}}


def test_a_report_that_has_everything_proves_something() -> None:
    assert unproved(whole()) == []


@pytest.mark.parametrize("name", COUNTED)
def test_a_count_of_none_proves_nothing(name: str) -> None:
    assert unproved(whole() | {name: 0}) == [f"there are no {name}"]


@pytest.mark.parametrize("kind", sorted(EVERYWHERE | ALSO["SQLite"]))
def test_a_fault_that_did_not_happen_proves_nothing(kind: str) -> None:
    without = {name: 1 for name in EVERYWHERE | ALSO["SQLite"] if name != kind}
    assert unproved(whole() | {"faults": without}) == [f"no {kind} was carried out"]
    assert unproved(whole() | {"had an effect": without | {kind: 0}}) == [f"no {kind} had an effect"]


def test_a_check_that_was_not_made_proves_nothing() -> None:
    assert unproved(whole() | {"lost or doubled": {}}) == [f"nobody looked at {name}" for name in CHECKS]
