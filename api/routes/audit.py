"""The audit log of a project, by filter."""

from typing import Annotated

from fastapi import APIRouter
from sqlalchemy import Connection

from api.deps import CallerDep, query_params
from api.openapi import call
from api.responses import ApiResponse
from api.schemas.audit import AuditPage, ListAudit
from heartbeat.store.audit.reading import AuditFilter, audit_page, show_entry
from heartbeat.store.projects.access import Access
from heartbeat.store.tables.audit import AuditEntry

router = APIRouter(prefix="/v1/audit", tags=["Audit"], strict_content_type=False)


@router.get("/readall", **call(AuditPage, query=ListAudit))
async def readall(query: Annotated[ListAudit, query_params(ListAudit)], caller: CallerDep) -> ApiResponse:
    """List who changed what in a project, newest first: by who did it, what was done, what it was done to, and days."""
    entries, following = await caller.read(query, _page, query.wanted(), query.per_page)
    return ApiResponse({"entries": [show_entry(entry) for entry in entries], "next": following})


def _page(
    connection: Connection, access: Access, wanted: AuditFilter, limit: int
) -> tuple[list[AuditEntry], int | None]:
    return audit_page(connection, access.project.id, wanted, limit)
