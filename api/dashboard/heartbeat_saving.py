"""What the form of a heartbeat asks of the store: to look ahead, and to save, as the API's own calls do it."""

from dataclasses import replace
from datetime import datetime
from hashlib import sha256

from sqlalchemy import Connection

from api.dashboard import heartbeat_form as forms
from api.dashboard.edited_meanwhile import require_unedited
from api.dashboard.forms import Form, validated
from api.dashboard.heartbeat_form import FormRequest
from api.dashboard.when_form import is_task
from api.schemas.bots import CreateBot
from api.schemas.heartbeats import Configure
from api.schemas.tasks import CreateTask
from heartbeat.domain.errors import Invalid
from heartbeat.store.bots.bots import create_bot
from heartbeat.store.heartbeats import tasks
from heartbeat.store.heartbeats.configure import configure
from heartbeat.store.heartbeats.estimates import ModelRates
from heartbeat.store.heartbeats.heartbeats import enable as switch_on
from heartbeat.store.heartbeats.heartbeats import heartbeat as heartbeat_of
from heartbeat.store.heartbeats.heartbeats import lock_bot
from heartbeat.store.heartbeats.preview import Preview, preview, preview_task
from heartbeat.store.overview.projects import access_to_bot, access_to_heartbeat, task_and_bot
from heartbeat.store.projects.access import Access
from heartbeat.store.projects.idempotency import LIFETIME, KeyedRequest, StoredResponse, claim, store_response
from heartbeat.store.tables.heartbeats import Heartbeat


def look_ahead(connection: Connection, access: Access, form: Form, rates: ModelRates, now: datetime) -> Preview:
    """Work out what the form would lead to, its prompt and its bot still open; raises `CadenceError` and as preview."""
    access = _named(connection, access, form.get("uuid"), form.get("bot_id"))
    values = {"project_id": access.project.uuid, **forms.outlook_values(form)}
    if is_task(form):
        return preview_task(connection, access, validated(CreateTask, values).new_task(), rates, now)
    request = validated(Configure, values).configure_request()
    return preview(connection, access, replace(request, always_new=request.uuid is None), rates, now)


def save_once(
    connection: Connection, access: Access, wanted: FormRequest, loaded: str, enable: bool, now: datetime
) -> Heartbeat:
    """`save`; the same form of a new one, sent again as by a second click, means the one that is made already."""
    if wanted.draft is None or (wanted.configure is not None and wanted.configure.uuid):
        return save(connection, access, wanted, loaded, enable, now)
    key = _key(wanted.draft, wanted)
    # The claim is made with what it is for, in one transaction: of two at once the second waits for the first's answer.
    claimed = claim(connection, access.project.id, KeyedRequest(key, key), now, LIFETIME)
    if isinstance(claimed, StoredResponse):
        return _made_before(connection, access, wanted, claimed.answer, enable, now)
    heartbeat = save(connection, access, wanted, loaded, enable, now)
    store_response(connection, claimed, 303, heartbeat.uuid)
    return heartbeat


def _key(draft: str, wanted: FormRequest) -> str:
    """Write what a form asks for so that another key means another wish, also in a form of the same draft."""
    bodies = [body.model_dump_json() for body in (wanted.bot, wanted.configure, wanted.task) if body is not None]
    return sha256("\n".join([draft, *bodies]).encode()).hexdigest()


def _made_before(
    connection: Connection, access: Access, wanted: FormRequest, uuid: str, enable: bool, now: datetime
) -> Heartbeat:
    """Return what the same form made, switched on if it says so by now; raises `NotFound` when it was deleted."""
    if wanted.task is not None:
        return task_and_bot(connection, access.project, uuid)[0]
    access = access_to_heartbeat(connection, access, uuid)
    return access.heartbeat if access.heartbeat.enabled or not enable else switch_on(connection, access, now)


def save(
    connection: Connection, access: Access, wanted: FormRequest, loaded: str, enable: bool, now: datetime
) -> Heartbeat:
    """Make the bot where one is to be made, and make or change the heartbeat, or make the task, in one transaction.

    `loaded` is the heartbeat as the form was made from it. Raises `EditedMeanwhile`, and as configure and create do.
    """
    if wanted.task is not None:
        access = _of_bot(connection, access, wanted.bot, wanted.task.bot_id, now)
        task = replace(wanted.task.new_task(), gate_headers=wanted.gate_headers)
        return tasks.create(connection, access, wanted.task.member_id, task, now)
    assert wanted.configure is not None
    request = replace(wanted.configure.configure_request(), gate_headers=wanted.gate_headers)
    request = replace(request, enabled=True if enable else None)
    if request.uuid is None:
        access = _of_bot(connection, access, wanted.bot, wanted.configure.bot_id, now)
        return configure(connection, access, replace(request, always_new=True, draft=wanted.draft), now)
    access = access_to_heartbeat(connection, access, request.uuid)
    # Who changes it holds the bot, too.
    row = heartbeat_of(connection, lock_bot(connection, access.bot), access.heartbeat.uuid)
    require_unedited(loaded, forms.saved_values(row), request.fields)
    return configure(connection, access, request, now)


def _of_bot(connection: Connection, access: Access, bot: CreateBot | None, bot_uuid: str, now: datetime) -> Access:
    """Narrow the access to the bot that was chosen, or to the one that is made here."""
    if bot is None:
        return access_to_bot(connection, access, bot_uuid)
    return access.narrowed(create_bot(connection, access, {**bot.fields(), "attributes": bot.attributes()}, now))


def _named(connection: Connection, access: Access, heartbeat_uuid: str, bot_uuid: str) -> Access:
    """Narrow the access to what the form is of; a bot that is still to be made is none."""
    if heartbeat_uuid:
        return access_to_heartbeat(connection, access, heartbeat_uuid)
    return access if bot_uuid in ("", forms.NEW_BOT) else access_to_bot(connection, access, bot_uuid)


def require_heartbeat(form: Form) -> None:
    """Raises `Invalid` when a heartbeat that is there would become a task."""
    if form.get("uuid") and is_task(form):
        raise Invalid("frequency", "a heartbeat goes on until it is switched off; make a new one for what is to end")
