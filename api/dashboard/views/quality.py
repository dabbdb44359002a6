"""How good runs were: what a person said of one, and which share of many did what is expected or was liked."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from api.dashboard.translations import gettext as _
from api.dashboard.translations import ngettext
from api.dashboard.views import formats
from api.dashboard.views.formats import Moment
from heartbeat.store.credits.stats import QUALITY_DAYS
from heartbeat.store.overview.daily_numbers import DayNumbers, Days
from heartbeat.store.runs.ratings import can_be_rated
from heartbeat.store.tables.credits import RunSums
from heartbeat.store.tables.runs import Run

# What a page reads of days has those over which people look at quality, whatever its charts show.
MIN_DAYS = max(QUALITY_DAYS)


@dataclass(frozen=True)
class RatingView:
    """What a person said of a run, if anybody did; `by` is how they said it."""

    liked: bool | None
    note: str
    by: str | None
    at: Moment | None


@dataclass(frozen=True)
class ShareTile:
    """A share of the runs of the last 30 days as a percentage, what of, and the same of the last 7 days."""

    title: str
    share: str
    of: str
    week: str


def rating_view(run: Run, zone: str, now: datetime) -> RatingView | None:
    """Show what was said of a run; `None` for one that cannot be rated."""
    if not can_be_rated(run):
        return None
    at = formats.moment(run.rated_at, ZoneInfo(zone), now) if run.rated_at else None
    return RatingView(run.liked, run.rating_note or "", run.rated_by, at)


def share_tiles(days: Days) -> list[ShareTile]:
    """Show the shares of the last days; of each only if runs were judged so in 30 days."""
    week, month = (_sums(list(days.values())[-count:]) for count in QUALITY_DAYS)
    met, liked = month.met + month.unmet, month.liked + month.disliked
    tiles = []
    if met:
        words = ngettext("%(part)s of %(whole)s run in 30 days", "%(part)s of %(whole)s runs in 30 days", met)
        tiles.append(_tile(_("As expected"), words, (month.met, met), (week.met, week.met + week.unmet)))
    if liked:
        words = ngettext(
            "%(part)s of %(whole)s rated run in 30 days", "%(part)s of %(whole)s rated runs in 30 days", liked
        )
        tiles.append(_tile(_("Liked"), words, (month.liked, liked), (week.liked, week.liked + week.disliked)))
    return tiles


def _tile(title: str, words: str, month: tuple[int, int], week: tuple[int, int]) -> ShareTile:
    part, whole = (formats.number(number) for number in month)
    return ShareTile(title, formats.per_cent(*month), words % {"part": part, "whole": whole}, _of_week(*week))


def _of_week(part: int, whole: int) -> str:
    return _("%(share)s in 7 days") % {"share": formats.per_cent(part, whole)} if whole else _("none in 7 days")


def _sums(days: Sequence[DayNumbers]) -> RunSums:
    total = RunSums()
    for day in days:
        total.add(day.sums)
    return total
