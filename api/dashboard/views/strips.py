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
    """A run of a strip: its status, and what its link says."""

    uuid: str
    status: str
    label: str


@dataclass(frozen=True)
class Strip:
    """A heartbeat's last runs, oldest first; `linked` if each is a link, else all together are one to its page."""

    uuid: str
    path: str
    runs: list[StripRun]
    linked: bool
    label: str

    @property
    def marks(self) -> list[str]:
        """The classes of its marks where they are no links: "" is a success, "n8" eight of them, "e" an error."""
        runs = [(status, len(list(group))) for status, group in groupby(run.status for run in self.runs)]
        return [mark for status, count in runs for mark in _marks(status, count)]


LastRuns = Mapping[int, Sequence[LastRun]]


def read_strips(connection: Connection, heartbeats: Sequence[Heartbeat]) -> LastRuns:
    """Read the last runs of the heartbeats of a page, with their times where each will be a link."""
    with_times = len(heartbeats) <= MAX_LINKED
    return last_runs(connection, [heartbeat.id for heartbeat in heartbeats], with_times)


def strip(heartbeat: Heartbeat, runs: LastRuns, now: datetime) -> Strip:
    """Show a heartbeat's last runs; they are links if they were read with their times."""
    rows = runs.get(heartbeat.id, ())
    noun = "heartbeats" if heartbeat.type == "heartbeat" else "tasks"
    where = ZoneInfo(heartbeat.timezone)
    return Strip(
        uuid=heartbeat.uuid,
        path=f"/{noun}/{heartbeat.uuid}",
        runs=[StripRun(run.uuid, run.status, _label(run, where, now)) for run in rows],
        linked=all(run.started_at for run in rows),
        label=_summary(rows),
    )


def _marks(status: str, count: int) -> list[str]:
    if status != "success":
        return [status[0]] * count
    marks = []
    for width in TOGETHER:
        marks += [f"n{width}"] * (count // width)
        count %= width
    return marks + [""] * count


def _label(run: LastRun, where: ZoneInfo, now: datetime) -> str:
    status = _(formats.STATUS[run.status])
    return f"{status}, {moment(run.started_at, where, now).clock}" if run.started_at else status


def _summary(runs: Sequence[LastRun]) -> str:
    counts = Counter(run.status for run in runs)
    parts = [f"{counts[status]} {_(words)}" for status, words in formats.STATUS.items() if counts[status]]
    return _("Last runs: %(counts)s") % {"counts": ", ".join(parts)}
