"""The names at the root are the application's own, and the lock is complete, hashed and names no index."""

import re
import subprocess
import sys
import tomllib
from importlib.metadata import distribution, packages_distributions
from pathlib import Path
from zipfile import ZipFile

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
OWN = {"api", "workflows", "activities", "worker", "heartbeat"}
LOCK = (ROOT / "requirements.lock").read_text()
PYPROJECT = (ROOT / "pyproject.toml").read_text()
PROJECT = tomllib.loads(PYPROJECT)["project"]


def test_no_dependency_owns_a_name_of_ours() -> None:
    owners = {name: set(distributions) for name, distributions in packages_distributions().items() if name in OWN}
    assert all(distributions == {"heartbeat-server"} for distributions in owners.values()), owners


def test_the_lock_has_a_hash_for_everything_and_names_no_index() -> None:
    requirements = re.split(r"\n(?=[a-z0-9])", LOCK.strip())
    assert len(requirements) > 50
    assert [line.split()[0] for line in requirements if "--hash=sha256:" not in line] == []
    assert not re.search(r"https?://|--(extra-)?index-url|--find-links", LOCK)


def test_the_lock_holds_what_the_project_asks_for() -> None:
    wanted = PROJECT["dependencies"] + [name for extra in PROJECT["optional-dependencies"].values() for name in extra]
    locked = set(re.findall(r"^([a-z0-9.-]+)==", LOCK, re.MULTILINE))
    names = {re.split(r"[\[;<>= ]", line)[0].lower().replace("_", "-") for line in wanted}
    assert names <= locked
    assert "litellm" not in locked
    assert "llama-cpp-python" not in locked


def test_every_dependency_has_a_lower_bound_that_the_lock_keeps() -> None:
    optional = PROJECT["optional-dependencies"].values()
    wanted = [Requirement(line) for lines in (PROJECT["dependencies"], *optional) for line in lines]
    locked = dict(re.findall(r"^([a-z0-9.-]+)==(\S+)", LOCK, re.MULTILINE))
    assert [str(one) for one in wanted if [bound.operator for bound in one.specifier] != [">="]] == []
    assert [str(one) for one in wanted if locked[canonicalize_name(one.name)] not in one.specifier] == []


def test_the_version_is_the_changelogs_newest() -> None:
    unreleased, newest, *_ = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert unreleased == "Unreleased"
    assert re.fullmatch(rf"{re.escape(PROJECT['version'])} \(\d{{4}}-\d\d-\d\d\)", newest)


def test_the_wheel_ships_types_pages_and_migrations_and_nothing_but_the_application(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    [wheel] = tmp_path.iterdir()
    names = set(ZipFile(wheel).namelist())
    assert {"heartbeat/py.typed", "heartbeat/store/migrations/env.py", "api/dashboard/templates/base.html"} <= names
    assert {str(path.relative_to(ROOT)) for path in (ROOT / "heartbeat" / "gallery").rglob("*.yaml")} <= names
    assert {name.split("/")[0].removesuffix(".py") for name in names if ".dist-info/" not in name} == OWN


def test_the_licence_is_mit() -> None:
    assert distribution("heartbeat-server").metadata["License-Expression"] == "MIT"


def test_the_hooks_before_a_commit_are_the_checks_of_make_lint() -> None:
    hooks = re.findall(r"entry: (.+)", (ROOT / ".pre-commit-config.yaml").read_text())
    recipe = (ROOT / "Makefile").read_text().split("\nlint:")[1].split("\n\n")[0]
    checks = re.findall(r"@\$\(BIN\)/(.+)", recipe)
    assert [hook.removeprefix(".venv/bin/") for hook in hooks] == [check.removesuffix(" .") for check in checks]
