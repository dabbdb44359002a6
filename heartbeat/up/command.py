"""`heartbeat up`: the whole product in one terminal."""

import asyncio
from contextlib import suppress
from functools import partial

from rich.console import Console
from rich.text import Text

from heartbeat.agents.local import weights_file
from heartbeat.agents.model_names import LOCAL
from heartbeat.settings import Settings
from heartbeat.up.first_project import FirstProject
from heartbeat.up.preflight import data_directory
from heartbeat.up.run import prepare, run_stack
from heartbeat.up.sign_in import sign_in_url
from heartbeat.up.stack import EmbeddedStack, embedded_stack
from heartbeat.up.supervisor import OWN_NAME

COLOURS = {OWN_NAME: "bold", "temporal": "magenta", "model": "yellow", "api": "cyan"}
WORKER_COLOUR = "green"
# Models of an Ollama that are named.
MAX_NAMED = 6


def run_up(settings: Settings, workers: int) -> None:
    """Run the embedded stack until Ctrl-C; raises `CannotStart`."""
    console = Console(emoji=False, highlight=False)
    log = partial(_print_line, console)
    with data_directory(settings.data_dir):
        stack = embedded_stack(settings, workers)
        first = prepare(settings, log)
        for line in header(settings, stack, first):
            say(console, Text(line))
        asyncio.run(run_stack(stack, log, _announce, console, settings, stack.api_url))
    say(console, Text("stopped"))


def _print_line(console: Console, name: str, line: str) -> None:
    if line.startswith("{"):
        # Made with HEARTBEAT_LOG_FORMAT=json, for a program to read.
        say(console, Text(line))
        return
    say(console, Text.assemble((f"{name:>9} │ ", COLOURS.get(name, WORKER_COLOUR)), line))


async def _announce(console: Console, settings: Settings, api_url: str) -> None:
    """Say that the stack is ready and how to sign in, and do nothing from then on."""
    say(console, Text(f"ready {api_url}", "bold green"))
    url = await asyncio.to_thread(sign_in_url, settings, api_url)
    if url:
        say(console, sign_in_line(url))
    await asyncio.Event().wait()


def sign_in_line(url: str) -> Text:
    return Text(f"sign in   {url} (works once, for ten minutes; `heartbeat sign-in` makes another)")


def say(console: Console, text: Text) -> None:
    """Print a line as it is, however long."""
    # A terminal that has gone away must not keep the stack from stopping.
    with suppress(OSError):
        console.print(text, soft_wrap=True)


def header(settings: Settings, stack: EmbeddedStack, first: FirstProject | None) -> list[str]:
    """List what somebody who has just started the stack wants to know: where things are, and the new key."""
    way = "a key" if settings.key_sign_in else "your e-mail address"
    lines = [
        f"data      {settings.data_dir}",
        f"dashboard {stack.api_url} (sign in with {way})",
        f"API       {stack.api_url}/v1 (reference at /docs)",
        f"Temporal  {stack.ui_url}" if settings.temporal_address is None else f"Temporal  {settings.temporal_address}",
        f"model     {stack.model}",
        *(f"          {line}" for line in model_advice(settings, stack)),
    ]
    if first:
        lines.append(f"project   {first.project_uuid}")
    if first and first.secret:
        lines.append(f"key       {first.secret} (shown this once: keep it)")
    return lines


def model_advice(settings: Settings, stack: EmbeddedStack) -> list[str]:
    """Say what bots without a model of their own will use, when it was not named, or is the small one."""
    if len(stack.ollama) > 1:
        others = ", ".join(stack.ollama[1:MAX_NAMED])
        return [f"the Ollama on this machine also has {others}; choose with HEARTBEAT_DEFAULT_MODEL"]
    if stack.model != LOCAL:
        return []
    if settings.openai_base_url:
        return ["OPENAI_BASE_URL is set: name a model it serves in HEARTBEAT_DEFAULT_MODEL, such as openai:NAME"]
    advice = "set OPENAI_API_KEY, ANTHROPIC_API_KEY or GOOGLE_API_KEY, or start Ollama on this machine first"
    if weights_file() is None:
        return [f"it is not installed, so runs will fail: `make setup` installs it, or {advice}"]
    return ["a small model on this machine's CPU, for trying things out; for a capable one", advice]
