"""`heartbeat project grant` and `budget`, and `heartbeat doctor --ledger`: credits given, limited and checked."""

from dataclasses import dataclass
from datetime import datetime

import typer
from sqlalchemy import Connection

from heartbeat.cli.database import read_database, write_database
from heartbeat.cli.options import MAX_CREDITS
from heartbeat.cli.output import print_values
from heartbeat.domain.ids import new_id
from heartbeat.settings import Settings
from heartbeat.store.credits.audit import LedgerDifference, audit
from heartbeat.store.credits.grants import GrantResult, grant
from heartbeat.store.credits.past_periods import wrong_spenders
from heartbeat.store.database.clock import database_time
from heartbeat.store.projects.projects import project, set_credit_budget


@dataclass(frozen=True)
class NewGrant:
    """Credits to give (negative: to take back); the same `key` grants once."""

    project_uuid: str
    credits: int
    note: str | None = None
    key: str | None = None


def grant_credits(settings: Settings, new: NewGrant, as_json: bool) -> None:
    """Grant credits in the current billing period and print the sum granted in it; raises `BadParameter`."""
    if new.credits == 0:
        raise typer.BadParameter("0 credits are no grant")
    result = write_database(settings, _grant, new, read_database(settings, database_time))
    values: dict[str, str | int] = {
        "project": new.project_uuid,
        "granted": result.total,
        "until": f"{result.period_ends_at:%Y-%m-%d}",
    }
    repeated = "That --key was used before: nothing was granted again."
    print_values(values, repeated if result.repeated else "That is all grants of this billing period.", as_json)


def _grant(connection: Connection, new: NewGrant, now: datetime) -> GrantResult:
    key = new.key or new_id("grant")
    return grant(connection, project(connection, new.project_uuid), new.credits, new.note, key, now)


def set_budget(settings: Settings, project_uuid: str, amount: str) -> None:
    """Give a project a budget, or take it away for `none`; raises `BadParameter`."""
    if amount != "none" and not (amount.isascii() and amount.isdecimal() and int(amount) <= MAX_CREDITS):
        raise typer.BadParameter(f"{amount!r} is neither a number of credits (at most {MAX_CREDITS:,}) nor `none`")
    budget = None if amount == "none" else int(amount)
    write_database(settings, _set_budget, project_uuid, budget)
    said = "no budget of its own" if budget is None else f"a budget of {budget} credits in each billing period"
    typer.echo(f"{project_uuid} has {said} from now on.")


def _set_budget(connection: Connection, project_uuid: str, budget: int | None) -> None:
    set_credit_budget(connection, project(connection, project_uuid), budget)


def check_ledger(settings: Settings) -> int:
    """Print every balance that is not the sum of its entries; returns the exit code, 1 when there is any."""
    differences = read_database(settings, _differences)
    for row in differences:
        typer.echo(f"{row.whose}: {row.column} is {row.balance}, and its entries come to {row.entries}")
    wrong = f"{len(differences)} balances are wrong."
    typer.echo(wrong if differences else "Every balance is the sum of its entries.")
    return 1 if differences else 0


def _differences(connection: Connection) -> list[LedgerDifference]:
    return [*audit(connection), *wrong_spenders(connection, database_time(connection))]
