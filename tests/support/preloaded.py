"""What a process that others are forked from imports: none of it is garbage, and no fork looks for some in it."""

import gc
import importlib

COMMANDS = (
    *("audit", "backup", "database", "doctor", "export", "holds", "keys", "ledger", "preview", "projects", "reconcile"),
    *("rehearse", "replay_view", "secrets", "tools", "users"),
)

gc.disable()
for name in (
    *("worker", "pydantic_ai.models.openai", "pydantic_ai.providers.openai", "api.__main__"),
    # A command imports what it needs when it is called.
    *("heartbeat.cli.main", *(f"heartbeat.cli.{command}" for command in COMMANDS), "heartbeat.up.command"),
    "heartbeat.agents.tools.mcp.authorization.sign_in",
):
    importlib.import_module(name)
gc.freeze()
gc.enable()
