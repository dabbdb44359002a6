"""What a server says that it offers, read tool by tool: one that is described badly takes no other with it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from heartbeat.agents.tools.definitions import DiscoveredTool
from heartbeat.agents.tools.schemas import reason_not_to_offer
from heartbeat.domain.text import storable_text

MAX_PAGES = 50
CUT = f"Its list of tools goes on after {MAX_PAGES} pages, and was read no further."
MAX_NAME_LENGTH = 255
MAX_NAMED = 10
HINTS = ("readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint")
TRUTHS = {True: True, False: False, "true": True, "false": False}


@dataclass
class Listing:
    """The tools of a server, and those that cannot be offered, with why: `name: reason`.

    `is_cut`: the list went on after as many pages as are read.
    """

    tools: dict[str, DiscoveredTool] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    is_cut: bool = False

    def add(self, page: Mapping[str, Any]) -> bool:
        """Add a page, as its server sent it; returns whether it had a tool that no page had before.

        Of two tools of one name the first counts.
        """
        entries, before = page.get("tools"), len(self.tools)
        for entry in entries if isinstance(entries, list) else ():
            name: Any = entry.get("name") if isinstance(entry, dict) else None
            if reason := _reason(entry, name):
                self.left_out.append(f"{_shown(name)}: {reason}")
            else:
                self.tools.setdefault(name, _tool(name, entry))
        return len(self.tools) > before

    @property
    def warning(self) -> str | None:
        """What cannot be offered, in words; `None` if all can."""
        return " ".join(filter(None, [self._left_out_words(), CUT if self.is_cut else ""])) or None

    def _left_out_words(self) -> str:
        if not self.left_out:
            return ""
        more = f"; and {len(self.left_out) - MAX_NAMED} more" if len(self.left_out) > MAX_NAMED else ""
        return f"Left out of its tools: {'; '.join(self.left_out[:MAX_NAMED])}{more}."


def next_cursor(page: Mapping[str, Any], seen: set[str]) -> str | None:
    """Where the list goes on. A cursor that was there before ends it: such a list would never end.

    An empty cursor is followed once: some servers mean the end by it, and some go on.
    """
    cursor = page.get("nextCursor")
    if not isinstance(cursor, str) or cursor in seen:
        return None
    seen.add(cursor)
    return cursor


def _reason(entry: Any, name: Any) -> str | None:
    if not isinstance(entry, dict):
        return "it is described by no object"
    if not isinstance(name, str) or not name.strip():
        return "it has no name"
    if len(name) > MAX_NAME_LENGTH:
        return f"its name is longer than {MAX_NAME_LENGTH} characters"
    if name != storable_text(name):
        return "its name has characters that cannot be kept"
    execution = entry.get("execution")
    if isinstance(execution, dict) and execution.get("taskSupport") == "required":
        return "it can be called as a task alone, and its server's tasks are not followed"
    return reason_not_to_offer(_schema(entry))


def _shown(name: Any) -> str:
    return storable_text(name)[:40] if isinstance(name, str) and name.strip() else "one without a name"


def _tool(name: str, entry: Mapping[str, Any]) -> DiscoveredTool:
    description = entry.get("description")
    return DiscoveredTool(name, description if isinstance(description, str) else "", _schema(entry), _notes(entry))


def _schema(entry: Mapping[str, Any]) -> dict[str, Any]:
    schema = entry.get("inputSchema", entry.get("input_schema"))
    return schema if isinstance(schema, dict) else {}


def _notes(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The annotations that the protocol knows, in their order there. A hint that is no yes or no says nothing."""
    given = entry.get("annotations")
    if not isinstance(given, dict):
        return {}
    title = {"title": given["title"]} if isinstance(given.get("title"), str) else {}
    hints = {name: TRUTHS.get(given[name]) for name in HINTS if isinstance(given.get(name), bool | str)}
    return title | {name: hint for name, hint in hints.items() if hint is not None}
