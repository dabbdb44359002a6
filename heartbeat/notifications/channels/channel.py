"""What every channel is: the protocol that the registry speaks to, and what its config builds on."""

from collections.abc import Mapping
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict

from heartbeat.notifications.channels.message import Message
from heartbeat.settings import Settings


class ChannelConfig(BaseModel):
    """What a target of one channel is set up with. Fields that are `SecretStr` are kept sealed and never shown."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, hide_input_in_errors=True)


C = TypeVar("C", bound=ChannelConfig)


class Channel(Protocol[C]):
    """One way to reach a person or a program. A channel derives from this and says what is different about it."""

    config: type[C]
    # Whether a receiver can tell by the message's id that it got it before.
    knows_repetitions: bool = False

    async def send(self, config: C, message: Message, settings: Settings) -> Mapping[str, Any] | None:
        """Make one attempt; return when the message was taken. Raises `Rejected`, `Gone`, `NotNow` and `Unconfirmed`.

        Returns the fields of the config that the receiver says are others from now on, if there are any.
        """
        ...

    def new_secrets(self) -> Mapping[str, str]:
        """Make the secrets that a target set up without them gets; one that is lost later is not replaced unseen."""
        return {}

    def obstacle(self, config: Mapping[str, Any], settings: Settings) -> tuple[str, str] | None:
        """Return the field that keeps this installation from sending and why, or `None` when nothing does.

        `config` comes without its secrets.
        """
        return None
