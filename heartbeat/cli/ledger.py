"""The credit ledger on the command line: grants of the operator, and whether every balance is right."""

from datetime import UTC, datetime

import typer
from sqlalchemy import Connection

from heartbeat.cli.projects import read_store, show_one, write_store
from heartbeat.domain.ids import new_id
from heartbeat.settings import Settings
from heartbeat.store.credits.audit import audit
from heartbeat.store.credits.grants import GrantResult, grant
from heartbeat.store.projects.projects import project

# A balance is a number of 32 bits.
MOST_CREDITS = 100_000_000


def give(settings: Settings, uuid: str, amount: int, note: str | None, key: str | None, as_json: bool) -> None:
    """Grant a project credits in the billing period of now, and print what it has been granted in it."""
    if amount == 0:
        raise typer.BadParameter("0 credits are no grant")

    def work(connection: Connection) -> GrantResult:
        once = key or new_id("grant")
        return grant(connection, project(connection, uuid), amount, note, once, datetime.now(UTC))

    given = write_store(settings, work)
    shown: dict[str, str | int] = {"project": uuid, "granted": given.total, "until": f"{given.period_ends_at:%Y-%m-%d}"}
    repeated = "That --key was used before: nothing was granted again."
    show_one(shown, repeated if given.repeated else "That is all grants of this billing period.", as_json)


def check(settings: Settings) -> int:
    """Print every balance that is not the sum of its entries; returns the exit code, 1 when there is any."""
    found = read_store(settings, audit)
    for one in found:
        typer.echo(f"{one.whose}: {one.column} is {one.balance}, and its entries come to {one.entries}")
    typer.echo(f"{len(found)} balances are wrong." if found else "Every balance is the sum of its entries.")
    return 1 if found else 0
