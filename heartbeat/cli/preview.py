"""`heartbeat preview`: a cron pattern's next ticks as a table."""

from rich.console import Console
from rich.table import Table

from heartbeat.domain.cadence.cron import CadenceError
from heartbeat.domain.cadence.ticks import Cadence
from heartbeat.domain.clock import utc_now
from heartbeat.domain.errors import Invalid
from heartbeat.domain.forecast import Budget, Forecast, UsageEstimate, forecast
from heartbeat.domain.plans import Plan
from heartbeat.settings import Settings

USUAL_RUN = UsageEstimate(float(Plan().usual_credits_per_run), "the usual cost of a run")


def print_preview(cron_pattern: str, timezone: str, count: int, budget: int | None, settings: Settings) -> None:
    """Print the next `count` ticks and what a month of them costs; raises `Invalid`."""
    try:
        cadence = Cadence(timezone=timezone, cron_pattern=cron_pattern).validated()
    except CadenceError as problem:
        raise Invalid(problem.field, problem.message) from problem
    outlook = forecast(cadence, USUAL_RUN, Budget(budget), utc_now(), count)
    console = Console(emoji=False, highlight=False)
    console.print(outlook.schedule, style="bold")
    console.print(_table(outlook, timezone))
    for line in _summary(outlook, budget, settings.price(outlook.credits_per_month)):
        console.print(line, soft_wrap=True)


def _table(outlook: Forecast, timezone: str) -> Table:
    table = Table("", timezone, "UTC", "note", box=None, header_style="dim")
    for number, tick in enumerate(outlook.ticks, 1):
        local = f"{tick.local:%a %Y-%m-%d %H:%M %z}"
        table.add_row(str(number), local, f"{tick.utc:%Y-%m-%d %H:%M}", tick.note or "")
    return table


def _summary(outlook: Forecast, budget: int | None, price: str | None) -> list[str]:
    worth = f" ({price})" if price else ""
    lines = [
        f"{outlook.runs_per_month:g} {'run' if outlook.runs_per_month == 1 else 'runs'} a month, "
        f"about {outlook.credits_per_month:g} credits{worth} "
        f"at {USUAL_RUN.credits:g} a run ({USUAL_RUN.credits_from})."
    ]
    if budget is not None:
        spent_on = outlook.budget_spent_on
        lasts = f"is spent on {spent_on:%Y-%m-%d} (UTC)" if spent_on else "lasts this month and the next"
        lines.append(f"A budget of {budget} credits a month {lasts}.")
    return [*lines, *(f"Warning: {warning}" for warning in outlook.warnings)]
