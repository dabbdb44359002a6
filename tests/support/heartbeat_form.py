"""The form of a heartbeat as a browser without scripts fills and sends it."""

import re
from html import unescape
from typing import Any

import httpx
from sqlalchemy import func, select, update

from api.dashboard import heartbeat_form as forms
from heartbeat.store.database.rows import columns
from heartbeat.store.heartbeats.heartbeats import IS_HEARTBEAT
from heartbeat.store.tables.heartbeats import Heartbeat
from heartbeat.store.tables.projects import Project
from tests.support.dashboard import SITE, Owner
from tests.support.seeds import heartbeat_row

HEARTBEAT, PROJECT = columns(Heartbeat), columns(Project)
TYPED = {"prompt": "Suggest one thing.", "label": "Ideas", "cron_pattern": "0 0 1 1 *"}


def fields_of(owner: Owner, **fields: str) -> list[tuple[str, str]]:
    """What the browser sends of a form with `TYPED` in it and these."""
    form = forms.form_of(TYPED, [("bot_id", owner.bot.uuid)])
    return form.replaced([*fields.items()]).fields


async def send(owner: Owner, path: str, fields: list[tuple[str, str]], do: str = "save") -> httpx.Response:
    data: dict[str, Any] = {}
    for name, value in [*fields, ("do", do)]:
        data.setdefault(name, []).append(value)
    return await owner.browser.post(path, data=data, headers={"origin": SITE})


def typed_on(page: str) -> list[tuple[str, str]]:
    """The fields that a browser would send of a page's form, its controls as they stand."""
    form = page.split('id="heartbeat-form"')[1].split("</form>")[0]
    fields = []
    for tag in re.findall(r"<input [^>]*>", form):
        attributes = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
        is_choice = attributes.get("type") in ("checkbox", "radio")
        if "name" in attributes and (not is_choice or " checked" in tag):
            fields.append((attributes["name"], unescape(attributes.get("value", ""))))
    for name, text in re.findall(r'<textarea [^>]*name="(\w+)"[^>]*>\n(.*?)</textarea>', form, re.DOTALL):
        fields.append((name, unescape(text)))
    for name, options in re.findall(r'<select [^>]*name="(\w+)"[^>]*>(.*?)</select>', form, re.DOTALL):
        values = re.findall(r'<option value="([^"]*)"( selected)?', options)
        fields.append((name, next((value for value, chosen in values if chosen), values[0][0])))
    return fields


def hidden_on(page: str) -> dict[str, str]:
    """The hidden fields of a page, each of which is there once."""
    return {name: unescape(value) for name, value in re.findall(r'type="hidden" name="([^"]*)" value="([^"]*)"', page)}


async def heartbeats_of(owner: Owner) -> int:
    count = select(func.count()).select_from(HEARTBEAT).where(HEARTBEAT.c.project_id == owner.project.id, IS_HEARTBEAT)
    return await owner.database.read(lambda c: c.execute(count).scalar_one())


async def set_plan(owner: Owner, plan: str) -> None:
    statement = update(PROJECT).where(PROJECT.c.id == owner.project.id).values(plan=plan)
    await owner.database.write(lambda c: c.execute(statement))


async def row_at(owner: Owner, answer: httpx.Response) -> Heartbeat:
    """The heartbeat or task that an answer leads to."""
    assert answer.status_code == 303, answer.text
    uuid = answer.headers["location"].split("/")[2].split("?")[0]
    return await owner.database.read(heartbeat_row, uuid)
