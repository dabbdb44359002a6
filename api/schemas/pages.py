"""Pages of long lists."""

from math import ceil
from typing import Annotated, Any

from pydantic import Field

from api.schemas.answered import Answered
from heartbeat.domain.field_types import MAX_NUMBER, WHOLE
from heartbeat.store.database.pages import Page

PageNumber = Annotated[int, Field(ge=1, le=MAX_NUMBER, description="The page, counted from 1.", examples=[1]), WHOLE]
PerPage = Annotated[int, Field(ge=1, le=100, description="How many a page has.", examples=[20]), WHOLE]


class Pagination(Answered):
    """Where a page stands among all."""

    page: int = Field(description="The page, counted from 1.", examples=[1])
    per_page: int = Field(description="How many a page has.", examples=[20])
    total: int = Field(description="How many there are on all pages together.", examples=[1])
    total_pages: int = Field(description="How many pages there are.", examples=[1])


def pagination(page: Page, total: int) -> dict[str, Any]:
    """The `Pagination` of a page."""
    return {"page": page.number, "per_page": page.size, "total": total, "total_pages": ceil(total / page.size)}
