"""The last runs of a heartbeat as a strip: a mark for each, its shape and colour the run's status."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from api.dashboard.translations import gettext as _
from api.dashboard.views import formats
from api.dashboard.views.formats import moment
from heartbeat.store.overview.last_runs import LastRun, last_runs
from heartbeat.store.tables.heartbeats import Heartbeat

# Above this many heartbeats the links of their strips are fetched when they are pointed at: a page would weigh twice
# as much with all of them.
MAX_LINKED = 25
# So many successes in a row are one mark, as wide as they are; lists.css has its widths.
TOGETHER = (16, 8, 4)


@dataclass(frozen=True)
class StripRun:
    """A run of a strip whose runs are links: its status, and what its link says."""

    uuid: str
    status: str
    label: str


@dataclass(frozen=True)
class Strip:
    """A heartbeat's last runs, oldest first: their `statuses`, and each as a link. Without these all are one link."""

    uuid: str
    path: str
    statuses: list[str]
    links: list[StripRun]
    label: str

    @property
    def marks(self) -> list[str]:
        """The classes of its marks where they are no links: "" is a success, "n8" eight of them, "e" an error."""
        runs = [(status, len(list(group))) for status, group in groupby(self.statuses)]
        return [mark for status, count in runs for mark in _marks(status, count)]


LastRuns = Mapping[int, Sequence[LastRun]]


def read_strips(connection: Connection, heartbeats: Sequence[Heartbeat]) -> LastRuns:
    """Read the last runs of the heartbeats of a page, with what a link needs where each will be one."""
    as_links = len(heartbeats) <= MAX_LINKED
    return last_runs(connection, [heartbeat.id for heartbeat in heartbeats], as_links)


def strip(heartbeat: Heartbeat, runs: LastRuns, now: datetime) -> Strip:
    """Show a heartbeat's last runs; they are links if they were read as such."""
    rows = runs.get(heartbeat.id, ())
    noun = "heartbeats" if heartbeat.type == "heartbeat" else "tasks"
    where, statuses = ZoneInfo(heartbeat.timezone), [run.status for run in rows]
    return Strip(
        uuid=heartbeat.uuid,
        path=f"/{noun}/{heartbeat.uuid}",
        statuses=statuses,
        links=[
            StripRun(run.uuid, run.status, _label(run.status, run.started_at, where, now))
            for run in rows
            if run.started_at
        ],
        label=_summary(statuses),
    )


def _marks(status: str, count: int) -> list[str]:
    if status != "success":
        return [status[0]] * count
    marks = []
    for width in TOGETHER:
        marks += [f"n{width}"] * (count // width)
        count %= width
    return marks + [""] * count


def _label(status: str, started_at: datetime, where: ZoneInfo, now: datetime) -> str:
    return f"{_(formats.STATUS[status])}, {moment(started_at, where, now).clock}"


def _summary(statuses: Sequence[str]) -> str:
    counts = Counter(statuses)
    parts = [f"{counts[status]} {_(words)}" for status, words in formats.STATUS.items() if counts[status]]
    return _("Last runs: %(counts)s") % {"counts": ", ".join(parts)}
