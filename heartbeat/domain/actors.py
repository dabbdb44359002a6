"""Who does something: a person, a program with a key, an agent, an operator in a shell, or the product by itself."""

from dataclasses import dataclass
from typing import Literal

ActorKind = Literal["user", "key", "link", "agent", "shell", "product"]


@dataclass(frozen=True)
class Visit:
    """Where somebody comes from: an IP address, and what their browser or program calls itself."""

    address: str = ""
    user_agent: str = ""


NOWHERE = Visit()


@dataclass(frozen=True)
class Actor:
    """Who does something, from where; `id`, `name` and `email` are as they were then.

    A `link` is whoever holds the link of a message, an `agent` is named by its run, a `shell` by the system's user.
    Only people have an `email`.
    """

    kind: ActorKind
    id: str = ""
    name: str = ""
    email: str = ""
    visit: Visit = NOWHERE

    @property
    def words(self) -> str:
        """What rows keep of who decided, held or rated; pages translate it (`api/dashboard/sentences.py`).

        People choose their names, so what nobody else has comes first: no name makes a person look like another one,
        a key or Heartbeat itself.
        """
        match self.kind:
            case "user":
                return f"{self.email or self.id} ({self.name})"
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

    @property
    def reference(self) -> str:
        """What crosses Temporal in place of `words`: an id, if there is one (`heartbeat/store/users/references.py`)."""
        return self.id if self.kind in ("user", "key") else self.words


PRODUCT = Actor("product")


def link_actor(visit: Visit) -> Actor:
    """Whoever opens the link of a message, which is a key of its own."""
    return Actor("link", visit=visit)
