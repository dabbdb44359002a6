"""What pages show of gates: what there is to choose, and how often they had nothing new."""

from dataclasses import dataclass

from api.dashboard.gate_form import TOOL, URL
from api.dashboard.translations import gettext as _
from api.dashboard.translations import marked, ngettext, translated
from api.dashboard.views import formats
from api.dashboard.views.tool_server import HEADERS
from heartbeat.store.tables.credits import RunSums

SOURCES = (
    ("", marked("None: it runs at each tick")),
    (URL, marked("An address")),
    (TOOL, marked("A tool of its bot that only reads")),
)
ON_FIRST = (("run", marked("Run with what is there")), ("skip", marked("Only take note of what is there")))
ON_ERROR = (("run", marked("Run all the same")), ("skip", marked("Skip the tick")))

Pairs = list[tuple[str, str]]


@dataclass(frozen=True)
class GateChoices:
    """What there is to choose in the part of the form that is about the gate."""

    sources: Pairs
    headers: Pairs
    on_first: Pairs
    on_error: Pairs


def gate_choices() -> GateChoices:
    return GateChoices(*map(translated, (SOURCES, HEADERS, ON_FIRST, ON_ERROR)))


def news_line(sums: RunSums, days: int) -> str | None:
    """Say how many of the ticks of so many days were runs; `None` where no gate had nothing new."""
    if not sums.unchanged:
        return None
    counts = [
        (ngettext("%(number)s tick", "%(number)s ticks", sums.total), sums.total),
        (ngettext("%(number)s run", "%(number)s runs", sums.executed), sums.executed),
        (ngettext("%(number)s time nothing new", "%(number)s times nothing new", sums.unchanged), sums.unchanged),
    ]
    if other := sums.skipped - sums.unchanged:
        counts.append((_("%(number)s skipped"), other))
    words = ", ".join(text % {"number": formats.number(number)} for text, number in counts)
    return _("In %(days)s days: %(counts)s.") % {"days": days, "counts": words}
