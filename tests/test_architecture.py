"""The arrows of the design (docs/architecture.md), held by walking the imports."""

import ast
import re
import sys
from collections import Counter
from functools import cache
from pathlib import Path

from tests.support.architecture import FLOOR

ROOT = Path(__file__).parent.parent
FACES = {"api", "workflows", "activities", "worker"}
SHIPPED = [
    path
    for place in ("heartbeat", "api", "workflows", "activities")
    for path in sorted((ROOT / place).rglob("*.py"))
    if "versions" not in path.parts
] + [ROOT / "worker.py"]


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


@cache
def imports(path: Path) -> set[str]:
    """Every module a file names in an import, wherever in the file."""
    names = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names |= {node.module or ""} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def module(path: Path) -> str:
    """The dotted name of a file."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def shipped_in(package: str) -> list[Path]:
    return [path for path in SHIPPED if within(module(path), package)]


def reached(path: Path, targets: set[str]) -> set[str]:
    """Those of the targets that a file imports from."""
    return {target for target in targets if any(within(name, target) for name in imports(path))}


FORBIDDEN = {
    "heartbeat": FACES,
    "api": {"workflows", "activities", "worker"},
    "workflows": {"api", "worker", "fastapi", "sqlalchemy", "sqlmodel", "httpx", "temporalio.client"},
    "activities": {"api", "workflows", "worker", "fastapi"},
    "heartbeat.store": {"temporalio", "fastapi", "httpx", "heartbeat.agents", "heartbeat.temporal", "heartbeat.egress"},
    "heartbeat.agents": {"temporalio", "fastapi", "sqlalchemy", "sqlmodel", "heartbeat.store", "heartbeat.temporal"},
    "heartbeat.egress": {"temporalio", "fastapi", "sqlalchemy", "heartbeat.store", "heartbeat.agents"},
    "heartbeat.secrets": {"temporalio", "fastapi", "httpx", "heartbeat.store", "heartbeat.agents"},
    "heartbeat.temporal": {"fastapi", "heartbeat.agents", "heartbeat.notifications", "heartbeat.cli", "heartbeat.up"},
    "heartbeat.notifications": {"temporalio", "fastapi", "heartbeat.agents", "heartbeat.temporal"},
    "heartbeat.notifications.channels": {"sqlalchemy", "sqlmodel", "heartbeat.store"},
    "api.dashboard.views": {"temporalio", "fastapi", "starlette", "sqlmodel"},
    "api.schemas": {"temporalio", "starlette", "api.routes", "api.dashboard", "api.deps"},
    "api.routes": {"api.dashboard"},
    "api.middleware": {"api.routes", "api.dashboard"},
}


def test_arrows_point_one_way() -> None:
    wrong = [
        f"{module(path)} must not import {sorted(targets)}"
        for path in SHIPPED
        for place, banned in FORBIDDEN.items()
        if within(module(path), place) and (targets := reached(path, banned))
    ]
    assert wrong == []


WINGS = ROOT / "heartbeat" / "store"


def test_every_wing_of_the_store_has_a_floor() -> None:
    assert {path.name for path in WINGS.iterdir() if (path / "__init__.py").exists()} == set(FLOOR)


def test_wings_of_the_store_stand_on_those_below() -> None:
    wrong = [
        f"{module(path)} stands below {name}"
        for path in shipped_in("heartbeat.store")
        for name in imports(path)
        if name.startswith("heartbeat.store.") and stands_below(path.relative_to(WINGS).parts[0], name.split(".")[2])
    ]
    assert wrong == []


def stands_below(wing: str, target: str) -> bool:
    return wing in FLOOR and target in FLOOR and target != wing and FLOOR[target] >= FLOOR[wing]


# About the file that SQLite keeps its rows in, and what its planner knows of them.
OF_SQLITE_ALONE = {"test_vacuum.py", "test_statistics.py"}


def test_store_tests_run_on_both_databases() -> None:
    """What runs on PostgreSQL alone is about several writers at once, which SQLite has not, or about its server."""
    for path in (ROOT / "tests" / "store").rglob("test_*.py"):
        if path.name in OF_SQLITE_ALONE:
            continue
        assert not re.search(r'ON_SQLITE|\["sqlite"\], indirect', path.read_text()), path.name


PURE_MAY_IMPORT = {"cronsim", "cssselect", "jsonschema", "pydantic", "pydantic_core", "typing_extensions"}
# Standard library that speaks to the world outside the process.
IMPURE = {"asyncio", "http", "logging", "os", "pathlib", "shutil", "socket", "sqlite3", "subprocess", "threading"}


def test_the_domain_is_pure() -> None:
    libraries = (sys.stdlib_module_names - IMPURE) | PURE_MAY_IMPORT
    wrong = [
        f"{module(path)} imports {name}"
        for path in shipped_in("heartbeat.domain")
        for name in imports(path)
        if name.split(".")[0] not in libraries and not within(name, "heartbeat.domain") and name != "heartbeat"
    ]
    assert wrong == []


def test_workflow_modules_pass_their_imports_through() -> None:
    wrong = [
        f"{module(path)}:{node.lineno}"
        for path in shipped_in("workflows")
        # Those without a workflow are imported by workflows alone, inside their block.
        if "@workflow.defn" in path.read_text()
        for node in tree(path).body
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(("heartbeat", "activities"))
    ]
    assert wrong == []


CLIENT_ROOMS = {
    "worker",
    "heartbeat.temporal.backlog",
    "heartbeat.temporal.client",
    "heartbeat.temporal.clock",
    "heartbeat.temporal.comparison",
    "heartbeat.temporal.lost_runs",
    "heartbeat.temporal.runs",
    "heartbeat.temporal.schedules",
    "heartbeat.temporal.reconcile",
    "heartbeat.temporal.versioning",
    "heartbeat.temporal.workers",
    # Process wiring: a client is connected, handed on and closed.
    "activities.upkeep",
    "api.__main__",
    "api.deps",
    "api.main",
    # A client that was connected is handed on.
    "heartbeat.cli.doctor",
    "heartbeat.cli.reconcile",
}


def test_the_client_of_temporal_stays_in_its_rooms() -> None:
    assert {module(path) for path in SHIPPED if reached(path, {"temporalio.client"})} <= CLIENT_ROOMS


def test_settings_are_built_only_where_a_process_starts() -> None:
    starters = {
        "worker",
        "api.__main__",
        "heartbeat.cli.main",
        "heartbeat.cli.key_commands",
        "heartbeat.cli.project_commands",
        "heartbeat.cli.user_commands",
    }
    starters |= {"heartbeat.agents.local"}
    builders = {
        module(path)
        for path in SHIPPED
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Settings"
    }
    assert builders <= starters


def test_one_place_reads_the_clock_of_the_wall() -> None:
    readers = {
        module(path)
        for path in SHIPPED
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute) and node.attr in {"now", "utcnow", "today"}
        if isinstance(node.value, ast.Name) and node.value.id in {"date", "datetime"}
    }
    assert readers == {"heartbeat.domain.clock"}


def test_a_class_name_means_one_thing() -> None:
    """Every channel has a `Config`; any other name stands for one class."""
    names = Counter(
        node.name
        for path in SHIPPED
        for node in tree(path).body
        if isinstance(node, ast.ClassDef)
        and not (node.name == "Config" and within(module(path), "heartbeat.notifications.channels"))
    )
    # A workflow and the activities it is named in share nothing but the word.
    assert [name for name, times in names.items() if times > 1] == []


def test_package_markers_stay_empty() -> None:
    assert [module(path) for path in SHIPPED if path.name == "__init__.py" and path.read_text().strip()] == []


def test_no_room_is_called_utils() -> None:
    assert [module(p) for p in SHIPPED if p.stem in {"utils", "helpers", "common", "base", "misc"}] == []


def test_the_package_holds_rooms_and_the_settings() -> None:
    loose = {path.name for path in (ROOT / "heartbeat").glob("*.py")} - {"__init__.py"}
    assert loose == {"settings.py"}
    assert {path.name for path in WINGS.glob("*.py")} == {"__init__.py"}, "the store holds rooms alone"


TESTS = sorted((ROOT / "tests").rglob("*.py"))


def test_what_tests_share_is_in_support() -> None:
    """Nobody imports a test module or a `conftest`."""
    wrong = [
        f"{module(path)} imports {name}"
        for path in TESTS
        for name in imports(path)
        if name.startswith("tests.") and (".test_" in name or "conftest" in name)
    ]
    assert wrong == []


def test_no_id_stands_for_a_missing_one() -> None:
    """`id or 0` would write to, or look for, a row 0 without a word. A row that was read has its id."""
    places = [
        f"{module(path)}:{node.lineno}"
        for path in SHIPPED
        for node in ast.walk(tree(path))
        if isinstance(node, ast.BoolOp)
        and isinstance(node.op, ast.Or)
        and ast.unparse(node.values[0]).endswith(("id", "_id"))
        and ast.unparse(node.values[-1]) == "0"
    ]
    assert places == []
