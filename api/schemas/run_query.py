"""Requests for the runs of a project by filter, and the answer: over the API and as the address of a page."""

from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from sqlalchemy import Row

from api.schemas import examples
from api.schemas.answered import Answered
from api.schemas.examples import example
from api.schemas.fields import Key, OfProject, wrong_field
from api.schemas.logs import SUCCEEDED, LogObject, Status, show_log
from api.schemas.pages import PerPage
from api.schemas.response_fields import BotUuid
from heartbeat.domain.contracts import SkipReason
from heartbeat.domain.field_types import Text, written_as
from heartbeat.settings import Settings

MAX_WORDS = 8
# What parts words for Python, and no NUL.
GAP, WORD = r"[\s\u001c-\u001f\u0085]", r"[^\s\u0000\u001c-\u001f\u0085]"
FEW_WORDS = rf"^{GAP}*({WORD}+{GAP}+){{0,{MAX_WORDS - 1}}}{WORD}*$"
# Days that have a day before and after in every time zone.
FIRST_YEAR, LAST_YEAR = 1970, 9998
RunTrigger = Literal["schedule", "manual", "probe", "rehearsal"]


def _day(value: Any) -> date:
    try:
        day = date.fromisoformat(str(value))
    except ValueError:
        raise ValueError("must be a day, written as 2026-11-30") from None
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise ValueError(f"must be a day of the years {FIRST_YEAR} to {LAST_YEAR}")
    return day


def _few(text: str) -> str:
    if len(text.split()) > MAX_WORDS:
        raise ValueError(f"must be at most {MAX_WORDS} words")
    return text


Day = Annotated[date, BeforeValidator(_day), written_as(r"^(19[7-9][0-9]|[2-9][0-9]{3})-")]


class RunQuery(BaseModel):
    """Which runs of a project are asked for."""

    model_config = ConfigDict(extra="ignore")

    q: Annotated[Text, AfterValidator(_few), written_as(FEW_WORDS)] = Field(
        "",
        max_length=200,
        description="Only those whose prompt, answer or error has each of these words, in large or small letters.",
        examples=["invoice 4711"],
    )
    status: Status | None = Field(None, description="Only these.", examples=["error"])
    skip_reason: SkipReason | None = Field(
        None, description="Only those that were skipped for this reason.", examples=["overlap"]
    )
    trigger: RunTrigger | None = Field(
        None, description="Only those that were started so; `rehearsal`: only rehearsals.", examples=["manual"]
    )
    bot_id: Key | None = Field(None, description="Only those of this bot (`bot_…`).", examples=[examples.BOT])
    heartbeat_id: Key | None = Field(
        None, description="Only those of this heartbeat or scheduled task.", examples=[examples.HEARTBEAT]
    )
    member_id: Key | None = Field(
        None, description="Only those of this subscriber (`mem_…`).", examples=[examples.MEMBER]
    )
    since: Day | None = Field(None, description="The first day on which they began, in UTC.", examples=["2026-11-01"])
    until: Day | None = Field(None, description="The last day on which they began, in UTC.", examples=["2026-11-30"])
    before: Key | None = Field(
        None, description="Only those before it: `next` of the page before, or the id of a run.", examples=["48213"]
    )

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.since and self.until and self.until < self.since:
            raise wrong_field("until", "must not be before the first day")
        return self


class ListRuns(OfProject, RunQuery):
    per_page: PerPage = 20


class ListedRun(LogObject):
    """The log of a run of any bot."""

    bot_id: BotUuid


class FoundRuns(Answered):
    """Runs by filter, newest first."""

    runs: list[ListedRun] = Field(
        description="The runs, newest first, rehearsals and those still going too.",
        examples=[[example(ListedRun, **SUCCEEDED)]],
    )
    looked_at: int = Field(description="How many runs were looked through for them.", examples=[1])
    next: str | None = Field(
        description="Send it as `before` for what comes next; null at the end. A page may have fewer than `per_page` "
        "before the end: it looks through 5,000 runs at the most.",
        examples=["48213"],
    )


def show_listed(run: Row[Any], settings: Settings) -> dict[str, Any]:
    """The `ListedRun` of a row."""
    return {**show_log(run, settings), "bot_id": run.bot_uuid}
