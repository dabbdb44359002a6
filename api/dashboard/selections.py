"""What can be done to several rows of a list at once: for each list the actions that there are for one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from api.dashboard.translations import marked, marked_plural
from heartbeat.store.bots import bots, subscribers
from heartbeat.store.heartbeats import heartbeats, tasks
from heartbeat.store.memory.memory import MemoryOwner
from heartbeat.store.memory.memory import forget as forget_memory
from heartbeat.store.notifications import targets
from heartbeat.store.overview.audience import one_memory
from heartbeat.store.overview.projects import access_to_bot, access_to_heartbeat, access_to_task
from heartbeat.store.overview.waiting import access_to_subscriber, access_to_tool
from heartbeat.store.projects.access import Access
from heartbeat.store.projects.keys import revoke_key
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tools import servers

# More than the longest page has.
MAX_SELECTED = 100

# Changes the row with a public id, and returns the heartbeats and tasks whose schedules must follow.
Change = Callable[[Connection, Access, str, datetime], list[str]]
Plural = tuple[str, str]


@dataclass(frozen=True)
class SelectedAction:
    """A button below a list. `done` says to how many it was done.

    One that has a `question` is asked first, with what follows from it.
    """

    change: Change
    label: str
    done: Plural
    question: Plural | None = None
    warning: str = ""


@dataclass(frozen=True)
class Selection:
    """A list whose rows can be selected: its address, the fields of its filter, and where one row has its page."""

    path: str
    fields: tuple[str, ...]
    page: str
    none: str
    actions: Mapping[str, SelectedAction]


def _of_heartbeat(change: Callable[[Connection, Access, datetime], Heartbeat]) -> Change:
    return lambda connection, access, uuid, now: [
        change(connection, access_to_heartbeat(connection, access, uuid), now).uuid
    ]


def _of_task(change: Callable[[Connection, Access, datetime], Heartbeat]) -> Change:
    return lambda connection, access, uuid, now: [
        change(connection, access_to_task(connection, access, uuid), now).uuid
    ]


def _delete_heartbeat(connection: Connection, access: Access, uuid: str, now: datetime) -> list[str]:
    return heartbeats.delete_heartbeat(connection, access_to_heartbeat(connection, access, uuid), now)


def _bot_flag(on: bool) -> Change:
    return lambda connection, access, uuid, now: (
        bots.update_bot(connection, access_to_bot(connection, access, uuid), {"heartbeat": on}, {}, now).heartbeats
    )


def _delete_bot(connection: Connection, access: Access, uuid: str, now: datetime) -> list[str]:
    return bots.delete_bot(connection, access_to_bot(connection, access, uuid), now).heartbeats


def _tool_flag(on: bool) -> Change:
    def change(connection: Connection, access: Access, uuid: str, now: datetime) -> list[str]:
        tool = servers.lock_tool(connection, access_to_tool(connection, access, uuid), uuid)
        servers.write_tool(connection, tool, {"is_enabled": on}, now)
        return []

    return change


def _delete_tool(connection: Connection, access: Access, uuid: str, now: datetime) -> list[str]:
    servers.delete_tool(connection, access_to_tool(connection, access, uuid), uuid)
    return []


def _forget_subscriber(connection: Connection, access: Access, uuid: str, now: datetime) -> list[str]:
    subscribers.forget_subscriber(connection, access_to_subscriber(connection, access, uuid), uuid)
    return []


def _delete_subscriber(connection: Connection, access: Access, uuid: str, now: datetime) -> list[str]:
    return subscribers.delete_subscriber(connection, access_to_subscriber(connection, access, uuid), uuid, now)


def _forget_memory(connection: Connection, access: Access, uuid: str, now: datetime) -> list[str]:
    memory = one_memory(connection, access, uuid).memory
    forget_memory(connection, MemoryOwner(memory.bot_id, memory.member_id), uuid)
    return []


def _revoke_key(connection: Connection, access: Access, uuid: str, now: datetime) -> list[str]:
    revoke_key(connection, access.project, uuid, now)
    return []


def _target_flag(on: bool) -> Change:
    def change(connection: Connection, access: Access, uuid: str, now: datetime) -> list[str]:
        targets.write_target(connection, access, uuid, {"is_enabled": on}, now)
        return []

    return change


def _delete_target(connection: Connection, access: Access, uuid: str, now: datetime) -> list[str]:
    targets.delete_target(connection, access, uuid, now)
    return []


HEARTBEATS = {
    "enable": SelectedAction(
        _of_heartbeat(heartbeats.enable),
        marked("Enable"),
        marked_plural("%(number)s heartbeat is on now.", "%(number)s heartbeats are on now."),
    ),
    "disable": SelectedAction(
        _of_heartbeat(heartbeats.disable),
        marked("Disable"),
        marked_plural("%(number)s heartbeat is off now.", "%(number)s heartbeats are off now."),
    ),
    "delete": SelectedAction(
        _delete_heartbeat,
        marked("Delete"),
        marked_plural("%(number)s heartbeat was deleted.", "%(number)s heartbeats were deleted."),
        marked_plural("Delete %(number)s heartbeat?", "Delete %(number)s heartbeats?"),
        marked("They run no more, and this cannot be undone. Their logs and what they cost stay."),
    ),
}
TASKS = {
    "resume": SelectedAction(
        _of_task(tasks.resume),
        marked("Resume"),
        marked_plural("%(number)s task was resumed.", "%(number)s tasks were resumed."),
    ),
    "pause": SelectedAction(
        _of_task(tasks.pause),
        marked("Pause"),
        marked_plural("%(number)s task is paused now.", "%(number)s tasks are paused now."),
    ),
    "cancel": SelectedAction(
        _of_task(tasks.cancel),
        marked("Cancel"),
        marked_plural("%(number)s task was cancelled.", "%(number)s tasks were cancelled."),
        marked_plural("Cancel %(number)s task?", "Cancel %(number)s tasks?"),
        marked("They run no more, and this cannot be undone. A run that is in progress still ends, and logs stay."),
    ),
}
BOTS = {
    "on": SelectedAction(
        _bot_flag(True),
        marked("Let their heartbeats run"),
        marked_plural("The heartbeats of %(number)s bot run.", "The heartbeats of %(number)s bots run."),
    ),
    "off": SelectedAction(
        _bot_flag(False),
        marked("Pause their heartbeats"),
        marked_plural("The heartbeats of %(number)s bot are paused.", "The heartbeats of %(number)s bots are paused."),
    ),
    "delete": SelectedAction(
        _delete_bot,
        marked("Delete"),
        marked_plural("%(number)s bot was deleted.", "%(number)s bots were deleted."),
        marked_plural("Delete %(number)s bot?", "Delete %(number)s bots?"),
        marked(
            "Their heartbeats, tasks, tools, subscribers and memories go along, and this cannot be undone. "
            "Logs and what they cost stay."
        ),
    ),
}
TOOLS = {
    "on": SelectedAction(
        _tool_flag(True),
        marked("Switch on"),
        marked_plural("%(number)s tool server is on now.", "%(number)s tool servers are on now."),
    ),
    "off": SelectedAction(
        _tool_flag(False),
        marked("Switch off"),
        marked_plural("%(number)s tool server is off now.", "%(number)s tool servers are off now."),
    ),
    "delete": SelectedAction(
        _delete_tool,
        marked("Disconnect"),
        marked_plural("%(number)s tool server was disconnected.", "%(number)s tool servers were disconnected."),
        marked_plural("Disconnect %(number)s tool server?", "Disconnect %(number)s tool servers?"),
        marked("Their bots have their tools no more, and what is kept of them is deleted, their headers too."),
    ),
}
SUBSCRIBERS = {
    "forget": SelectedAction(
        _forget_subscriber,
        marked("Forget what is remembered"),
        marked_plural(
            "What was remembered of %(number)s subscriber is forgotten.",
            "What was remembered of %(number)s subscribers is forgotten.",
        ),
        marked_plural(
            "Forget what is remembered of %(number)s subscriber?",
            "Forget what is remembered of %(number)s subscribers?",
        ),
        marked("This cannot be undone."),
    ),
    "delete": SelectedAction(
        _delete_subscriber,
        marked("Delete"),
        marked_plural("%(number)s subscriber was deleted.", "%(number)s subscribers were deleted."),
        marked_plural("Delete %(number)s subscriber?", "Delete %(number)s subscribers?"),
        marked(
            "The heartbeats that belong to them, their notification targets and what is remembered of them go along. "
            "This cannot be undone. Logs stay."
        ),
    ),
}
MEMORIES = {
    "forget": SelectedAction(
        _forget_memory,
        marked("Forget"),
        marked_plural("%(number)s memory is forgotten.", "%(number)s memories are forgotten."),
        marked_plural("Forget %(number)s memory?", "Forget %(number)s memories?"),
        marked("This cannot be undone."),
    ),
}
KEYS = {
    "revoke": SelectedAction(
        _revoke_key,
        marked("Revoke"),
        marked_plural("%(number)s key was revoked.", "%(number)s keys were revoked."),
        marked_plural("Revoke %(number)s key?", "Revoke %(number)s keys?"),
        marked("Whoever uses one of them is refused from then on. This cannot be undone."),
    ),
}
TARGETS = {
    "on": SelectedAction(
        _target_flag(True),
        marked("Switch on"),
        marked_plural("%(number)s target is on now.", "%(number)s targets are on now."),
    ),
    "off": SelectedAction(
        _target_flag(False),
        marked("Switch off"),
        marked_plural("%(number)s target is off now.", "%(number)s targets are off now."),
    ),
    "delete": SelectedAction(
        _delete_target,
        marked("Delete"),
        marked_plural("%(number)s target was deleted.", "%(number)s targets were deleted."),
        marked_plural("Delete %(number)s target?", "Delete %(number)s targets?"),
        marked("Nothing is sent there any more. What was sent stays in the list of messages."),
    ),
}

SEARCH = ("q", "show")
SELECTIONS: Mapping[str, Selection] = {
    "heartbeats": Selection(
        "/", (*SEARCH, "sort", "per_page"), "/heartbeats/", marked("No heartbeat was selected."), HEARTBEATS
    ),
    "tasks": Selection("/tasks", SEARCH, "/tasks/", marked("No task was selected."), TASKS),
    "bots": Selection("/bots", SEARCH, "/bots/", marked("No bot was selected."), BOTS),
    "tools": Selection("/tools", SEARCH, "/tools/", marked("No tool server was selected."), TOOLS),
    "subscribers": Selection(
        "/subscribers", ("q", "bot"), "/subscribers/", marked("No subscriber was selected."), SUBSCRIBERS
    ),
    "memories": Selection("/memories", ("q", "bot", "member"), "", marked("No memory was selected."), MEMORIES),
    "keys": Selection("/keys", SEARCH, "", marked("No key was selected."), KEYS),
    "targets": Selection(
        "/notifications", SEARCH, "/notifications/targets/", marked("No target was selected."), TARGETS
    ),
}
