"""A tool server whose calls have effects that can be counted, and which answers in each way of the corpus."""

import json
import threading
from collections import Counter
from random import Random
from typing import Any

from tests.support.raw_tool_server import Answer, RawToolServer, Received
from tests.support.tool_replies import CORPUS, reply_to

# Of a hundred calls so many are answered as no server should, after they have been carried out.
IS_ODD = 30
WHAT = {"type": "object", "properties": {"what": {"type": "string"}}, "required": ["what"]}
TOOLS = [{"name": name, "description": f"{name} it", "inputSchema": WHAT} for name in ("book", "note")]


class Desk(RawToolServer):
    """`done` counts what was ordered, by its name."""

    def __init__(self, seed: int) -> None:
        super().__init__(pages=[{"tools": TOOLS}], instead=self._instead, call=self._carry_out)
        self.done: Counter[str] = Counter()
        self._chance, self._lock = Random(seed), threading.Lock()
        self._odd = [json.loads(path.read_text()) for path in sorted((CORPUS / "replies").glob("*.json"))]

    def _instead(self, received: Received) -> Answer | None:
        if received.method != "tools/call":
            return None
        with self._lock:
            self.done[received.params["arguments"]["what"]] += 1
            if self._chance.randrange(100) >= IS_ODD:
                return None
            return reply_to(received, self._chance.choice(self._odd))

    def _carry_out(self, received: Received) -> dict[str, Any]:
        return {"content": [{"type": "text", "text": f"Done: {received.params['arguments']['what']}."}]}
