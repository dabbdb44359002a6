"""What a key may not do it does not: each call of the OpenAPI document, with ids of things that are there.

A key without a call's scope is refused, and one that is for some bots knows no other; and nothing is changed.
"""

import pytest

from heartbeat.domain.scopes import PRESETS, read_scopes
from tests.support.api import Api, error_of
from tests.support.generated_calls import NAMES, alternatives, calls, seeded, seen, sent
from tests.support.preset_keys import a_key, needed
from tests.support.project_rows import every_row

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

MINE, THEIRS = "Mouse", "Zebra"


@pytest.mark.parametrize("of_a_bot", [False, True])
@pytest.mark.parametrize("preset", [preset for preset in PRESETS if preset != "admin"])
async def test_a_call_without_its_scope_is_refused_and_changes_nothing(alone: Api, preset: str, of_a_bot: bool) -> None:
    ids = await alone.database.write(seeded, alone.project, MINE)
    bots = [int(ids["number of a bot"])] if of_a_bot else None
    caller = alone.as_caller(await alone.database.write(a_key, alone.project, preset, bots))
    may = read_scopes(" ".join(PRESETS[preset]))
    before = await alone.database.read(every_row)
    refused = [call for call in calls(alone.app.openapi()) if needed(call) and needed(call) not in may]
    for call in refused:
        fields = call.usual(ids) | {"project_id": alone.project.uuid}
        answer = await sent(caller, call, fields)
        assert error_of(answer, 403)["code"] == "missing_scope", call
    assert await alone.database.read(every_row) == before
    assert len(refused) >= 5


async def test_a_key_of_a_bot_knows_no_other(alone: Api) -> None:
    """Whatever is another bot's is answered as what is not there, where all other ids are the bot's own."""
    mine = await alone.database.write(seeded, alone.project, MINE)
    theirs = await alone.database.write(seeded, alone.project, THEIRS)
    bots = [int(mine["number of a bot"])]
    caller = alone.as_caller(await alone.database.write(a_key, alone.project, "admin", bots))
    before = await alone.database.read(every_row)
    asked = set()
    for call in calls(alone.app.openapi()):
        fields = call.usual(mine) | {"project_id": alone.project.uuid}
        # A target and a key are the project's, and so the same.
        for name in [name for name in call.names if mine[NAMES[name]] != theirs[NAMES[name]]]:
            asked.add((call.method, call.path))
            for ids in alternatives(NAMES[name], theirs):
                first, second = [seen(await sent(caller, call, fields | {name: uuid}), uuid) for uuid in ids]
                assert first == second, (call, name)
                assert THEIRS not in first[2], (call, name)
                assert 400 <= first[0] < 500, (call, name, first)
    assert await alone.database.read(every_row) == before
    assert len(asked) > 50
