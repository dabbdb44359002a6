"""`heartbeat doctor`: is everything there that a run needs, and if not, what mends it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from pydantic import ValidationError
from pydantic_settings import SettingsError
from rich.console import Console
from rich.text import Text
from sqlalchemy import make_url, text
from sqlalchemy.exc import SQLAlchemyError

from heartbeat.agents.failures import ModelFailure
from heartbeat.agents.model import LOCAL, choose_default_model
from heartbeat.agents.request import CompletionRequest, ProviderClients
from heartbeat.cli.process import leave
from heartbeat.cli.settings_errors import explain
from heartbeat.secrets.keyring import CannotOpen, Keyring
from heartbeat.settings import Settings
from heartbeat.store import migrate
from heartbeat.store.database import Database
from heartbeat.store.projects.sealed_secrets import sealed_texts
from heartbeat.temporal.client import connect, pollers

PATIENCE, MODEL_PATIENCE = 10.0, 60.0
# Room for a model that thinks before it speaks.
REPLY_TOKENS = 256


@dataclass(frozen=True)
class CheckResult:
    """What one check came to; `mend` is empty when all is well."""

    name: str
    detail: str
    mend: str = ""


def examine(read_settings: Callable[[], Settings]) -> NoReturn:
    """Print every finding and leave: 0 when nothing needs mending, else 1."""
    console = Console(emoji=False, highlight=False)

    async def work() -> int:
        broken = 0
        async for finding in _findings(read_settings):
            broken += bool(finding.mend)
            mark = Text("✗ ", "bold red") if finding.mend else Text("✓ ", "bold green")
            console.print(mark, Text(f"{finding.name:<11}{finding.detail}"), sep="", soft_wrap=True)
            if finding.mend:
                console.print(Text(f"             {finding.mend}", "yellow"), soft_wrap=True)
        return broken

    broken = asyncio.run(work())
    leave(1 if broken else 0)


async def _findings(read_settings: Callable[[], Settings]) -> AsyncIterator[CheckResult]:
    try:
        settings = read_settings()
    except (ValidationError, SettingsError) as problem:
        yield CheckResult("settings", "some cannot be used", explain(problem))
        return
    yield CheckResult("settings", f"data in {settings.data_dir.absolute()}")
    if settings.apprise_targets:
        yield await asyncio.to_thread(_apprise, settings)
    database = _database(settings)
    yield database
    unchecked = CheckResult("migrations", "not checked", "mend the database first")
    yield (migrations := unchecked if database.mend else _migrations(settings))
    if not migrations.mend:
        yield _secrets(settings)
    temporal, worker = await _temporal_and_worker(settings)
    yield temporal
    yield worker
    yield await _model(settings)


def _apprise(settings: Settings) -> CheckResult:
    """Whether each of the operator's addresses is one that Apprise can read; nothing is sent."""
    from heartbeat.notifications.channels.apprise import EXTRA, services_of

    try:
        unread = [name for name, it in settings.apprise_targets.items() if services_of(it.get_secret_value()) is None]
    except ModuleNotFoundError:
        return CheckResult("apprise", "the package is not installed", EXTRA)
    if unread:
        advice = "write their addresses in HEARTBEAT_APPRISE_TARGETS as Apprise's documentation has them"
        return CheckResult("apprise", f"cannot read the addresses of {', '.join(unread)}", advice)
    return CheckResult("apprise", f"reads the addresses of {', '.join(settings.apprise_targets)}")


def _database(settings: Settings) -> CheckResult:
    url = make_url(settings.store_url())
    shown = url.render_as_string(hide_password=True)
    if url.drivername.startswith("sqlite") and not Path(url.database or "").exists():
        return CheckResult(
            "database", f"{shown} does not exist", "`heartbeat up` makes it, and so does `heartbeat migrate`"
        )
    try:
        database = Database(settings.store_url())
        database.read_now(lambda connection: connection.execute(text("SELECT 1")))
        database.close()
    except (SQLAlchemyError, OSError) as problem:
        reason = str(getattr(problem, "orig", problem)).strip().splitlines()[0]
        return CheckResult("database", f"{shown}: {reason}", "check HEARTBEAT_DATABASE_URL, and that the database runs")
    return CheckResult("database", f"{shown} answers")


def _migrations(settings: Settings) -> CheckResult:
    current, newest = migrate.current(settings.store_url()), migrate.newest()
    if current == newest:
        return CheckResult("migrations", f"at the newest, {newest}")
    return CheckResult("migrations", f"at {current or 'none'} instead of {newest}", "run `heartbeat migrate`")


def _secrets(settings: Settings) -> CheckResult:
    """Whether everything that is kept sealed opens with the keys of this process; nothing of it is shown."""
    database = Database(settings.store_url())
    rows = database.read_now(sealed_texts)
    database.close()
    try:
        keyring = Keyring.from_settings(settings)
    except CannotOpen as problem:
        return CheckResult("secrets", problem.message, "mend the file, or put it back from a backup")
    problems = [why for row, kept in rows if (why := _unopened(keyring, row, kept))]
    if problems:
        return CheckResult("secrets", f"{len(problems)} of {len(rows)} do not open", problems[0])
    return CheckResult("secrets", f"{len(rows)} are kept sealed, and all open" if rows else "none are kept yet")


def _unopened(keyring: Keyring, row: str, kept: str) -> str | None:
    """Why a sealed text does not open, if it does not."""
    try:
        keyring.open(kept, row)
    except CannotOpen as problem:
        return problem.message
    return None


async def _temporal_and_worker(settings: Settings) -> tuple[CheckResult, CheckResult]:
    where = f"{settings.temporal_target()}, namespace {settings.temporal_namespace}"
    unchecked = CheckResult("worker", "not checked", "mend Temporal first")
    try:
        client = await asyncio.wait_for(connect(settings, lazy=False), PATIENCE)
    except TimeoutError:
        return _no_temporal(settings, f"{where}: no answer within {PATIENCE:g} s"), unchecked
    except (RuntimeError, OSError, ValueError) as problem:
        return _no_temporal(settings, f"{where}: {' '.join(str(problem).split())}"), unchecked
    return CheckResult("Temporal", f"{where} answers"), _worker(settings, await pollers(client, settings.task_queue))


def _no_temporal(settings: Settings, why: str) -> CheckResult:
    if settings.temporal_address is None:
        mend = "start it with `heartbeat up`, or set TEMPORAL_ADDRESS to a cluster of yours"
        return CheckResult("Temporal", f"{settings.temporal_target()} does not answer", mend)
    mend = "check TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TEMPORAL_TLS… and TEMPORAL_API_KEY, and that the cluster runs"
    return CheckResult("Temporal", why, mend)


def _worker(settings: Settings, found: int) -> CheckResult:
    if found:
        return CheckResult("worker", f"{found} at task queue {settings.task_queue}")
    missing = f"none at task queue {settings.task_queue} of namespace {settings.temporal_namespace}"
    return CheckResult("worker", missing, "start one with `heartbeat worker` (`heartbeat up` has one of its own)")


async def _model(settings: Settings) -> CheckResult:
    """Ask the default model for a word: a few tokens buy certainty about address, key, name and quota."""
    name = choose_default_model(settings)
    models = ProviderClients(settings)
    try:
        await asyncio.wait_for(models.ask(CompletionRequest(name, "", "Say OK.", REPLY_TOKENS)), MODEL_PATIENCE)
    except TimeoutError:
        return CheckResult(
            "model", f"{name} did not answer within {MODEL_PATIENCE:g} s", "check its address and its load"
        )
    except ModelFailure as problem:
        return CheckResult("model", f"{name} does not answer", f"{problem.message}{_advice(name)}")
    finally:
        await models.close()
    return CheckResult("model", f"{name} answers")


def _advice(name: str) -> str:
    if name != LOCAL:
        return ""
    return " `heartbeat up` serves the small local model; for another set a provider's key or HEARTBEAT_DEFAULT_MODEL."
