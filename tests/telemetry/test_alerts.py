"""Alerts and dashboard: of metrics that there are, in expressions that Prometheus reads, each with a page."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from heartbeat.domain.fallbacks import OF_PROVIDER
from heartbeat.store.database.database import Database
from tests.support.databases import ON_SQLITE
from tests.support.exported_metrics import series_labels, series_names

ROOT = Path(__file__).parents[2]
ALERTS = ROOT / "deploy" / "prometheus" / "alerts.yml"
UNIT_TESTS = sorted((Path(__file__).parent / "alerts").glob("*_test.yml"))
DASHBOARD = json.loads((ROOT / "deploy" / "grafana" / "heartbeat.json").read_text())
PROMTOOL = shutil.which("promtool") or ""
# Labels that it gives to what it scrapes.
OF_PROMETHEUS = {"job", "instance"}
# In CI it has to be there.
NEEDS_PROMTOOL = pytest.mark.skipif(
    not PROMTOOL and "CI" not in os.environ, reason="promtool (Debian's package prometheus) is not installed"
)


def rules() -> list[dict[str, Any]]:
    [group] = yaml.safe_load(ALERTS.read_text())["groups"]
    return group["rules"]


def shown() -> list[str]:
    """The expressions of the dashboard."""
    return [target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", ())]


def unit_tests() -> list[dict[str, Any]]:
    """What promtool is given: series, and the alerts they raise or do not."""
    return [one for path in UNIT_TESTS for one in yaml.safe_load(path.read_text())["tests"]]


def anchor(title: str) -> str:
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def test_each_alert_has_a_section_and_each_section_an_alert() -> None:
    chapter = (ROOT / "docs" / "operations.md").read_text().split("\n## Alerts\n")[1].split("\n## ")[0]
    sections = [f"docs/operations.md#{anchor(title)}" for title in re.findall(r"^### (.+)$", chapter, re.MULTILINE)]
    assert sorted(rule["annotations"]["runbook"] for rule in rules()) == sorted(sections)
    assert {rule["labels"]["severity"] for rule in rules()} == {"page", "ticket"}


@ON_SQLITE
async def test_what_is_asked_for_is_exported(database: Database) -> None:
    expressions = [*shown(), *(rule["expr"] for rule in rules())]
    asked = {name for one in expressions for name in re.findall(r"\b(?:heartbeat|process|temporal)_\w+", one)}
    assert len(asked) > 20
    assert asked - series_names(database) == set()


def test_each_alert_is_shown_to_be_raised_and_to_stay_silent() -> None:
    shown = [case for one in unit_tests() for case in one["alert_rule_test"]]
    alerts = {rule["alert"] for rule in rules()}
    assert {case["alertname"] for case in shown if case.get("exp_alerts")} == alerts
    assert {case["alertname"] for case in shown if not case.get("exp_alerts")} == alerts


@ON_SQLITE
async def test_what_raises_alerts_is_exported_with_these_labels(database: Database) -> None:
    exported = {"up": OF_PROMETHEUS, **series_labels(database)}
    for one in unit_tests():
        for series in one["input_series"]:
            name, labels = re.fullmatch(r"(\w+)\{(.*)\}", series["series"]).groups()
            assert set(re.findall(r"(\w+)=", labels)) - OF_PROMETHEUS == exported[name] - OF_PROMETHEUS, name


def test_a_provider_refuses_with_all_that_fails_whatever_is_asked() -> None:
    [expression] = [rule["expr"] for rule in rules() if rule["alert"] == "HeartbeatProviderRefuses"]
    for codes in re.findall(r'code=~"(.*?)"', expression):
        assert set(codes.split("|")) == OF_PROVIDER


def test_panels_have_ids_and_places_of_their_own() -> None:
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    places = [tuple(panel["gridPos"][side] for side in "xywh") for panel in panels]
    cells = [(x + i, y + j) for x, y, w, h in places for i in range(w) for j in range(h)]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) < 24


@NEEDS_PROMTOOL
def test_prometheus_reads_the_alerts_and_raises_them_when_it_should() -> None:
    subprocess.run([PROMTOOL, "check", "rules", ALERTS], check=True, capture_output=True)
    subprocess.run([PROMTOOL, "test", "rules", *UNIT_TESTS], check=True, capture_output=True)


@NEEDS_PROMTOOL
def test_prometheus_reads_the_dashboard(tmp_path: Path) -> None:
    expressions = [one.replace("$__rate_interval", "5m") for one in shown()]
    records = [{"record": f"shown_{number}", "expr": one} for number, one in enumerate(expressions)]
    path = tmp_path / "dashboard.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": records}]}))
    subprocess.run([PROMTOOL, "check", "rules", path], check=True, capture_output=True)
