"""Rehearse what stands in a form and is not saved, and try an edit on the last runs."""

from dataclasses import replace
from datetime import datetime

from fastapi import APIRouter, Request
from sqlalchemy import Connection
from starlette.responses import RedirectResponse, Response

from api.dashboard import heartbeat_form as forms
from api.dashboard.forms import Form, read_form, validated
from api.dashboard.heartbeat_form import FormRequest
from api.dashboard.pages import PageRoute, html
from api.dashboard.routes.run_actions import start_replay
from api.dashboard.translations import gettext as _
from api.dashboard.views import comparison, runs
from api.dashboard.views.heartbeat_form import LABELS
from api.dashboard.visitor import Visitor, VisitorDep
from api.schemas.variants import VariedFields
from heartbeat.domain.errors import Conflict, NotFound, ProductError
from heartbeat.domain.ids import new_id
from heartbeat.store.heartbeats.configure import ConfigureRequest
from heartbeat.store.heartbeats.drafts import unsaved_bot, write_draft
from heartbeat.store.heartbeats.plan_limits import require_heartbeats
from heartbeat.store.heartbeats.sync import ScheduledRow
from heartbeat.store.overview.projects import access_to_bot, access_to_heartbeat
from heartbeat.store.projects.access import Access
from heartbeat.store.runs.comparisons import ComparedRun, compared_run, compared_runs, newest_replayable
from heartbeat.store.runs.rehearsals import Rehearsal, rehearsal
from heartbeat.store.runs.variants import OF_BOT, OF_HEARTBEAT, promise_rehearsal
from heartbeat.temporal.runs import start_manual_run

router = APIRouter(route_class=PageRoute, include_in_schema=False)

LAST_RUNS = 5


@router.post("/heartbeats/rehearse")
async def rehearse(request: Request, visitor: VisitorDep) -> Response:
    """Start a rehearsal of the form, saving nothing, and lead to its page."""
    form, stack, log_id = await read_form(request), visitor.stack, new_id("log")
    try:
        asked = forms.request_of(form, (await visitor.access()).project.uuid).sealed(stack.settings)
        access = await visitor.write(_promise, asked, log_id, visitor.now())
        assert access.heartbeat_row is not None
        row = ScheduledRow.of(access.heartbeat_row, access)
        await start_manual_run(stack.temporal, stack.settings, row, log_id, dry_run=True)
    except ProductError as problem:
        return await _refused(visitor, form, problem)
    return RedirectResponse(f"/rehearsals/{log_id}", 303)


@router.get("/rehearsals/{uuid}")
async def rehearsal_page(uuid: str, visitor: VisitorDep) -> Response:
    """A rehearsal as it goes: what it thinks, what it would have called, whom it would have told, what it costs."""
    frame, (compared, would) = await visitor.read_framed(_rehearsal, uuid)
    return html(
        "rehearsal",
        frame=frame,
        refresh=f"/rehearsals/{uuid}" if compared.is_going else None,
        run=comparison.run_view(compared, visitor.now()),
        rehearsal=runs.rehearsal_view(would) if would else None,
        problems=(),
    )


@router.post("/heartbeats/try")
async def try_on_last_runs(request: Request, visitor: VisitorDep) -> Response:
    """Replay the newest runs of the heartbeat with the prompt of the form, and the model that is to be tried."""
    form = await read_form(request)
    changes = form.filled("prompt") | {name: value for name, value in [("model", form.get("try_model"))] if value}
    try:
        changed = validated(VariedFields, changes).changes
        originals = await visitor.read(_last_runs, form.get("uuid"))
        replays = [await start_replay(visitor, run_uuid, changed, Form()) for run_uuid in originals]
    except ProductError as problem:
        return await _refused(visitor, form, problem)
    return RedirectResponse(f"/tries/{'.'.join(replays)}", 303)


@router.get("/tries/{uuids}")
async def tries_page(uuids: str, visitor: VisitorDep) -> Response:
    """Runs beside their replays, also while these go on."""
    frame, (before, after) = await visitor.read_framed(_tries, uuids.split(".")[:LAST_RUNS])
    is_going = any(run.is_going for run in after)
    return html(
        "compare",
        frame=frame,
        pairs=comparison.pairs(before, after, visitor.now()),
        title=_("Tried on the last runs"),
        back="/",
        refresh=f"/tries/{uuids}" if is_going else None,
    )


async def _refused(visitor: Visitor, form: Form, problem: ProductError) -> Response:
    """Say why nothing was rehearsed, by field."""
    frame = await visitor.frame()
    labels = {name: _(label) for name, label in LABELS.items()}
    problems = [(labels.get(name, name), said) for name, said in forms.form_errors(problem, form).items()]
    # Beside its form it is what the form asked for, and no page that could not be shown.
    status = 200 if form.get("beside") and problem.status < 500 else problem.status
    return html("rehearsal", status, frame=frame, refresh=None, run=None, rehearsal=None, problems=problems)


def _promise(connection: Connection, access: Access, asked: FormRequest, log_id: str, now: datetime) -> Access:
    """Keep what the form says for the rehearsal `log_id`; returns the access to its heartbeat or draft."""
    bot = asked.bot.fields() if asked.bot else {}
    of_bot = {name: bot[name] for name in OF_BOT if name in bot}
    if asked.configure is not None and asked.configure.uuid:
        access = access_to_heartbeat(connection, access, asked.configure.uuid)
        require_heartbeats(access.project, access.plan, access.bot)
        fields = asked.configure.configure_request().fields
        of_heartbeat = {name: fields[name] for name in OF_HEARTBEAT if name in fields}
    else:
        access = _access_to_draft(connection, access, asked, now)
        of_heartbeat = {}
    promise_rehearsal(connection, access, log_id, of_heartbeat | of_bot, now)
    return access


def _access_to_draft(connection: Connection, access: Access, asked: FormRequest, now: datetime) -> Access:
    if asked.bot is not None:
        access = access.narrowed(unsaved_bot(connection, access, asked.draft, asked.bot.name, now))
    else:
        body = asked.configure or asked.task
        assert body is not None
        access = access_to_bot(connection, access, body.bot_id)
    heartbeat = write_draft(connection, access, replace(_configure_request(asked), draft=asked.draft), now)
    return access.narrowed(access.bot, heartbeat)


def _configure_request(asked: FormRequest) -> ConfigureRequest:
    """A task is rehearsed as the heartbeat that asks the same."""
    if asked.configure is not None:
        return replace(asked.configure.configure_request(), gate_headers=asked.gate_headers)
    assert asked.task is not None
    fields = {"prompt": asked.task.prompt, "timezone": asked.task.timezone or "UTC", "gate": asked.task.gate}
    return ConfigureRequest(fields, member_key=asked.task.member_id, gate_headers=asked.gate_headers)


def _rehearsal(connection: Connection, access: Access, uuid: str) -> tuple[ComparedRun, Rehearsal | None]:
    compared = compared_run(connection, access, uuid)
    run = compared.run
    is_over = run is not None and run.dry_run and run.status != "running"
    return compared, rehearsal(connection, run) if run is not None and is_over else None


def _last_runs(connection: Connection, access: Access, heartbeat_uuid: str) -> list[str]:
    """List the log ids of the newest runs that can be replayed; raises `Conflict` when there is none."""
    heartbeat = access_to_heartbeat(connection, access, heartbeat_uuid).heartbeat
    originals = newest_replayable(connection, heartbeat, LAST_RUNS)
    if not originals:
        raise Conflict("nothing_to_replay", "This heartbeat has not run yet, so there is nothing to try it on.")
    return [run.uuid for run in originals]


def _tries(connection: Connection, access: Access, uuids: list[str]) -> tuple[list[ComparedRun], list[ComparedRun]]:
    after = compared_runs(connection, access, uuids)
    if any(run.replay_of is None for run in after):
        raise NotFound("run", uuids[0][:64])
    return compared_runs(connection, access, [str(run.replay_of) for run in after]), after
