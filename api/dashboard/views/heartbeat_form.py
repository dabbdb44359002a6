"""What the page of the form shows beside what was typed: choices, the look ahead, what others changed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from api.dashboard.edited_meanwhile import EditedField
from api.dashboard.expectation_form import PARTS as EXPECTED
from api.dashboard.forms import Form
from api.dashboard.gate_form import GATE_FIELDS
from api.dashboard.heartbeat_form import NEW_BOT, OTHER_MODEL
from api.dashboard.sentences import translate
from api.dashboard.translations import gettext as _
from api.dashboard.translations import marked, translated
from api.dashboard.views import formats
from api.dashboard.views.formats import Moment, local
from api.dashboard.views.gates import GateChoices, gate_choices
from api.dashboard.views.schedules import schedule
from api.dashboard.when_form import AFTER, CRON, ONCE, WHEN
from api.dashboard.zones import reader_zone
from heartbeat.agents.model_offers import ModelOffer
from heartbeat.domain.cadence import zones
from heartbeat.domain.cadence.cron import LAST
from heartbeat.domain.cadence.days import EVERY_DAY
from heartbeat.domain.forecast import Forecast
from heartbeat.store.heartbeats.preview import Preview
from heartbeat.store.tables.bots import Bot, Subscriber
from heartbeat.store.tables.heartbeats import Heartbeat

# What each of the API's fields is called on the page.
LABELS = {
    "prompt": marked("Prompt"),
    "cron_pattern": marked("Cron pattern"),
    "interval_minutes": marked("Minutes between two runs"),
    "timezone": marked("Time zone"),
    "active_hours_start": marked("Active from"),
    "active_hours_end": marked("Active until"),
    "active_days": marked("Active days"),
    "starts_at": marked("Not before"),
    "ends_at": marked("Not after"),
    "credit_budget": marked("Budget in credits"),
    "max_consecutive_errors": marked("Errors until it pauses"),
    "external_id": marked("Your own key"),
    "label": marked("Name"),
    "auto_resume": marked("Try again by itself after a pause"),
    "catch_up": marked("After an outage"),
    "model": marked("Model"),
    "fallback_models": marked("Models that stand in for it"),
    "max_steps": marked("Most steps of a run"),
    "max_credits_per_run": marked("Most credits of a run"),
    "approval_timeout_hours": marked("Hours to wait for an approval"),
    "chat_mode": marked("What it may do"),
    "run_timeout_seconds": marked("Time limit in seconds"),
    "jitter_seconds": marked("Spread of the start in seconds"),
    "gate": marked("Gate"),
    "expect": marked("What makes a run a success"),
}
# What several fields of the form say.
PARTS = {"cron_pattern": WHEN, "interval_minutes": WHEN, "gate": GATE_FIELDS, "expect": EXPECTED}
FIELDS = {name: EditedField(label, parts=PARTS.get(name, ())) for name, label in LABELS.items()}
FREQUENCIES = (
    ("minutes", marked("Every few minutes")),
    ("hours", marked("Every few hours")),
    ("daily", marked("Every day")),
    ("weekdays", marked("Monday to Friday")),
    ("weekly", marked("Every week, on days that you choose")),
    ("monthly", marked("Every month, on a day")),
    ("last_day", marked("Every month, on its last day")),
    ("nth_weekday", marked("Every month, on a weekday")),
    (ONCE, marked("Once")),
    (CRON, marked("As the cron pattern says")),
)
WEEKDAYS = (
    ("1", marked("Monday")),
    ("2", marked("Tuesday")),
    ("3", marked("Wednesday")),
    ("4", marked("Thursday")),
    ("5", marked("Friday")),
    ("6", marked("Saturday")),
    ("7", marked("Sunday")),
)
NTHS = (
    ("1", marked("The first")),
    ("2", marked("The second")),
    ("3", marked("The third")),
    ("4", marked("The fourth")),
    ("5", marked("The fifth")),
    (str(LAST), marked("The last")),
)
ENDS = (("never", marked("It goes on")), (AFTER, marked("It ends after a number of runs")))
CATCH_UP = (
    ("once", marked("Run the newest one that was missed")),
    ("none", marked("Run nothing of what was missed")),
)
CHAT_MODES = (
    ("agent", marked("It may use the tools of its bot")),
    ("ask", marked("It only answers, without tools")),
)

Pairs = list[tuple[str, str]]


@dataclass(frozen=True)
class EditorRows:
    """What there is to choose from, and the heartbeat that is changed, with its bot.

    `with_tools` are the ids of the bots that have tools of their own.
    """

    bots: list[Bot]
    members: list[Subscriber]
    heartbeat: Heartbeat | None = None
    bot: Bot | None = None
    with_tools: frozenset[str] = frozenset()


@dataclass(frozen=True)
class TickView:
    """A time at which it would be due, in its own zone and in the reader's."""

    here: Moment
    reader: Moment
    note: str


@dataclass(frozen=True)
class OutlookView:
    """What would happen: the sentence, the next times, and what a month of them comes to; `ends`: it is a task.

    `gated` is what the month comes to with its gate, as (runs, credits), if that is known. `start` says how long after
    these times it starts, if it does not start at once.
    """

    schedule: str
    zone: str
    reader_zone: str
    ticks: list[TickView]
    ends: bool
    runs: float
    credits: float
    credits_per_run: float
    credits_from: str
    budget: int | None
    budget_spent_on: str | None
    warnings: list[str]
    gated: tuple[float, float] | None
    start: str | None


@dataclass(frozen=True)
class Choices:
    """What there is to choose from in the lists of the page."""

    bots: Pairs
    members: list[tuple[str, Pairs]]
    models: Pairs
    named_models: Pairs
    frequencies: Pairs
    days: Pairs
    nths: Pairs
    weekdays: Pairs
    ends: Pairs
    catch_up: Pairs
    chat_modes: Pairs
    gate: GateChoices


def outlook_view(outcome: Forecast, ahead: Preview, ends: bool, now: datetime) -> OutlookView:
    """Show a forecast, its times in their own zone and in the reader's."""
    zone, spent_on = ahead.cadence.zone, outcome.budget_spent_on
    reader = reader_zone() or UTC
    return OutlookView(
        schedule=schedule(ahead.cadence),
        zone=str(zone),
        reader_zone=str(reader),
        ticks=[
            TickView(local(tick.utc, zone, now), local(tick.utc, reader, now), translate(tick.note or ""))
            for tick in outcome.ticks
        ],
        ends=ends,
        runs=outcome.runs_per_month,
        credits=outcome.credits_per_month,
        credits_per_run=ahead.measured.credits,
        credits_from=translate(ahead.measured.credits_from),
        budget=ahead.budget.limit,
        budget_spent_on=formats.day(spent_on) if spent_on else None,
        warnings=[translate(warning) for warning in (*ahead.refusals, *outcome.warnings)],
        gated=_gated(outcome, ahead),
        start=_start(ahead),
    )


def _start(ahead: Preview) -> str | None:
    if not ahead.longest_delay:
        return None
    if ahead.start_delay is None:
        longest = formats.span(ahead.longest_delay.total_seconds())
        return _("Each run starts within %(time)s of these times, always equally late.") % {"time": longest}
    return _("Each run starts %(time)s after these times.") % {"time": formats.span(ahead.start_delay.total_seconds())}


def _gated(outcome: Forecast, ahead: Preview) -> tuple[float, float] | None:
    share = ahead.gate.share if ahead.gate else None
    return None if share is None else (share * outcome.runs_per_month, share * outcome.credits_per_month)


def choices(rows: EditorRows, offers: Sequence[ModelOffer], form: Form) -> Choices:
    """Return what there is to choose from; only a new one can be a task, which ends."""
    is_new = rows.heartbeat is None
    frequencies = [one for one in FREQUENCIES if is_new or one[0] != ONCE]
    return Choices(
        bots=_bot_options(rows.bots, form.get("bot_id")),
        members=_member_options(rows, form.get("member_id")) if is_new else [],
        models=model_options(offers),
        named_models=[(offer.name, _priced(offer)) for offer in offers],
        frequencies=translated(frequencies),
        days=[(str(day), str(day)) for day in sorted(EVERY_DAY)],
        nths=translated(NTHS),
        weekdays=translated(WEEKDAYS),
        ends=translated(ENDS),
        catch_up=translated(CATCH_UP),
        chat_modes=translated(CHAT_MODES),
        gate=gate_choices(),
    )


def _bot_options(bots: Sequence[Bot], chosen: str) -> Pairs:
    own = [(bot.uuid, _bot_name(bot)) for bot in bots]
    return [*own, *_unlisted(chosen, own, NEW_BOT), (NEW_BOT, _("A new bot"))]


def _bot_name(bot: Bot) -> str:
    return bot.name if bot.heartbeat else _("%(name)s (its heartbeats are off)") % {"name": formats.isolated(bot.name)}


def _member_options(rows: EditorRows, chosen: str) -> list[tuple[str, Pairs]]:
    """Return the subscribers, by the names of their bots."""
    groups: dict[int, Pairs] = {}
    for member in rows.members:
        groups.setdefault(member.bot_id, []).append((member.uuid, member.name or member.email or member.uuid))
    listed = [(bot.name, groups[bot.id]) for bot in rows.bots if bot.id in groups]
    unlisted = _unlisted(chosen, [pair for pairs in groups.values() for pair in pairs])
    return [*listed, (_("Chosen"), unlisted)] if unlisted else listed


def _unlisted(chosen: str, options: Pairs, *others: str) -> Pairs:
    """Return what is chosen although it is in no list that ends somewhere: another must not stand in its place."""
    listed = {"", *others, *(value for value, _ in options)}
    return [] if chosen in listed else [(chosen, chosen)]


def model_options(offers: Sequence[ModelOffer]) -> Pairs:
    """Return the models to choose from, the default first and last one that is named."""
    first, *others = offers
    default = ("", _("The default: %(model)s") % {"model": _priced(first)})
    return [default, *((offer.name, _priced(offer)) for offer in others), (OTHER_MODEL, _("Another model"))]


def _priced(offer: ModelOffer) -> str:
    if not offer.input_nano_usd + offer.output_nano_usd:
        return offer.name
    prices = {"input": formats.dollars(offer.input_nano_usd), "output": formats.dollars(offer.output_nano_usd)}
    return f"{offer.name}: " + _("%(input)s for a million tokens read, %(output)s written") % prices


def zone_options() -> Pairs:
    """List the time zones to choose from, the reader's own first, each as people type it, if that differs."""
    first = dict.fromkeys([str(reader_zone() or UTC), "UTC"])
    names = [*first, *(name for name in sorted(zones.names()) if name not in first)]
    return [(name, name.replace("_", " ") if "_" in name else "") for name in names]
