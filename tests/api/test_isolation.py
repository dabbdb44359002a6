"""Of another project nobody sees or moves anything: each call of the OpenAPI document, with each id that it takes.

An id that is another project's is answered byte for byte as one that is nobody's, while all others are one's own: to a
key that may do everything, and to one that may do just this.
"""

import pytest
from fastapi import FastAPI

from heartbeat.domain.scopes import PRESETS
from tests.support.api import Api, owner
from tests.support.generated_calls import NAMES, NO_NAMES, alternatives, calls, seeded, seen, sent
from tests.support.preset_keys import a_key, least_preset
from tests.support.project_rows import every_row, unlike

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

MINE, THEIRS = "Mouse", "Zebra"


@pytest.mark.parametrize("shared_database", ["sqlite"], indirect=True)
def test_it_is_known_of_each_field_whether_it_names_a_thing(shared_app: FastAPI, database_url: str) -> None:
    fields = {name for call in calls(shared_app.openapi()) for name in call.schemas}
    assert {name for name in fields if name.endswith(("_id", "_ids", "uuid"))} <= NAMES.keys() | NO_NAMES
    assert NAMES.keys() <= fields


async def test_an_id_of_another_project_is_that_of_nothing(alone: Api) -> None:
    mine = await alone.database.write(seeded, alone.project, MINE)
    asked = {}
    keys = {preset: await alone.database.write(a_key, alone.project, preset) for preset in PRESETS}
    async with owner(alone.app) as other:
        theirs = await alone.database.write(seeded, other.project, THEIRS)
        before = await alone.database.read(every_row)
        for call in calls(alone.app.openapi()):
            fields = call.usual(mine) | {"project_id": alone.project.uuid}
            caller = alone.as_caller(keys[least_preset(call)])
            for name in call.names:
                asked[call.method, call.path] = least_preset(call)
                for ids in alternatives(NAMES[name], theirs):
                    first, second = [seen(await sent(caller, call, fields | {name: uuid}), uuid) for uuid in ids]
                    assert first == second, (call, name)
                    assert first == seen(await sent(alone, call, fields | {name: ids[0]}), ids[0]), (call, name)
                    assert THEIRS not in first[2], (call, name)
                    assert first[0] < 500, (call, name, first)
        after = await alone.database.read(every_row)
        assert [name for name, rows in after.items() if rows != before[name]] == []
    assert len(asked) > 50
    assert set(asked.values()) == set(PRESETS)


async def test_a_project_of_others_is_one_that_is_not_there(alone: Api) -> None:
    """With their project's id and with its every id, or one's own."""
    mine = await alone.database.write(seeded, alone.project, MINE)
    async with owner(alone.app) as other:
        theirs = await alone.database.write(seeded, other.project, THEIRS)
        before = await alone.database.read(every_row)
        for call in [call for call in calls(alone.app.openapi()) if call.path.startswith("/v1/")]:
            for ids in (mine, theirs):
                fields = call.usual(ids) | {name: ids[NAMES[name]] for name in call.names}
                projects = (other.project.uuid, unlike(other.project.uuid))
                first, second = [seen(await sent(alone, call, fields | {"project_id": one}), one) for one in projects]
                assert first == second, call
                assert (first[0], "wrong_project" in first[2]) == (403, True), (call, first)
        assert await alone.database.read(every_row) == before
