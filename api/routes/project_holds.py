"""The hold of a project: stop everything, see whether it is stopped, let it go on."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter

from api import project_holds
from api.deps import CallerDep, query_params
from api.openapi import call
from api.responses import ApiResponse
from api.schemas.fields import OfProject
from api.schemas.project_holds import HoldProject, OneHold, PutOnHold, show_hold

router = APIRouter(prefix="/v1/project", tags=["Project"], strict_content_type=False)


@router.post("/hold", **call(PutOnHold))
async def hold(body: HoldProject, caller: CallerDep) -> ApiResponse:
    """Put a whole project on hold: no tick starts, nor does anything else, until it is released or `until` has come."""
    row, cancelled = await project_holds.put_on_hold(caller.stack, partial(caller.write, body), body.new_hold())
    return ApiResponse({**show_hold(row), "cancelled": cancelled})


@router.get("/hold", **call(OneHold, query=OfProject))
async def read(query: Annotated[OfProject, query_params(OfProject)], caller: CallerDep) -> ApiResponse:
    """Read whether a project is on hold, and why."""
    return ApiResponse(show_hold(await caller.read_inline(query, project_holds.current, caller.now())))


@router.post("/release", **call(OneHold))
async def release(body: OfProject, caller: CallerDep) -> ApiResponse:
    """Let a project go on. What was due meanwhile was skipped; releasing one that is not on hold changes nothing."""
    await caller.write(body, project_holds.release, caller.now())
    return ApiResponse(show_hold(None))
