"""A seed is all that a plan of faults is made from."""

from collections import Counter
from itertools import pairwise

from tests.faults import links
from tests.faults.plan import (
    DECK,
    FEWEST_BROKEN,
    FEWEST_SECONDS,
    MOST_BROKEN,
    MOST_SECONDS,
    STEPS,
    Breakable,
    faults,
)

PARTS = ("api", "worker", "temporal")
ALONE = Breakable(PARTS)


def test_the_same_seed_plans_the_same_faults() -> None:
    assert faults(7, 600, ALONE, 30) == faults(7, 600, ALONE, 30)
    assert faults(7, 600, ALONE, 30) != faults(8, 600, ALONE, 30)


def test_every_kind_comes_to_every_part_every_few_seconds() -> None:
    plan = faults(7, 600, ALONE, 30)
    kinds = Counter(fault.kind for fault in plan)
    assert (
        max(kinds[kind] / DECK.count(kind) for kind in DECK) - min(kinds[kind] / DECK.count(kind) for kind in DECK) <= 1
    )
    assert {part for fault in plan for part in fault.parts} == set(PARTS)
    assert {fault.parts for fault in plan if fault.kind == "kill all"} == {PARTS}
    assert {fault.seconds for fault in plan if fault.kind == "stop"} == {30}
    times = [0.0, *(fault.at for fault in plan)]
    gaps = [after - before for before, after in pairwise(times)]
    assert all(FEWEST_SECONDS - 0.01 <= gap <= MOST_SECONDS + 0.01 for gap in gaps)


def test_where_there_are_links_they_are_broken_in_every_way() -> None:
    between = ("api to postgres", "worker to model")
    broken = [fault for fault in faults(7, 600, Breakable(PARTS, between), 30) if fault.kind in links.FAULTS]
    assert {(fault.kind, *fault.parts) for fault in broken} == {
        (kind, link) for kind in links.FAULTS for link in between
    }
    assert all(FEWEST_BROKEN <= fault.seconds <= MOST_BROKEN for fault in broken)


def test_clocks_and_disks_are_broken_where_that_can_be() -> None:
    plan = faults(7, 1200, Breakable(PARTS, clocks=("worker",), disks=("disk",)), 30)
    stepped = [fault for fault in plan if fault.kind == "clock"]
    assert ({fault.parts for fault in stepped}, {fault.by for fault in stepped}) == ({("worker",)}, set(STEPS))
    assert {fault.parts for fault in plan if fault.kind == "full disk"} == {("disk",)}
    assert not {"clock", "full disk"} & {fault.kind for fault in faults(7, 1200, ALONE, 30)}
