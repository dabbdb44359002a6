"""A page twice as long against the page itself, for every broken piece of markup a page may be full of."""

from statistics import median
from time import process_time

from bench.goals import Result, rounded
from heartbeat.agents.tools.built_in.html_text import html_to_text

PIECES = ("<", "<a ", "<!--", "<p>x", "<svg>", "<a href=x>", "</", "<a x='", "&", "<title>")
CHARACTERS, ROUNDS = 400_000, 5


async def measure() -> Result:
    """Measure the time for a page twice as long: twice when it grows with the length, four times with its square."""
    worst = {piece: median(_twice(piece) for _ in range(ROUNDS)) for piece in PIECES}
    result = Result(raw={"times_by_piece": {piece: rounded(times) for piece, times in worst.items()}})
    result.at_most("reading a page of broken markup / reading one half as long", max(worst.values()), 3)
    return result


def _twice(piece: str) -> float:
    return _seconds(piece, 2 * CHARACTERS) / _seconds(piece, CHARACTERS)


def _seconds(piece: str, length: int) -> float:
    page = (piece * length)[:length]
    began = process_time()
    html_to_text(page, "http://example.com/")
    # Some pieces are read at once: below a millisecond nothing is compared.
    return max(process_time() - began, 0.001)
