"""What the page of settings shows: the plan in words, and when the billing period turns."""

from datetime import datetime

from babel import Locale

from api.dashboard.edited_meanwhile import EditedField, with_loaded
from api.dashboard.forms import Form, number_text
from api.dashboard.translations import gettext as _
from api.dashboard.translations import languages, marked, ngettext
from api.dashboard.views import formats
from heartbeat.domain.plans import Plan
from heartbeat.store.tables.projects import Project

FIELDS = {
    "name": EditedField(marked("Name")),
    "anchor_day": EditedField(marked("Billing periods begin on day")),
    "credit_budget": EditedField(marked("Budget in credits")),
}


def saved_form(project: Project) -> Form:
    """The form of a project as it is saved."""
    values = saved_values(project)
    return with_loaded(Form([*values.items()]), values)


def saved_values(project: Project) -> dict[str, str]:
    return {
        "name": project.name,
        "anchor_day": str(project.period_anchor_day),
        "credit_budget": number_text(project.credit_budget),
    }


def plan_lines(plan: Plan) -> list[tuple[str, str]]:
    """List the plan's limits, each as its name and value."""
    every = _("every %s") % formats.span(plan.min_interval_minutes * 60)
    return [
        (_("Heartbeats"), _("yes") if plan.heartbeats else _("no")),
        (_("Heartbeats a bot"), _limit(plan.heartbeats_per_bot)),
        (_("Tasks a bot"), _limit(plan.tasks_per_bot)),
        (_("Most often"), every),
        (_("Runs at once"), _limit(plan.concurrent_runs)),
        (_("Spread of a new heartbeat"), formats.span(plan.jitter_seconds) if plan.jitter_seconds else _("no spread")),
        (_("Requests a minute"), _limit(plan.requests_per_minute)),
        (_("Requests a minute with each key"), _limit(plan.key_requests_per_minute)),
        (_("Costly reads a minute"), _limit(plan.costly_reads_per_minute)),
        (_("Credits a month"), _limit(plan.credits_per_month)),
        (_("Models"), _("all") if plan.models is None else ", ".join(plan.models)),
        (_("Logs are kept"), _kept(plan.logs_days, _("for ever"))),
        (_("The audit log is kept"), _kept(plan.audit_days, _("for ever"))),
        (_("Prompts and answers are kept"), _kept(plan.prompts_days, _("as long as the log"))),
    ]


def _limit(limit: int | None) -> str:
    return _("no limit") if limit is None else formats.number(limit)


def _kept(days: int | None, without_end: str) -> str:
    if days is None:
        return without_end
    return ngettext("%(number)s day", "%(number)s days", days) % {"number": formats.number(days)}


def turning(project: Project, now: datetime) -> tuple[str, str]:
    """The first day of the billing period under way, and that of the next one, in words."""
    start, end = project.period(now)
    return f"{formats.day(start)} {start.year}", f"{formats.day(end)} {end.year}"


def language_options() -> list[tuple[str, str]]:
    """The languages there are, each by its own name, and that of the browser."""
    names = [(code, Locale.parse(code).get_display_name(code) or code) for code in languages()]
    return [("", _("as the browser asks for")), *((code, formats.sentence(name)) for code, name in names)]
