"""Charts: the numbers of days made into bars, each chart beside what the same number of days before came to."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from urllib.parse import urlencode

from api.dashboard.prices import priced
from api.dashboard.translations import gettext as _
from api.dashboard.translations import marked, ngettext
from api.dashboard.views import formats
from api.dashboard.views.gates import news_line
from heartbeat.domain.durations import quantile
from heartbeat.store.overview.daily_numbers import DayNumbers, Days
from heartbeat.store.tables.credits import RunSums

PERIODS, DEFAULT = (7, 30, 90), 30
# In the charts' own units, which are about pixels: bars stand between `TOP` and `BASE`.
WIDTH, TOP, BASE = 480, 26, 126

Value = Callable[[DayNumbers], int]


@dataclass(frozen=True)
class Segment:
    """A part of a bar: its kind, and where it stands."""

    kind: str
    y: float
    height: float


@dataclass(frozen=True)
class Bar:
    """A day of a chart: its numbers in words, and the runs behind it."""

    x: float
    label: str
    href: str
    segments: list[Segment]


@dataclass(frozen=True)
class Chart:
    """`total` is what the days come to, `change` what those before came to; `before` draws the latter as a path.

    `top` is the number at the upper line, `legend` has the kinds of segments with their words.
    """

    name: str
    title: str
    total: str
    change: str
    bars: list[Bar]
    before: str
    top: str
    legend: list[tuple[str, str]]


@dataclass(frozen=True)
class ChartPanel:
    """The charts of some days, the same numbers as rows of a table, and the other periods as number and address.

    `news` says how many of the ticks were runs, where gates had nothing new.
    """

    days: int
    periods: list[tuple[int, str]]
    charts: list[Chart]
    rows: list[list[str]]
    width: float
    first: str
    last: str
    news: str | None


def p50(numbers: DayNumbers) -> int:
    """Return the milliseconds that half of the runs did not exceed, 0 without runs."""
    return quantile(numbers.durations, 0.5) or 0


def p95(numbers: DayNumbers) -> int:
    """Return the milliseconds that 95 of 100 runs did not exceed, 0 without runs."""
    return quantile(numbers.durations, 0.95) or 0


def _counts(numbers: DayNumbers) -> str:
    sums = numbers.sums
    words = [_number(ngettext("%(number)s run", "%(number)s runs", sums.executed), sums.executed)]
    if sums.error:
        words.append(_number(_("%(number)s failed"), sums.error))
    if sums.cancelled:
        words.append(_number(_("%(number)s cancelled"), sums.cancelled))
    if skipped := _skipped(sums):
        words.append(_number(_("%(number)s skipped"), skipped))
    if sums.unchanged:
        words.append(
            _number(
                ngettext("%(number)s time nothing new", "%(number)s times nothing new", sums.unchanged), sums.unchanged
            )
        )
    return ", ".join(words)


def _skipped(sums: RunSums) -> int:
    return sums.skipped - sums.unchanged


def _number(words: str, number: int) -> str:
    return words % {"number": formats.number(number)}


def _money(nano_usd: int) -> str:
    return formats.dollars(nano_usd) or "$0"


def _took(numbers: DayNumbers) -> str:
    if not numbers.durations:
        return _("no runs")
    return f"p50 {formats.took(p50(numbers))}, p95 {formats.took(p95(numbers))}"


def _of(name: str) -> Value:
    """Return what reads one of the sums of a day."""
    return lambda numbers: int(getattr(numbers.sums, name))


@dataclass(frozen=True)
class ChartKind:
    """What a chart shows: `parts` stand on each other, from the bottom to the top, and together are `height`.

    `words` says the numbers of a day, `amount` the one at the upper line; `before` is drawn of the days before.
    """

    name: str
    title: str
    parts: Mapping[str, Value]
    height: Value
    words: Callable[[DayNumbers], str]
    amount: Callable[[int], str]
    before: Value
    legend: Mapping[str, str] = field(default_factory=dict)


STATUSES = {
    "success": marked("Succeeded"),
    "cancelled": marked("Cancelled"),
    "skipped": marked("Skipped"),
    "error": marked("Failed"),
}
CREDITS, COST = _of("credits"), _of("cost_nano_usd")
# Beside ticks without news no run would be seen.
WITH_NEWS = _of("with_news")
KINDS = (
    ChartKind(
        "runs",
        marked("Runs a day"),
        {**{status: _of(status) for status in STATUSES}, "skipped": lambda numbers: _skipped(numbers.sums)},
        WITH_NEWS,
        _counts,
        formats.number,
        WITH_NEWS,
        STATUSES,
    ),
    ChartKind(
        "credits",
        marked("Credits a day"),
        {"amount": CREDITS},
        CREDITS,
        lambda numbers: priced(CREDITS(numbers)),
        formats.number,
        CREDITS,
    ),
    ChartKind(
        "cost", marked("Cost a day"), {"amount": COST}, COST, lambda numbers: _money(COST(numbers)), _money, COST
    ),
    # One quantile within the other: they are no parts of a whole.
    ChartKind(
        "durations",
        marked("How long runs took"),
        {"p50": p50, "p95": lambda numbers: p95(numbers) - p50(numbers)},
        p95,
        _took,
        formats.took,
        p50,
        {"p50": marked("p50: half took no longer"), "p95": marked("p95: 95 of 100 took no longer")},
    ),
)


def period_of(text: str) -> int:
    """Read how many days a page is to show; anything that is no choice means 30."""
    return int(text) if text in map(str, PERIODS) else DEFAULT


def page_path(path: str, days: str) -> str:
    """Return the address of a page with charts of so many days, without what need not be said."""
    return path if period_of(days) == DEFAULT else f"{path}?days={period_of(days)}"


def panel(days: Days, count: int, path: str, runs: Mapping[str, str]) -> ChartPanel:
    """Show the last `count` days against as many before; `runs` filters the list of runs to those counted here."""
    shown, before = dict(list(days.items())[-count:]), list(days.values())[-2 * count : -count]
    total, past = _sum(shown.values()), _sum(before)
    either = _sum((total, past))
    rows = [_row(formats.day(day), numbers) for day, numbers in reversed(shown.items())]
    rows.append(_row(_("All %(days)s days") % {"days": count}, total))
    rows.append(_row(_("The %(days)s days before") % {"days": count}, past))
    return ChartPanel(
        days=count,
        periods=[(number, f"{path}{'&' if '?' in path else '?'}days={number}") for number in PERIODS],
        charts=[_chart(kind, shown, before, runs) for kind in KINDS if kind.height(either) or kind.name == "runs"],
        rows=rows,
        width=WIDTH / count,
        first=formats.day(min(shown)),
        last=formats.day(max(shown)),
        news=news_line(total.sums, count),
    )


def _chart(kind: ChartKind, days: Days, before: list[DayNumbers], runs: Mapping[str, str]) -> Chart:
    most = max(1, *map(kind.height, days.values()), *map(kind.before, before))
    scale, width = (BASE - TOP) / most, WIDTH / len(days)
    bars = [
        Bar(
            x=round(index * width, 2),
            label=f"{formats.day(day)}: {kind.words(numbers)}",
            href=_address(runs, day),
            segments=_segments(kind, numbers, scale),
        )
        for index, (day, numbers) in enumerate(days.items())
    ]
    drawn = {segment.kind for bar in bars for segment in bar.segments}
    words = {"amount": kind.words(_sum(before)), "days": len(before)}
    return Chart(
        name=kind.name,
        title=_(kind.title),
        total=kind.words(_sum(days.values())),
        change=_("%(amount)s in the %(days)s days before") % words,
        bars=bars,
        before=_steps([kind.before(numbers) * scale for numbers in before], width),
        top=kind.amount(most),
        legend=[(part, _(text)) for part, text in kind.legend.items() if part in drawn],
    )


def _segments(kind: ChartKind, numbers: DayNumbers, scale: float) -> list[Segment]:
    segments, y = [], float(BASE)
    for name, value in kind.parts.items():
        height = value(numbers) * scale
        y -= height
        if height:
            segments.append(Segment(name, round(y, 1), round(height, 1)))
    return segments


def _steps(heights: Sequence[float], width: float) -> str:
    """Draw one level line a day, each joined to the next."""
    return "".join(f"{'V' if index else 'M0 '}{BASE - height:.1f}h{width:.2f}" for index, height in enumerate(heights))


def _address(runs: Mapping[str, str], day: date) -> str:
    return "/runs?" + urlencode({**runs, "since": day.isoformat(), "until": day.isoformat(), "zone": "UTC"})


def _sum(days: Iterable[DayNumbers]) -> DayNumbers:
    total = DayNumbers()
    for numbers in days:
        total.add(numbers)
    return total


def _row(name: str, numbers: DayNumbers) -> list[str]:
    sums, durations = numbers.sums, numbers.durations
    counts = (sums.success, sums.error, sums.cancelled, _skipped(sums), sums.unchanged)
    took = (formats.took(p50(numbers)), formats.took(p95(numbers))) if durations else ("", "")
    return [name, *map(formats.number, counts), priced(sums.credits), formats.dollars(sums.cost_nano_usd), *took]
