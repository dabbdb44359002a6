"""What must be nowhere: a canary in each secret that the stack is given."""

from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass
class Canaries:
    """Secrets by what they are for. `seen` says where one was found, while the stack is used and afterwards."""

    model_key: str = "sk-canary-model-2718281828"
    header_of_the_desk: str = "canary-desk-1618033988"
    header_of_the_gate: str = "canary-gate-1414213562"
    webhook: str = "whsec_" + b64encode(b"canary-webhook-1732050807").decode()
    of_the_stack: dict[str, str] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)

    @property
    def all(self) -> dict[str, str]:
        given = {name: value for name, value in vars(self).items() if isinstance(value, str)}
        return given | self.of_the_stack

    def look_for(self, where: str, contents: Iterable[bytes | str]) -> None:
        """Note each secret that is in one of these."""
        secrets = {name: value.removeprefix("whsec_").encode() for name, value in self.all.items()}
        for content in contents:
            raw = content.encode() if isinstance(content, str) else content
            self.seen += [f"{name} is in {where}" for name, secret in secrets.items() if secret in raw]
