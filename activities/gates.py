"""Look at the gate of a heartbeat, and open the run if there is news."""

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.heartbeating import heartbeating
from activities.runs import RunActivities
from heartbeat.domain.contracts import OpenRunInput, OpenRunResult
from heartbeat.gates.looking import GateReader
from heartbeat.store.runs.opening import Opening

# A look counts only if the gate, and the value that it is compared with, are the same when the run is opened.
MAX_LOOKS = 3


class GateActivities:
    """What is done before a tick of a heartbeat that has a gate."""

    def __init__(self, runs: RunActivities, reader: GateReader) -> None:
        self._runs = runs
        self._reader = reader

    @activity.defn
    async def look_at_gate(self, opening: OpenRunInput) -> OpenRunResult:
        """`claim` as an activity of its own."""
        async with heartbeating():
            return self._runs.result(await self.claim(opening))

    async def claim(self, opening: OpenRunInput) -> Opening:
        """Claim the tick, after a look at the gate if there is one.

        A look that is lost with its worker is made again: it only reads.
        """
        opened, looks = await self._runs.claim(opening), 0
        while opened.question is not None and looks < MAX_LOOKS:
            opened, looks = await self._runs.claim(opening, await self._reader.look(opened.question)), looks + 1
        if opened.question is None:
            return opened
        raise ApplicationError("the gate was changed again and again while it was looked at")
