"""What a gate reads at this moment, as it stands in a form that is not saved. Nothing of it is kept."""

import asyncio
from dataclasses import replace

from fastapi import APIRouter, Request
from sqlalchemy import Connection
from starlette.responses import Response

from api.dashboard.forms import Form, field_errors, read_form, validated
from api.dashboard.gate_form import gate_values
from api.dashboard.heartbeat_form import NEW_BOT
from api.dashboard.pages import PageRoute, html
from api.dashboard.views.gates import look_view
from api.dashboard.visitor import Visitor, VisitorDep
from api.gates import checked_headers
from heartbeat.domain.errors import Invalid, ProductError
from heartbeat.domain.gates import Gate, SealedHeaders, source_of
from heartbeat.gates.looking import GateReader
from heartbeat.store.heartbeats.gate_columns import NO_GATE, gate_columns
from heartbeat.store.heartbeats.gates import GateQuestion, question_of, state_of
from heartbeat.store.overview.projects import access_to_bot, access_to_heartbeat
from heartbeat.store.projects.access import Access
from heartbeat.tool_servers.refreshing import Refresher

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.post("/heartbeats/look")
async def look_now(request: Request, visitor: VisitorDep) -> Response:
    """Look at the gate of the form, and show what is there beside what was accepted last."""
    form, stack = await read_form(request), visitor.stack
    try:
        question = await _question(visitor, form)
    except ProductError as problem:
        frame = await visitor.frame()
        # Beside its form it is what the form asked for, and no page that could not be shown.
        status = 200 if form.get("beside") and problem.status < 500 else problem.status
        return html("gate_look", status, frame=frame, look=None, problems=list(field_errors(problem).values()))
    reader = GateReader(stack.database, stack.settings, Refresher(stack.database, stack.settings, stack.now))
    # Read whole: who asks only for what is new gets no text to show.
    look = await reader.look(replace(question, accepted=None))
    shown = await asyncio.to_thread(look_view, question, look)
    return html("gate_look", frame=await visitor.frame(), look=shown, problems=())


async def _question(visitor: Visitor, form: Form) -> GateQuestion:
    values = gate_values(form)
    if values is None:
        raise Invalid("gate", "choose where to look")
    gate = validated(Gate, values)
    return await visitor.read(_question_of, form, gate, checked_headers(gate, visitor.stack.settings))


def _question_of(
    connection: Connection, access: Access, form: Form, gate: Gate, headers: SealedHeaders | None
) -> GateQuestion:
    """What is asked of the gate of the form; raises `Invalid` for headers that would go to another host."""
    if form.get("uuid"):
        row = access_to_heartbeat(connection, access, form.get("uuid")).heartbeat
        before = {name: getattr(row, name) for name in NO_GATE}
        columns = gate_columns(gate, headers, before)
        known = question_of(row, state_of(connection, row)).accepted if row.gate else None
        accepted = known if known and known.source == source_of(columns["gate"]) else None
        return GateQuestion(columns["gate"], columns["sealed_gate_headers"], row.bot_id, row.member_id, accepted)
    columns = gate_columns(gate, headers)
    bot_id = None
    if form.get("bot_id") not in ("", NEW_BOT):
        bot_id = access_to_bot(connection, access, form.get("bot_id")).bot.id
    elif gate.tool:
        raise Invalid("gate.tool", "a bot that is still to be made has no tools yet")
    return GateQuestion(columns["gate"], columns["sealed_gate_headers"], bot_id, None, None)
