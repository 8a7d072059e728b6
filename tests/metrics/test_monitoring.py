"""The files for Prometheus and Grafana are valid, and use metrics that exist."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from failoverdns.metrics.families import FAMILIES, Kind

PROJECT = Path(__file__).parents[2]
MONITORING = PROJECT / "config" / "monitoring"
ALERT_TESTS = Path(__file__).with_name("alerts-tests.yml")
RULES = [
    rule
    for group in yaml.safe_load((MONITORING / "alerts.yml").read_text())["groups"]
    for rule in group["rules"]
]
DASHBOARD = json.loads((MONITORING / "grafana-dashboard.json").read_text())

_SUFFIXES = {Kind.HISTOGRAM: ("_bucket", "_count", "_sum"), Kind.INFO: ("_info",)}
SAMPLES = {
    family.full_name + suffix: {*family.labels, *(["le"] if suffix == "_bucket" else [])}
    for family in FAMILIES
    for suffix in _SUFFIXES.get(family.kind, ("",))
}
"""The names of all samples, with their labels."""

OF_PROMETHEUS = {"instance", "job", "alertname", "severity", "alertstate"}


def promtool(*words: str | Path) -> str:
    """Run promtool, which must succeed, and return its output."""
    path = shutil.which("promtool")
    if path is None:
        assert os.environ.get("CI") != "true", "promtool is missing"
        pytest.skip("promtool is missing")
    done = subprocess.run([path, *words], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def names_in(text: str) -> set[str]:
    """Return the names of our metrics in an expression."""
    return set(re.findall(r"\bfailoverdns_\w+", text))


def expressions(value: Any) -> list[str]:
    """Return all expressions in a dashboard, however deep."""
    if isinstance(value, list):
        return [text for item in value for text in expressions(item)]
    if isinstance(value, dict):
        own = [text for key in ("expr", "query") if isinstance(text := value.get(key), str)]
        return own + [text for inner in value.values() for text in expressions(inner)]
    return []


def test_prometheus_accepts_its_configuration() -> None:
    """With the rules beside it."""
    promtool("check", "config", MONITORING / "prometheus.yml")


def test_each_alert_fires_when_it_should_and_only_then(tmp_path: Path) -> None:
    """By `promtool test rules`: for each, numbers for which it fires, and others."""
    shutil.copy(MONITORING / "alerts.yml", tmp_path)
    shutil.copy(ALERT_TESTS, tmp_path)
    assert "SUCCESS" in promtool("test", "rules", tmp_path / ALERT_TESTS.name)
    (case,) = yaml.safe_load(ALERT_TESTS.read_text())["tests"]
    alerts = [rule["alert"] for rule in RULES]
    expected = [test["expr"] for test in case["promql_expr_test"]]
    assert expected == [f'ALERTS{{alertname="{one}", alertstate="firing"}}' for one in alerts]
    for alert in alerts:
        for what in ("fires", "quiet"):
            assert any(f'"{what}-{alert}"' in one["series"] for one in case["input_series"])


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule["alert"]))
def test_an_alert_uses_metrics_that_exist(rule: dict[str, Any]) -> None:
    """And has texts for people, and a severity."""
    found = names_in(rule["expr"])
    assert found <= SAMPLES.keys()
    assert found or rule["alert"] == "FailoverDNSDown"
    assert rule["labels"]["severity"] in ("critical", "warning")
    assert rule["annotations"].keys() == {"summary", "description"}
    shown = set(re.findall(r"\$labels\.(\w+)", str(rule["annotations"])))
    known = set().union(OF_PROMETHEUS, *(SAMPLES[name] for name in found))
    assert shown <= known


def test_the_dashboard_uses_metrics_that_exist() -> None:
    found = {name for text in expressions(DASHBOARD) for name in names_in(text)}
    assert len(found) > 30
    assert found <= SAMPLES.keys()


def test_the_dashboard_shows_each_panel_in_its_own_place() -> None:
    """No two panels have the same id, and none overlaps another."""
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken
        assert all(x < 24 for x, _ in cells)
        taken |= cells


def test_each_expression_of_the_dashboard_can_be_parsed(tmp_path: Path) -> None:
    """As the expression of a recording rule, with Grafana's variables replaced."""
    texts = [target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", ())]
    rules = [
        {"record": f"panel:{number}", "expr": text.replace("$__rate_interval", "5m")}
        for number, text in enumerate(texts)
    ]
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    promtool("check", "rules", file)
