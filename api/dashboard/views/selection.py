"""What a list of heartbeats can be asked for, and what was done to those that were selected in it."""

from dataclasses import dataclass

from api.dashboard.forms import Form
from api.dashboard.translations import gettext as _
from api.dashboard.translations import marked, ngettext

PAGE_SIZES = (50, 100)
SHOW = {
    "": marked("All"),
    "on": marked("On"),
    "paused": marked("Paused"),
    "off": marked("Off"),
    "pending": marked("Pending"),
    "failed": marked("Last run failed"),
    "running": marked("Running now"),
}
SORT = {
    "state": marked("State"),
    "next": marked("Next run"),
    "last": marked("Last run"),
    "credits": marked("Credits"),
    "name": marked("Name"),
}


@dataclass(frozen=True)
class ListChoices:
    """The choices of the list's form, each with its words."""

    show: list[tuple[str, str]]
    sort: list[tuple[str, str]]
    sizes: tuple[int, ...]


CHOICES = ListChoices([*SHOW.items()], [*SORT.items()], PAGE_SIZES)


@dataclass(frozen=True)
class SelectionFailure:
    """A heartbeat to which it could not be done, and why not; one that is gone has no title."""

    uuid: str
    title: str | None
    why: str


def notice(form: Form) -> str | None:
    """Say what was done, as the address to which an action leads has it."""
    done, number = form.get("done"), form.get("n")
    if done == "deleted":
        return _("The heartbeat was deleted. Its runs stay in the log.")
    if not number.isascii() or not number.isdecimal() or len(number) > 4:
        return None
    return outcome(done, int(number))


def outcome(done: str, number: int) -> str | None:
    """Say to how many heartbeats it was done."""
    if not number:
        return _("No heartbeat was selected.") if done in ("enable", "disable", "delete") else None
    words = {
        "enable": ngettext("%(number)s heartbeat is on now.", "%(number)s heartbeats are on now.", number),
        "disable": ngettext("%(number)s heartbeat is off now.", "%(number)s heartbeats are off now.", number),
        "delete": ngettext("%(number)s heartbeat was deleted.", "%(number)s heartbeats were deleted.", number),
    }.get(done)
    return words % {"number": number} if words else None
