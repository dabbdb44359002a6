"""Every process that a run has started, by way of whatever it was started."""

from contextlib import suppress
from pathlib import Path


class Descent:
    """What was seen below the parts, whenever somebody looked; whether any of it is still there."""

    def __init__(self) -> None:
        self._seen: dict[tuple[int, str], str] = {}

    def look(self, roots: list[int]) -> None:
        """Keep these processes and all below them."""
        for pid in family(roots):
            if began := start_of(pid):
                self._seen[pid, began] = title_of(pid)

    def left(self, roots: list[int]) -> list[str]:
        """Those that are there and are not below these."""
        still = set(family(roots))
        return [
            f"{title} ({pid}) is left"
            for (pid, began), title in self._seen.items()
            if pid not in still and start_of(pid) == began
        ]


def family(roots: list[int]) -> list[int]:
    """These processes and all below them."""
    found, new = list[int](), list(roots)
    while new:
        pid = new.pop()
        found.append(pid)
        with suppress(OSError):
            for task in Path(f"/proc/{pid}/task").iterdir():
                new += map(int, (task / "children").read_text().split())
    return found


def start_of(pid: int) -> str:
    """When it began, which tells it from a later one of the same number; nothing for one that has ended."""
    with suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return "" if fields[0] == "Z" else fields[19]
    return ""


def title_of(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    return ""
