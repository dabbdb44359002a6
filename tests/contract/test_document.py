"""What the OpenAPI document says is what the API does: schemathesis makes the requests, and judges each answer."""

import json
import os
import subprocess
from contextlib import ExitStack, closing
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Connection, select

from heartbeat.store.database.database import Database
from heartbeat.store.database.rows import columns
from heartbeat.store.projects.projects import create_key
from heartbeat.store.tables.projects import ApiKey, Project
from tests.contract.document import with_ids
from tests.support.embedded import Embedded
from tests.support.generated_calls import seeded
from tests.support.model_server import ModelServer
from tests.support.patience import PATIENCE
from tests.support.seeds import NOW, a_bot

pytestmark = pytest.mark.contract

HERE = Path(__file__).parent
SCHEMATHESIS = HERE.parents[1] / ".venv-contract/bin/schemathesis"
EXAMPLES = os.environ.get("HEARTBEAT_TEST_EXAMPLES", "200")
# Many wrong keys are sent from one address, and a project does more than any plan foresees.
MANY = {"HEARTBEAT_FREE_FAILURES": "1000000"}


def things(connection: Connection, project_uuid: str) -> tuple[dict[str, str], dict[str, str]]:
    """One of everything in the project, and in the environment what stays and what may go."""
    table, keys = columns(Project), columns(ApiKey)
    project = connection.execute(select(table).where(table.c.uuid == project_uuid)).one()
    own = str(connection.scalar(select(keys.c.uuid).where(keys.c.project_id == project.id)))
    ids = seeded(connection, project, "Something")
    spare = create_key(connection, project, "spare", NOW).uuid
    names = {"KEPT_KEY": own, "SPARE_KEY": spare, "KEPT_BOT": ids["bot"], "SPARE_BOT": a_bot(connection, project).uuid}
    return ids | {"api_key": spare}, names


def generated(stack: Embedded, key: str, home: Path, names: dict[str, str]) -> int:
    command = [str(SCHEMATHESIS), "--config-file", str(HERE / "schemathesis.toml"), "run", "openapi.json"]
    command += ["--url", stack.url, "--header", f"Authorization: Bearer {key}", "--max-examples", EXAMPLES]
    command += ["--request-timeout", str(PATIENCE)]
    # How long it takes to make a request is the machine's affair.
    command += ["--suppress-health-check", "too_slow"]
    environment = {"SCHEMATHESIS_HOOKS": "tests.contract.hooks", "PYTHONPATH": str(HERE.parents[1])}
    return subprocess.run(command, cwd=home, env={**os.environ, **environment, **names}).returncode


def test_every_answer_is_as_the_document_says(tmp_path: Path) -> None:
    with ExitStack() as running:
        model = running.enter_context(closing(ModelServer()))
        settings = {"OPENAI_BASE_URL": model.base_url, "OPENAI_API_KEY": "test-key", **MANY}
        stack = running.enter_context(closing(Embedded(tmp_path / "data", **settings))).wait_ready()
        project, key = stack.access()
        with closing(Database(f"sqlite:///{stack.data_dir / 'heartbeat.db'}")) as database:
            ids, names = database.write_now(things, project)
        document = with_ids(httpx.get(f"{stack.url}/openapi.json", timeout=PATIENCE).json(), project, ids)
        (tmp_path / "openapi.json").write_text(json.dumps(document))
        assert generated(stack, key, tmp_path, names) == 0
        # It could be used until the end.
        me = {"headers": {"authorization": f"Bearer {key}"}, "params": {"project_id": project}}
        assert httpx.get(f"{stack.url}/v1/project/credits", timeout=PATIENCE, **me).status_code == 200
