"""What pages show of gates: how often they had nothing new."""

from api.dashboard.translations import gettext as _
from api.dashboard.translations import ngettext
from api.dashboard.views import formats
from heartbeat.store.tables.credits import RunSums


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
