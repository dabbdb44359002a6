"""`heartbeat doctor`: check everything that a run needs, and say what mends what is broken."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import NoReturn

from pydantic import ValidationError
from pydantic_settings import SettingsError
from rich.console import Console
from rich.text import Text
from sqlalchemy import Connection, make_url, text
from sqlalchemy.exc import SQLAlchemyError
from temporalio.client import Client

from heartbeat.agents.client import ProviderClients
from heartbeat.agents.completion import CompletionRequest
from heartbeat.agents.failures import ModelFailure
from heartbeat.agents.model_names import LOCAL, choose_default_model
from heartbeat.cli.check_result import CheckResult
from heartbeat.cli.reconcile import SAME_AGE
from heartbeat.cli.secrets_check import check_secrets
from heartbeat.cli.settings_errors import explain
from heartbeat.domain.clock import utc_now
from heartbeat.domain.redaction import mask
from heartbeat.domain.worker_roles import Role
from heartbeat.settings import Settings
from heartbeat.store.database.database import Database
from heartbeat.store.heartbeats.sync import longest_uncompared, restoration
from heartbeat.store.migrations import migrate, revisions
from heartbeat.temporal.client import connect
from heartbeat.temporal.clock import SharedClock, temporal_time
from heartbeat.temporal.process import leave
from heartbeat.temporal.reconcile import Reconciler
from heartbeat.temporal.schedules import Schedules
from heartbeat.temporal.versioning import current_build
from heartbeat.temporal.workers import workers_by_role

MODEL_TIMEOUT = 60.0
# How many schedules are looked at, and for how long a restored database is told of.
COMPARED, REMEMBERED = 200, timedelta(days=30)
# Room for a model that thinks before it answers.
REPLY_TOKENS = 256
MAKE_CURRENT = "`temporal worker deployment set-current-version --deployment-name {} --build-id …`"


def check_installation(read_settings: Callable[[], Settings]) -> NoReturn:
    """Print the result of every check; ends the process, with 1 when something needs mending."""
    leave(0 if asyncio.run(_print_checks(read_settings)) else 1)


async def _print_checks(read_settings: Callable[[], Settings]) -> bool:
    """Return whether all is well."""
    # Of a size of our own: rich stumbles over a COLUMNS that is no number. Lines are not wrapped anyway.
    console = Console(emoji=False, highlight=False, width=80, height=25)
    well = True
    async for check in _checks(read_settings):
        mark = Text("✗ ", "bold red") if check.mend else Text("✓ ", "bold green")
        console.print(mark, Text(f"{check.name:<11}{check.detail}"), sep="", soft_wrap=True)
        if check.mend:
            console.print(Text(f"             {check.mend}", "yellow"), soft_wrap=True)
            well = False
    return well


async def _checks(read_settings: Callable[[], Settings]) -> AsyncIterator[CheckResult]:
    try:
        settings = read_settings()
    except (ValidationError, SettingsError) as problem:
        yield CheckResult("settings", "some cannot be used", explain(problem))
        return
    except Exception as problem:
        # A file that is no text, JSON without end: what holds the settings, not one of them.
        yield CheckResult("settings", "cannot be read", _in_words(problem))
        return
    yield CheckResult("settings", f"data in {settings.data_dir.absolute()}")
    if settings.apprise_targets:
        yield await _result("apprise", asyncio.to_thread(_apprise, settings))
    database = await _result("database", asyncio.to_thread(_database, settings))
    yield database
    migrations = CheckResult("migrations", "not checked", "mend the database first")
    if not database.mend:
        migrations = await _result("migrations", asyncio.to_thread(_migrations, settings))
    yield migrations
    if not database.mend:
        yield await _result("clock", _clock(settings))
    if not migrations.mend:
        yield await _result("secrets", asyncio.to_thread(check_secrets, settings))
        yield await _result("backups", asyncio.to_thread(_backups, settings))
    async for check in _temporal_and_worker(settings, not migrations.mend):
        yield check
    yield await _result("model", _model(settings))


async def _result(name: str, check: Awaitable[CheckResult]) -> CheckResult:
    """Wait for a check; one that fails in a way that nobody thought of is a result as well."""
    try:
        return await check
    except Exception as problem:
        return CheckResult(name, "could not be checked", _in_words(problem))


def _in_words(problem: Exception) -> str:
    return mask(f"{type(problem).__name__}: {' '.join(str(problem).split())[:300]}")


def _apprise(settings: Settings) -> CheckResult:
    """Check that Apprise can read each of the operator's addresses; nothing is sent."""
    from heartbeat.notifications.channels.apprise import EXTRA, services_of

    try:
        addresses = {name: secret.get_secret_value() for name, secret in settings.apprise_targets.items()}
        unreadable = [name for name, address in addresses.items() if services_of(address) is None]
    except ModuleNotFoundError:
        return CheckResult("apprise", "the package is not installed", EXTRA)
    if unreadable:
        advice = "write their addresses in HEARTBEAT_APPRISE_TARGETS as Apprise's documentation has them"
        return CheckResult("apprise", f"cannot read the addresses of {', '.join(unreadable)}", advice)
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
        database.read_now(Connection.execute, text("SELECT 1"))
        database.close()
    except (SQLAlchemyError, OSError) as problem:
        reason = str(getattr(problem, "orig", problem)).strip().splitlines()[0]
        return CheckResult("database", f"{shown}: {reason}", "check HEARTBEAT_DATABASE_URL, and that the database runs")
    return CheckResult("database", f"{shown} answers")


def _migrations(settings: Settings) -> CheckResult:
    current, newest = migrate.current(settings.store_url()), revisions.newest()
    if current == newest:
        return CheckResult("migrations", f"at the newest, {newest}")
    if current is not None and current > newest:
        return CheckResult("migrations", f"at {current}, newer than {newest}", str(revisions.DatabaseTooNew(current)))
    return CheckResult("migrations", f"at {current or 'none'} instead of {newest}", "run `heartbeat migrate`")


async def _clock(settings: Settings) -> CheckResult:
    """Compare this machine's clock with the others; a Temporal that does not answer is named by its own check."""
    with closing(Database(settings.store_url())) as database:
        clock = SharedClock(database, await connect(settings))
        await clock.measure()
    if clock.differs_from_temporal:
        return CheckResult("clock", clock.warning or "", "until then a worker here takes no part in Upkeep")
    if clock.warning:
        return CheckResult("clock", clock.warning, "until then processes here correct it by the database's")
    others = "the database's" if clock.temporal_offset is None else "the database's and Temporal's"
    return CheckResult("clock", f"agrees with {others}")


def _backups(settings: Settings) -> CheckResult:
    """Say that the database went back, as with a restored backup or a failover: what was changed since then is lost."""
    with closing(Database(settings.store_url())) as database:
        past = database.read_now(restoration, utc_now() - REMEMBERED)
    if past is None:
        return CheckResult("backups", "the database did not go back lately")
    when = f"{past.at:%Y-%m-%d %H:%M} UTC"
    return CheckResult("backups", f"the database went back: at {when}, {past.heartbeats} older rows were put again")


async def _schedules(settings: Settings) -> CheckResult:
    """Compare the schedules that nobody has looked at for the longest time with their rows; nothing is changed."""
    client = await connect(settings, lazy=False)
    with closing(Database(settings.store_url())) as database:
        rows = await database.read(longest_uncompared, COMPARED)
        schedules = Schedules(client, database, settings)
        differences = await Reconciler(client, database, schedules, dry_run=True).compare(rows)
    if not differences:
        return CheckResult("schedules", f"{len(rows)} stand as their rows say" if rows else "none yet")
    first = next((difference for difference in differences if difference.what == "differs"), differences[0])
    mend = SAME_AGE if first.what == "differs" else "run `heartbeat reconcile`; a worker does the same in some minutes"
    return CheckResult("schedules", f"{len(differences)} of {len(rows)}: {first.heartbeat_uuid} {first.reason}", mend)


async def _temporal_and_worker(settings: Settings, is_migrated: bool) -> AsyncIterator[CheckResult]:
    try:
        client = await connect(settings, lazy=False)
    except Exception as problem:
        yield _no_temporal(settings, problem)
        yield CheckResult("worker", "not checked", "mend Temporal first")
        return
    yield CheckResult("Temporal", f"{_temporal_place(settings)} answers")
    yield await _result("worker", _worker(settings, client))
    if settings.build_id:
        yield await _result("build", _build(settings, current_build(client, settings)))
    if is_migrated:
        yield await _result("schedules", _schedules(settings))


def _temporal_place(settings: Settings) -> str:
    return f"{settings.temporal_target()}, namespace {settings.temporal_namespace}"


def _no_temporal(settings: Settings, problem: Exception) -> CheckResult:
    if settings.temporal_address is None:
        mend = "start it with `heartbeat up`, or set TEMPORAL_ADDRESS to a cluster of yours"
        return CheckResult("Temporal", f"{settings.temporal_target()} does not answer", mend)
    reason = " ".join(str(problem).split())
    mend = "check TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TEMPORAL_TLS… and TEMPORAL_API_KEY, and that the cluster runs"
    return CheckResult("Temporal", f"{_temporal_place(settings)}: {reason}", mend)


async def _worker(settings: Settings, client: Client) -> CheckResult:
    workers = await workers_by_role(client, settings, await temporal_time(client))
    if not workers[Role.RUNS].living:
        missing = f"none at task queue {settings.task_queue} of namespace {settings.temporal_namespace}"
        return CheckResult("worker", missing, "start one with `heartbeat worker` (`heartbeat up` has one of its own)")
    places = ", ".join(f"{of.living} at task queue {settings.queue(role)}" for role, of in workers.items())
    if stranded := next((role for role, of in workers.items() if of.living and not of.current), None):
        words = f"{places}; none at {settings.queue(stranded)} is of the current build, so nothing new begins there"
        return CheckResult("worker", words, MAKE_CURRENT.format(settings.deployment_name))
    idle = next((role for role, of in workers.items() if not of.living), None)
    return CheckResult("worker", places, f"start one with `heartbeat worker --role {idle}`" if idle else "")


async def _build(settings: Settings, reading: Awaitable[str | None]) -> CheckResult:
    current, deployment = await reading, settings.deployment_name
    if current is not None:
        return CheckResult("build", f"{current} is the current one of {deployment}; here it is {settings.build_id}")
    words = f"none of {deployment} is the current one, so its workers get nothing"
    return CheckResult("build", words, MAKE_CURRENT.format(deployment))


async def _model(settings: Settings) -> CheckResult:
    """Ask the default model for a word: a few tokens that check address, key, name and quota."""
    name = choose_default_model(settings)
    models = ProviderClients(settings)
    try:
        await asyncio.wait_for(models.complete(CompletionRequest(name, "", "Say OK.", REPLY_TOKENS)), MODEL_TIMEOUT)
    except TimeoutError:
        return CheckResult(
            "model", f"{name} did not answer within {MODEL_TIMEOUT:g} s", "check its address and its load"
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
