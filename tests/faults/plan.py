"""Which faults come when: a list made from a seed alone, so that a run can be had again. Pure."""

from dataclasses import dataclass
from random import Random

from tests.faults import links

# Each part is killed by itself more often than all are at once, or stands still.
DECK = ("kill", "kill", "kill", "kill all", "stop")
FEWEST_SECONDS, MOST_SECONDS = 2.0, 8.0
FEWEST_BROKEN, MOST_BROKEN = 3.0, 15.0


@dataclass(frozen=True)
class Fault:
    """What happens so many seconds after the beginning, to which parts or links; it lasts for `seconds`."""

    at: float
    kind: str
    parts: tuple[str, ...]
    seconds: float = 0.0


def faults(
    seed: int, length: float, parts: tuple[str, ...], stop_seconds: float, between: tuple[str, ...] = ()
) -> list[Fault]:
    """Plan faults every two to eight seconds for so long. Each kind comes before any comes again."""
    chance, planned, deck, at = Random(seed), list[Fault](), list[str](), 0.0
    kinds = DECK + links.FAULTS if between else DECK
    while (at := at + chance.uniform(FEWEST_SECONDS, MOST_SECONDS)) < length:
        deck = deck or chance.sample(kinds, len(kinds))
        kind, part = deck.pop(), chance.choice(parts)
        link, broken = chance.choice(between or parts), chance.uniform(FEWEST_BROKEN, MOST_BROKEN)
        if kind in links.FAULTS:
            planned.append(Fault(round(at, 2), kind, (link,), round(broken, 2)))
        else:
            hit = parts if kind == "kill all" else (part,)
            planned.append(Fault(round(at, 2), kind, hit, stop_seconds if kind == "stop" else 0.0))
    return planned
