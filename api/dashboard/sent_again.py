"""A form that makes something or starts a run, sent again: by a second click, or because a page is loaded anew.

Each form carries a draft's id of its own (`draft_field` in `forms.html`). Together with all that was typed it names
what is made, so a form that was changed meanwhile makes another thing.
"""

import json
from collections.abc import Callable
from datetime import datetime
from hashlib import sha256

from sqlalchemy import Connection

from api.dashboard.forms import Form
from heartbeat.domain.ids import new_id
from heartbeat.store.projects.access import Access
from heartbeat.store.projects.idempotency import LIFETIME, KeyedRequest, StoredResponse, claim, store_response

DRAFT = "draft"


def new_draft() -> str:
    return new_id("form")


def make_once(connection: Connection, access: Access, form: Form, now: datetime, make: Callable[[], str]) -> str:
    """Return the id of what `make` makes, or of what it made when the same form was sent before."""
    # The claim is made with what it is for, in one transaction: of two at once the second waits for the first's answer.
    key = _key(form)
    claimed = claim(connection, access.project.id, KeyedRequest(key, key), now, LIFETIME)
    if isinstance(claimed, StoredResponse):
        return claimed.answer
    uuid = make()
    store_response(connection, claimed, 303, uuid)
    return uuid


def promise_once(
    connection: Connection,
    access: Access,
    form: Form,
    now: datetime,
    promise: Callable[[str], None] = lambda _log_id: None,
) -> str:
    """Return the log id of the run that a button starts: the same one however often its form is sent.

    `promise` keeps what that run is to be. Starting the same id again is left to Temporal, so that a form which did
    not come that far the first time still starts its run.
    """

    def make() -> str:
        log_id = new_id("log")
        promise(log_id)
        return log_id

    return make_once(connection, access, form, now, make)


def _key(form: Form) -> str:
    draft = form.get(DRAFT) or new_draft()
    fields = [field for field in form.fields if field[0] != DRAFT]
    return sha256(json.dumps([draft, fields]).encode()).hexdigest()
