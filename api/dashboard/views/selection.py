"""What lists can be asked for, and what was done to the rows that were selected in one."""

from dataclasses import dataclass
from urllib.parse import urlencode

from api.dashboard.forms import Form
from api.dashboard.permissions import may
from api.dashboard.selections import SELECTIONS, Plural
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
SHOW_BOTS = {
    "": marked("All"),
    "on": marked("Heartbeats on"),
    "off": marked("Heartbeats off"),
    "paused": marked("With paused ones"),
}
SHOW_TASKS = {
    "": marked("All that stand"),
    "active": marked("Active"),
    "paused": marked("Paused"),
    "ended": marked("Ended"),
}
SHOW_TOOLS = {
    "": marked("All"),
    "on": marked("On"),
    "off": marked("Off"),
    "changed": marked("Changed"),
    "problem": marked("With a problem"),
}
SHOW_KEYS = {
    "": marked("All"),
    "works": marked("Those that work"),
    "expired": marked("Expired"),
    "revoked": marked("Revoked"),
}
SHOW_TARGETS = {"": marked("All"), "on": marked("On"), "off": marked("Off")}
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
    """A row to which it could not be done, and why not; one that is gone has no title."""

    uuid: str
    title: str | None
    why: str


@dataclass(frozen=True)
class SelectionBar:
    """The buttons below a list, those that the visitor may press, each with its words and whether it is asked first.

    `back` is the filter of the list.
    """

    kind: str
    buttons: list[tuple[str, str, bool]]
    back: str


def selection_bar(kind: str, form: Form) -> SelectionBar:
    buttons = [
        (name, _(action.label), action.question is not None)
        for name, action in SELECTIONS[kind].actions.items()
        if may(f"POST /selected/{kind}/{name}")
    ]
    return SelectionBar(kind, buttons, list_query(kind, form))


def list_query(kind: str, form: Form) -> str:
    """Return the filter of a list as a query string."""
    return urlencode(form.filled(*SELECTIONS[kind].fields))


def list_path(kind: str, form: Form) -> str:
    """Return the address of a list with its filter, and without its page."""
    path, query = SELECTIONS[kind].path, list_query(kind, form)
    return f"{path}?{query}" if query else path


def notice(kind: str, form: Form) -> str | None:
    """Say to how many rows something was done, as the address to which it leads has it."""
    number = form.get("n")
    if not number.isascii() or not number.isdecimal() or len(number) > 4:
        return None
    return outcome(kind, form.get("done"), int(number))


def outcome(kind: str, action: str, number: int) -> str | None:
    """Say to how many rows it was done."""
    selection = SELECTIONS[kind]
    if action not in selection.actions:
        return None
    return question(selection.actions[action].done, number) if number else _(selection.none)


def question(words: Plural, number: int) -> str:
    return ngettext(*words, number) % {"number": number}
