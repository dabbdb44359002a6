"""Who does something: a person, a program with a key, an agent, an operator in a shell, or the product by itself."""

from dataclasses import dataclass
from typing import Literal

ActorKind = Literal["user", "key", "link", "agent", "shell", "product"]


@dataclass(frozen=True)
class Actor:
    """Who does something; `id` and `name` are as they were then, `address` is the IP address it came from, if any.

    A `link` is whoever holds the link of a message, an `agent` is named by its run, a `shell` by the system's user.
    """

    kind: ActorKind
    id: str = ""
    name: str = ""
    address: str = ""

    @property
    def words(self) -> str:
        """What rows keep of who decided, held or rated; pages translate it (`api/dashboard/sentences.py`)."""
        match self.kind:
            case "user":
                return self.name
            case "key":
                return f"the key {self.name}"
            case "link":
                return "the link of a message"
            case "agent":
                return "an agent"
            case "shell":
                return f"{self.name} at the command line"
            case "product":
                return "Heartbeat itself"


PRODUCT = Actor("product")


def link_actor(address: str) -> Actor:
    """Whoever opens the link of a message, which is a key of its own."""
    return Actor("link", address=address)
