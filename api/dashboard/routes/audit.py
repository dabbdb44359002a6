"""The page of the audit log: who changed what, newest first; and the same as a file."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, tzinfo
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from sqlalchemy import Connection
from starlette.responses import Response, StreamingResponse

from api.dashboard import zones
from api.dashboard.forms import Form, field_errors, validated
from api.dashboard.pages import PageRoute, html
from api.dashboard.translations import gettext as _
from api.dashboard.translations import translated
from api.dashboard.views.audit import KINDS, NOUNS, audit_line
from api.dashboard.visitor import Visitor, VisitorDep
from api.responses import ApiResponse
from api.schemas.audit import AuditQuery
from heartbeat.domain.errors import InvalidMany
from heartbeat.store.audit.reading import AuditFilter, audit_page, show_entry
from heartbeat.store.projects.access import Access
from heartbeat.store.tables.audit import AuditEntry

router = APIRouter(route_class=PageRoute, include_in_schema=False)

ENTRIES_A_PAGE = 50
STREAMED_AT_ONCE = 500
FIELDS = ("actor", "action", "object_id", "since", "until")


@router.get("/audit")
async def audit(request: Request, visitor: VisitorDep) -> Response:
    """The entries that the address asks for, newest first."""
    form = Form(request.query_params.multi_items())
    try:
        query, errors = validated(AuditQuery, form.filled(*FIELDS, "before")), {}
    except InvalidMany as problem:
        query, errors = AuditQuery(), field_errors(problem)
    asked = urlencode(form.filled(*FIELDS))
    if asked and not errors:
        await visitor.count_costly(request)
    frame, (entries, older) = await visitor.read_framed(_page, query.wanted(_zone()), ENTRIES_A_PAGE)
    return html(
        "audit",
        400 if errors else 200,
        frame=frame,
        form=form,
        errors=errors,
        lines=[audit_line(entry, visitor.now()) for entry in entries],
        nouns=[("", _("All")), *translated(NOUNS.items())],
        kinds=translated(KINDS.items()),
        query=asked,
        older=older,
        is_first=not form.get("before"),
    )


@router.get("/audit.jsonl")
async def as_json_lines(request: Request, visitor: VisitorDep) -> Response:
    """The entries of a filter, each a line of JSON as the API has it, newest first."""
    form = Form(request.query_params.multi_items())
    wanted = validated(AuditQuery, form.filled(*FIELDS)).wanted(_zone())
    await visitor.count_costly(request)
    headers = {"Content-Disposition": "attachment; filename=audit.jsonl"}
    return StreamingResponse(_lines(visitor, wanted), headers=headers, media_type="application/jsonl")


async def _lines(visitor: Visitor, wanted: AuditFilter) -> AsyncIterator[bytes]:
    older: int | None = 0
    while older is not None:
        entries, older = await visitor.read(_page, wanted, STREAMED_AT_ONCE)
        yield b"".join(bytes(ApiResponse(show_entry(entry)).body) + b"\n" for entry in entries)
        wanted = replace(wanted, before=older)


def _page(
    connection: Connection, access: Access, wanted: AuditFilter, limit: int
) -> tuple[list[AuditEntry], int | None]:
    return audit_page(connection, access.project.id, wanted, limit)


def _zone() -> tzinfo:
    return zones.reader_zone() or UTC
