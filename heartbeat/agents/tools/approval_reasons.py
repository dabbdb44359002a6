"""Private data, text of strangers and a way out in one agent: each call that acts outside then needs a person's yes.

Such a text may tell the agent to send the data away, and no model reliably sees through that. Pure.
"""

import json
import re
from collections.abc import Iterable, Sequence

from heartbeat.agents.tools.definitions import OfferedTool
from heartbeat.domain.tool_risks import OUTSIDE_ACTION, PRIVATE_DATA, REGISTERED, RISKS, UNTRUSTED_TEXT, ApprovalReason

ADDRESS = re.compile(r"https?://[^\s<>\"'`。，、；：！？）」』】]+")
CLOSES_A_SENTENCE = ".,;:!?)]}*_"


def combined_risks(tools: Iterable[tuple[str, Iterable[str]]]) -> tuple[str, str] | None:
    """Find among `tools` (names with their risks) the first with private data and the first with untrusted text.

    `None` unless all three risks are there.
    """
    first: dict[str, str] = {}
    for name, risks in tools:
        for risk in risks:
            first.setdefault(risk, name)
    return (first[PRIVATE_DATA], first[UNTRUSTED_TEXT]) if all(risk in first for risk in RISKS) else None


def reason_to_ask(tool: OfferedTool, arguments: str, owners_words: Sequence[str]) -> ApprovalReason | None:
    """Return why a person is asked before `tool` is called with `arguments` (JSON); `None` if nobody is.

    `web_fetch` sends its address out; one that is in `owners_words` tells nothing that the owner did not write.
    """
    if tool.needs_approval:
        return REGISTERED
    if tool.combined is None or OUTSIDE_ACTION not in tool.risks:
        return None
    if tool.name == "web_fetch" and _address(arguments) in _addresses(owners_words):
        return None
    private, untrusted = tool.combined
    return ApprovalReason(
        "combination",
        f"This agent can read private data ({private}) and text that others may have written ({untrusted}). "
        "Such a text could have talked it into this call, to send private data out or to act on it.",
    )


def _address(arguments: str) -> str | None:
    try:
        url = json.loads(arguments)["url"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return url.rstrip("/") if isinstance(url, str) else None


def _addresses(texts: Sequence[str]) -> set[str]:
    """Whole addresses only: a part of one may be another's."""
    addresses = [address for text in texts for address in ADDRESS.findall(text)]
    return {form.rstrip("/") for address in addresses for form in (address, address.rstrip(CLOSES_A_SENTENCE))}
