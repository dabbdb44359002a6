"""Values for the examples in the OpenAPI document: of one project, so that examples of different calls fit together."""

from typing import Any

from pydantic import BaseModel

PROJECT = "proj_5n2x8c4v1b7m0k3j9h6g"
BOT, BOT_NUMBER = "bot_8k3j0h6g2f9d5s1a7q4w", 7
MEMBER, MEMBER_NUMBER = "mem_1r7t4y0p6z3x9c5v2b8n", 12
HEARTBEAT = "hb_7q0m4w9e2r5t1y8p3a6s"
TASK = "task_2f8d5g1h7j4k0m6n9b3v"
RUN = "log_9c5v2b8n1m7q4w0e6r3t"
TOOL = "tool_6y3p9a5s2d8f1g7h4j0k"
TARGET = "tgt_3z9x6c2v8b5n1m7k4j0h"
NOTIFICATION = "ntf_0g6f3d9s5a1q7w4e8r2t"
EVENT = "evt_4t1y7p3a0s6d9f2g5h8j"
FINDING = "fnd_8v5b1n7m4k0j6h3g9f2d"
KEY = "key_9h3g6f0d1s4a7q2w5e8r"
APPROVAL = "apr_1s8d5f2g9h6j3k0m7n4b"

CREATED = "2026-11-20T08:30:00Z"
DUE, ENDED, NEXT = "2026-11-27T08:00:00Z", "2026-11-27T08:00:04Z", "2026-11-30T08:00:00Z"
PERIOD_START, PERIOD_END = "2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z"

MODEL = "openai:gpt-4o-mini"
PROMPT = "Check the support queue."
RESPONSE = "Three tickets are open; none is urgent."


def example(model: type[BaseModel], /, **values: Any) -> dict[str, Any]:
    """An object of this model as JSON: the first example of each field, but for `values`."""
    fields = {field.alias or name: field.examples for name, field in model.model_fields.items()}
    return {name: examples[0] for name, examples in fields.items() if examples} | values
