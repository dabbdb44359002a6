"""What the documents have to name: settings and commands."""

import re

from pydantic import AliasChoices
from typer.main import get_command

from heartbeat.cli.main import app
from heartbeat.settings import Settings

SETTING = re.compile(r"\b(?:HEARTBEAT|TEMPORAL|OPENAI|ANTHROPIC|GOOGLE|GEMINI|OLLAMA|OTEL)_[A-Z0-9_]+")


def setting_names() -> set[str]:
    """The environment names of every setting."""
    names = set()
    for field, info in Settings.model_fields.items():
        alias = info.validation_alias
        names |= set(alias.choices) if isinstance(alias, AliasChoices) else {f"HEARTBEAT_{field.upper()}"}
    return names


def commands() -> set[str]:
    """Every command line of the program, as `heartbeat a b`."""
    names: set[str] = set()

    def walk(command, words: str) -> None:
        below = getattr(command, "commands", {})
        if not below:
            names.add(words)
        for name, inner in below.items():
            walk(inner, f"{words} {name}")

    walk(get_command(app), "heartbeat")
    return names
