"""Does to a stack what is planned, and undoes what lasts for a while."""

import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

from tests.faults.effects import gone, has_clock, is_full, stand_still
from tests.faults.links import FAULTS
from tests.faults.plan import CLOCK, FULL_DISK, Fault
from tests.faults.stack import Stack
from tests.support.patience import wait_until
from tests.support.small_disk import FILLER, fill

# Where the plan goes on, whether all is ready again or not.
READY_SECONDS = 30.0


class Happening:
    """The faults of a plan, each at its time or as soon as what was killed before is there again.

    `had_effect` counts, by kind, those of which that was seen.
    """

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self.had_effect = Counter[str]()
        self._last: list[tuple[float, Fault]] = []
        self._unseen: list[Fault] = []
        self._began = time.monotonic()

    def carry_out(self, planned: list[Fault]) -> None:
        self._began = time.monotonic()
        for fault in planned:
            self._tend_until(lambda at=fault.at: self._seconds() >= at)  # type: ignore[misc]
            by = f" by {fault.by:+g} s" if fault.by else ""
            print(f"{self._seconds():6.1f} s  {fault.kind}  {', '.join(fault.parts)}{by}", flush=True)
            self._carry_out(fault)
        self._tend_until(lambda: not self._last)

    def ready(self) -> bool:
        self._tend()
        return self._stack.ready()

    def _carry_out(self, fault: Fault) -> None:
        stack = self._stack
        if fault.seconds:
            self._last.append((self._seconds() + fault.seconds, fault))
        if fault.kind in FAULTS:
            stack.links.break_(fault.parts[0], fault.kind)
        elif fault.kind == "stop":
            stack.signal(fault.parts[0], signal.SIGSTOP)
            self.had_effect["stop"] += stand_still(stack.parts[fault.parts[0]].pids)
        elif fault.kind == CLOCK:
            stack.step(fault.parts[0], fault.by)
            self._unseen.append(fault)
        elif fault.kind == FULL_DISK:
            fill(stack.disk)
            self.had_effect[FULL_DISK] += is_full(stack.disk)
        else:
            self._kill(fault)
            self._make_room()
            stack.start(fault.parts)
            with suppress(AssertionError):
                wait_until(self.ready, seconds=READY_SECONDS)

    def _kill(self, fault: Fault) -> None:
        parts = [self._stack.parts[name] for name in fault.parts]
        pids = [pid for part in parts for pid in part.pids]
        for part in parts:
            part.kill()
        self.had_effect[fault.kind] += gone(pids)

    def _tend_until(self, holds: Callable[[], bool]) -> None:
        while not holds():
            self._tend()
            time.sleep(0.1)

    def _tend(self) -> None:
        for over in [one for one in self._last if one[0] <= self._seconds()]:
            self._last.remove(over)
            self._undo(over[1])
        for fault in [one for one in self._unseen if has_clock(self._stack, one)]:
            self._unseen.remove(fault)
            self.had_effect[CLOCK] += 1
        self._make_room()
        self._stack.revive()

    def _make_room(self) -> None:
        """What cannot begin on a full disk is waited for, and whoever waits makes no room meanwhile."""
        full = [one for one in self._last if one[1].kind == FULL_DISK]
        if full and self._stack.needs_disk.ended:
            print(f"{self._seconds():6.1f} s  room on the disk, for who needs it to begin", flush=True)
            for over in full:
                self._last.remove(over)
                self._undo(over[1])

    def _undo(self, fault: Fault) -> None:
        stack, name = self._stack, fault.parts[0]
        self._unseen = [one for one in self._unseen if one != fault]
        if fault.kind in FAULTS:
            # What a broken link held back, swallowed or cut is known at its end alone.
            self.had_effect[fault.kind] += stack.links.had_effect(name)
        if any((one.kind, one.parts) == (fault.kind, fault.parts) for _, one in self._last):
            # The same began anew meanwhile, and ends with that one.
            return
        if fault.kind == "stop":
            stack.signal(name, signal.SIGCONT)
        elif fault.kind == CLOCK:
            stack.step(name, 0)
        elif fault.kind == FULL_DISK:
            (stack.disk / FILLER).unlink()
        else:
            stack.links.heal(name)

    def _seconds(self) -> float:
        return time.monotonic() - self._began
