"""What a tool brings with it, as its registration and its server's own annotations declare. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Risk = Literal["private_data", "untrusted_text", "outside_action"]
RISKS: tuple[Risk, ...] = ("private_data", "untrusted_text", "outside_action")
PRIVATE_DATA, UNTRUSTED_TEXT, OUTSIDE_ACTION = RISKS


@dataclass(frozen=True)
class ApprovalReason:
    """Why a person is asked before a call is made: by the tool's registration or by the combination, and in words.

    elicitation: the call was begun, and its server asks what `why` says.
    """

    reason: Literal["registration", "combination", "elicitation"]
    why: str


REGISTERED = ApprovalReason("registration", "The tool is registered as one whose calls need a person's yes.")


def declared_risks(registered: Iterable[str], annotations: Mapping[str, Any]) -> frozenset[str]:
    """The risks of one tool: those its server is registered with, as the tool's explicit MCP annotations refine them.

    Annotations that a server leaves out say nothing, and none says anything of private data.
    """
    risks = set(registered)
    only_reads, open_world = annotations.get("readOnlyHint"), annotations.get("openWorldHint")
    if open_world is True:
        risks.add(UNTRUSTED_TEXT)
    elif open_world is False:
        risks.discard(UNTRUSTED_TEXT)
    # What is asked of the open world is told to it, so a tool that reads there may act outside all the same.
    if only_reads is True and open_world is not True:
        risks.discard(OUTSIDE_ACTION)
    elif only_reads is False or (annotations.get("destructiveHint") is True and only_reads is not True):
        risks.add(OUTSIDE_ACTION)
    return frozenset(risks)
