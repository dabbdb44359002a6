"""The arrows of the design, held by walking the imports."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FACES = {"api", "workflows", "activities", "worker"}
SHIPPED = [
    path
    for place in ("heartbeat", "api", "workflows", "activities")
    for path in sorted((ROOT / place).rglob("*.py"))
    if "migrations" not in path.parts
] + [ROOT / "worker.py"]


def imports(path: Path) -> set[str]:
    """Every module a file names in an import, wherever in the file."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found |= {node.module or ""} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def room(path: Path) -> str:
    """Where a file lives, as dotted parts from the root."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def reaches(path: Path, target: str) -> bool:
    return any(name == target or name.startswith(f"{target}.") for name in imports(path))


FORBIDDEN = {
    "heartbeat": FACES,
    "api": {"workflows", "activities", "worker"},
    "workflows": {"api", "worker", "fastapi", "sqlalchemy", "sqlmodel", "httpx", "temporalio.client"},
    "activities": {"api", "workflows", "worker", "fastapi"},
    "heartbeat.store": {"temporalio", "fastapi", "heartbeat.agents"},
    "heartbeat.agents": {"temporalio", "fastapi", "heartbeat.store"},
    "heartbeat.channels": {"temporalio", "fastapi", "heartbeat.store", "heartbeat.agents"},
    "heartbeat.dashboard": {"temporalio", "fastapi", "starlette"},
}


@pytest.mark.parametrize("path", SHIPPED, ids=room)
def test_arrows_point_one_way(path: Path) -> None:
    for place, banned in FORBIDDEN.items():
        if room(path) == place or room(path).startswith(f"{place}."):
            wrong = {target for target in banned if reaches(path, target)}
            assert not wrong, f"{room(path)} must not import {sorted(wrong)}"


PURE = {"heartbeat.credits", "heartbeat.policy", "heartbeat.contracts"}
PURE_MAY_IMPORT = {"calendar", "cronsim", "pydantic", "zoneinfo"}


@pytest.mark.parametrize(
    "path", [p for p in SHIPPED if room(p) in PURE or room(p).startswith("heartbeat.cadence.")], ids=room
)
def test_pure_rooms_import_the_standard_library_and_their_field_alone(path: Path) -> None:
    import sys

    for name in imports(path):
        top = name.split(".")[0]
        own = name == "heartbeat" or name.startswith(("heartbeat.cadence", "heartbeat.contracts"))
        assert own or top in sys.stdlib_module_names or top in PURE_MAY_IMPORT, f"{room(path)} imports {name}"


@pytest.mark.parametrize("path", [p for p in SHIPPED if room(p).startswith("workflows.")], ids=room)
def test_workflow_modules_pass_their_imports_through(path: Path) -> None:
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ImportFrom) and path.name != "endings.py":
            assert not (node.module or "").startswith(("heartbeat", "activities")), f"{path}:{node.lineno}"


def test_the_client_of_temporal_stays_in_its_rooms() -> None:
    allowed = {"heartbeat.temporal", "heartbeat.schedules", "heartbeat.reconcile", "worker"}
    naming = {room(path) for path in SHIPPED if reaches(path, "temporalio.client")}
    type_only = {room(path) for path in SHIPPED if "Client" in path.read_text() and room(path) in naming}
    assert {name for name in naming - allowed if not name.startswith(("api.", "activities."))} == set(), type_only


def test_settings_are_built_only_where_a_process_starts() -> None:
    starters = {"worker", "api.__main__", "heartbeat.cli", "heartbeat.agents.local"}
    builders = {
        room(path)
        for path in SHIPPED
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Settings"
    }
    assert builders <= starters


def test_package_markers_stay_empty() -> None:
    assert [room(path) for path in SHIPPED if path.name == "__init__.py" and path.read_text().strip()] == []


def test_no_room_is_called_utils() -> None:
    assert [room(p) for p in SHIPPED if p.stem in {"utils", "helpers", "common", "base", "misc"}] == []
