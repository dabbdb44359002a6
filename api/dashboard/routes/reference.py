"""The reference of the API: Swagger UI over `/openapi.json`, from files of our own."""

from fastapi import APIRouter
from starlette.responses import Response

from api.dashboard.pages import HEADERS, PageRoute, html

router = APIRouter(route_class=PageRoute, include_in_schema=False)

# It sends requests by script and no form.
POLICY = HEADERS["Content-Security-Policy"].replace("form-action 'self'", "form-action 'none'")


@router.get("/docs")
async def reference() -> Response:
    """Show every call, and try it with a key."""
    response = html("reference")
    response.headers["Content-Security-Policy"] = POLICY
    return response
