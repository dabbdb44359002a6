"""What a provider says of a failure may quote a prompt or a key: it is told to the owner, and to nobody else."""

import pytest

from tests.support.model_server import ModelServer, fails
from tests.support.world import World

QUOTE = "The prompt 'quokka' is refused for sk-0123456789abcdef"


@pytest.mark.parametrize("status", [400, 500])
async def test_they_stay_in_the_store_masked(working: World, model: ModelServer, status: int) -> None:
    working.settings.step_attempts = 2
    model.script(fails(status, message=QUOTE))
    handle = await working.start()
    result = await handle.result()
    run = await working.run(result.run_uuid or "")
    assert (run.error_message or "").endswith("It said: The prompt 'quokka' is refused for •••")
    assert "quokka" not in (await handle.fetch_history()).to_json()
