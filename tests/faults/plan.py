"""Which faults come when: a list made from a seed alone, so that a run can be had again. Pure."""

from dataclasses import dataclass
from random import Random

from tests.faults import links

# Each part is killed by itself more often than all are at once, or stands still.
DECK = ("kill", "kill", "kill", "kill all", "stop")
FEWEST_SECONDS, MOST_SECONDS = 2.0, 8.0
FEWEST_BROKEN, MOST_BROKEN = 3.0, 15.0
FULL_DISK, CLOCK = "full disk", "clock"
# How far a clock is set wrong, in seconds.
STEPS = (-3600.0, -90.0, -5.0, 5.0, 90.0, 3600.0)


@dataclass(frozen=True)
class Fault:
    """What happens so many seconds after the beginning, to which parts or links; it lasts for `seconds`.

    `by` is how far a clock is stepped.
    """

    at: float
    kind: str
    parts: tuple[str, ...]
    seconds: float = 0.0
    by: float = 0.0


@dataclass(frozen=True)
class Breakable:
    """What can be broken: processes, the links between them, the clocks of some, and the disks."""

    parts: tuple[str, ...]
    links: tuple[str, ...] = ()
    clocks: tuple[str, ...] = ()
    disks: tuple[str, ...] = ()

    @property
    def kinds(self) -> tuple[str, ...]:
        """The deck that is dealt from."""
        broken = links.FAULTS if self.links else ()
        return (*DECK, *broken, *([CLOCK] if self.clocks else []), *([FULL_DISK] if self.disks else []))


def faults(seed: int, length: float, breakable: Breakable, stop_seconds: float) -> list[Fault]:
    """Plan faults every two to eight seconds for so long. Each kind comes before any comes again."""
    chance, planned, deck, at = Random(seed), list[Fault](), list[str](), 0.0
    while (at := at + chance.uniform(FEWEST_SECONDS, MOST_SECONDS)) < length:
        deck = deck or chance.sample(breakable.kinds, len(breakable.kinds))
        planned.append(_fault(round(at, 2), deck.pop(), breakable, stop_seconds, chance))
    return planned


def _fault(at: float, kind: str, breakable: Breakable, stop_seconds: float, chance: Random) -> Fault:
    while_broken = round(chance.uniform(FEWEST_BROKEN, MOST_BROKEN), 2)
    if kind in links.FAULTS:
        return Fault(at, kind, (chance.choice(breakable.links),), while_broken)
    if kind == CLOCK:
        return Fault(at, kind, (chance.choice(breakable.clocks),), while_broken, chance.choice(STEPS))
    if kind == FULL_DISK:
        return Fault(at, kind, (chance.choice(breakable.disks),), while_broken)
    if kind == "kill all":
        return Fault(at, kind, breakable.parts)
    return Fault(at, kind, (chance.choice(breakable.parts),), stop_seconds if kind == "stop" else 0.0)
