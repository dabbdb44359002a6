"""The names by which models call the tools of servers: such as every provider takes. Pure."""

import re
from hashlib import sha256

MAX_NAME_LENGTH = 64


def plain_name(label: str, tool: str) -> str:
    """The name of a server's tool, if it is short enough and no other tool has it."""
    name = re.sub(r"[^A-Za-z0-9_-]", "_", f"{label}__{tool}")
    # A name that begins with a digit or a dash is refused by some providers.
    return name if re.match(r"[A-Za-z_]", name) else f"_{name}"


def name_prefix(label: str) -> str:
    """What the names of all tools of a server begin with."""
    return plain_name(label, "")[: MAX_NAME_LENGTH - 9]


def distinct_name(server_uuid: str, label: str, tool: str) -> str:
    """Tell a name apart by its server's id, not by its place in a list: it never comes to mean another tool."""
    mark = sha256(f"{server_uuid} {tool}".encode()).hexdigest()[:8]
    return f"{plain_name(label, tool)[: MAX_NAME_LENGTH - len(mark) - 1]}_{mark}"
