"""The runs of a whole project, by filter."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter

from api.deps import CallerDep, query_params
from api.openapi import call
from api.responses import ApiResponse
from api.run_search import run_page, wanted_runs
from api.schemas.run_query import FoundRuns, ListRuns, show_listed

router = APIRouter(prefix="/v1/project", tags=["Runs"], strict_content_type=False)


@router.get("/runs", **call(FoundRuns, query=ListRuns))
async def readall(query: Annotated[ListRuns, query_params(ListRuns)], caller: CallerDep) -> ApiResponse:
    """List the runs of a project's bots, newest first: by status, reason, trigger, owner, days and words."""
    wanted = await caller.read(query, wanted_runs, query)
    page = await run_page(partial(caller.read, query), wanted, query.per_page)
    runs = [show_listed(run, caller.stack.settings) for run in page.rows]
    return ApiResponse({"runs": runs, "looked_at": page.looked_at, "next": page.rest.position if page.rest else None})
