"""Pages of long lists."""

from math import ceil
from typing import Annotated, Any

from pydantic import BaseModel, Field

from heartbeat.domain.field_types import Whole
from heartbeat.store.pages import Page

PageNumber = Annotated[Whole, Field(ge=1)]
PerPage = Annotated[Whole, Field(ge=1, le=100)]


class Pagination(BaseModel):
    page: int
    per_page: int
    total: int
    total_pages: int


def pagination(page: Page, total: int) -> dict[str, Any]:
    """Where a page stands among all."""
    return {"page": page.number, "per_page": page.size, "total": total, "total_pages": ceil(total / page.size)}
