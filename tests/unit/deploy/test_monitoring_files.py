"""Alerts, dashboard and the page of monitoring: valid, about figures that exist, and agreed with each other."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.api.metrics.cameras import TOLD_AT_ZERO
from capture.drops import Drops
from inference.batcher import STALE

ROOT = Path(__file__).resolve().parents[3]
ALERTS, ALERTS_TEST = ROOT / "deploy/prometheus/alerts.yml", ROOT / "deploy/prometheus/alerts_test.yml"
DASHBOARD = ROOT / "deploy/grafana/camrec.json"
PAGE = (ROOT / "docs/monitoring.md").read_text()
EXPORTED: dict[str, str] = dict(re.findall(r"^\| `(camrec_\w+)` \| (\w+) \|", PAGE, re.MULTILINE))
"""Name → type, as the page has them; tests/integration/api/test_metrics.py compares it with what the API answers."""
NOT_SHOWN = {"camrec_event_shards", "camrec_events", "camrec_backup_interval_seconds", "camrec_process_threads"}
"""Figures that are no panel's: constants, what grows only, and what is looked up for one process."""
RULES: list[dict[str, Any]] = [
    rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]
]


def asked(path: Path) -> set[str]:
    return set(re.findall(r"\bcamrec_\w+", path.read_text()))


@pytest.mark.parametrize("path", [ALERTS, ALERTS_TEST, DASHBOARD], ids=lambda path: path.name)
def test_figures_that_are_asked_for_are_exported(path: Path) -> None:
    histograms = {name for name, kind in EXPORTED.items() if kind == "histogram"}
    parts = {f"{name}_{part}" for name in histograms for part in ("bucket", "sum", "count")}
    assert asked(path) - (EXPORTED.keys() - histograms | parts) == set()
    assert len(asked(path)) > 5


def test_the_dashboard_shows_every_figure() -> None:
    shown = {re.sub(r"_(bucket|sum|count)$", "", name) for name in asked(DASHBOARD)}
    assert EXPORTED.keys() - shown == NOT_SHOWN


def test_the_dashboards_panels_do_not_overlap() -> None:
    places = [panel["gridPos"] for panel in json.loads(DASHBOARD.read_text())["panels"]]
    cells = [(x, y) for p in places for x in range(p["x"], p["x"] + p["w"]) for y in range(p["y"], p["y"] + p["h"])]
    assert len(cells) == len(set(cells))


def test_the_page_tells_of_every_cause_of_a_drop() -> None:
    causes = set(re.findall(r"``([a-z_]+)``", Drops.__doc__ or "")) | {STALE}
    for path in (ROOT / "tasks").glob("*.py"):
        causes |= set(re.findall(r"_count_drop\([^()]*\"([a-z_]+)\"\)", path.read_text()))
    table = PAGE.partition("## Why frames are dropped")[2].partition("## All metrics")[0]
    told = {cause for row in table.splitlines() if row for cause in re.findall(r"`(\w+)`", row.split("|")[2])}
    assert told == causes


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_every_alert_says_what_is_seen_why_and_what_to_do(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert rule["annotations"]["summary"]
    assert len(rule["annotations"]["description"]) > 40


def test_drops_with_an_alert_are_told_of_before_the_first() -> None:
    asked_causes = re.findall(r'camrec_capture_drops_total\{cause=~"([\w|]+)"', ALERTS.read_text())
    assert set("|".join(asked_causes).split("|")) == set(TOLD_AT_ZERO)


def test_the_page_tells_of_every_alert() -> None:
    names = [rule["alert"] for rule in RULES]
    assert len(set(names)) == len(names)
    assert set(re.findall(r"`(Camrec\w+)`", PAGE)) == set(names)


def test_alerts_come_when_they_should_and_only_then() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not here; Debian's package prometheus brings it")
    for command in (["check", "rules", str(ALERTS)], ["test", "rules", str(ALERTS_TEST)]):
        done = subprocess.run([promtool, *command], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
