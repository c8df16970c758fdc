"""Files of `deploy/` and around it: valid, and about things that exist."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from app.cli import COMMANDS
from core.settings import load_settings, setting_names

ROOT = Path(__file__).resolve().parents[3]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
ALERTS, DASHBOARD = ROOT / "deploy/prometheus/alerts.yml", ROOT / "deploy/grafana/camrec.json"
EXPORTED = "\n".join(path.read_text() for path in (ROOT / "app/api/metrics").glob("*.py"))
BIN = Path(sys.executable).parent


def run(*command: str | Path) -> None:
    done = subprocess.run([*map(str, command)], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_compose_keeps_to_its_specification() -> None:
    run(BIN / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", "docker-compose.yml")


def test_the_images_have_no_known_faults() -> None:
    run(BIN / "hadolint", "--failure-threshold", "style", "Dockerfile", "Dockerfile.gpu")


def test_images_copy_every_room_that_runs() -> None:
    rooms = {room.parent.name for room in ROOT.glob("*/__init__.py")} - {"benchmarks", "training", "tests", "docs"}
    ignored = (ROOT / ".dockerignore").read_text()
    for name in ("Dockerfile", "Dockerfile.gpu"):
        text = (ROOT / name).read_text()
        assert {room for room in rooms if f"COPY {room} {room}\n" not in text} == set(), name
    assert {room for room in rooms if f"!{room}\n" not in ignored} == set()


def test_compose_uses_commands_settings_and_secrets_that_exist(tmp_path: Path) -> None:
    for name, service in COMPOSE["services"].items():
        command = service.get("command")
        if isinstance(command, list) and command[0] == "camrec":
            assert command[1] in COMMANDS, name
        given = {k: v for k, v in (service.get("environment") or {}).items() if k.startswith("CAMREC_")}
        for setting, value in given.items():
            assert setting.removesuffix("_FILE") in setting_names(), (name, setting)
            if setting.endswith("_FILE"):
                assert value.removeprefix("/run/secrets/") in service["secrets"], (name, setting)
        load_settings({k: v for k, v in given.items() if not k.endswith("_FILE")}, tmp_path / "no.env")
        assert set(service.get("secrets", ())) <= COMPOSE["secrets"].keys(), name
        assert {v.split(":")[0] for v in service.get("volumes", ()) if v[0] != "."} <= COMPOSE["volumes"].keys(), name


def test_secrets_are_made_once_and_for_all_that_compose_names(tmp_path: Path) -> None:
    script = tmp_path / "deploy" / "make-secrets"
    script.parent.mkdir()
    shutil.copy(ROOT / "deploy" / "make-secrets", script)
    run(script)
    made = {path.name: path.read_text() for path in (script.parent / "secrets").iterdir()}
    assert made.keys() == COMPOSE["secrets"].keys()
    assert made["redis_password"] in made["redis_url"]
    assert len(set(made.values())) == len(made)
    run(script)
    assert {path.name: path.read_text() for path in (script.parent / "secrets").iterdir()} == made


@pytest.mark.parametrize("path", [ALERTS, DASHBOARD], ids=lambda path: path.name)
def test_figures_that_are_asked_for_are_exported(path: Path) -> None:
    asked = set(re.findall(r"\bcamrec_\w+", path.read_text()))
    plain = {re.sub(r"_(total|bucket)$", "", name) for name in asked}
    prefixes = re.findall(r'f"(camrec_\w+_)\{name\}"', EXPORTED)
    unknown = {n for n in plain if f'"{n}"' not in EXPORTED and not any(n.startswith(p) for p in prefixes)}
    assert unknown == set()
    assert len(asked) > 5


def test_every_alert_says_what_to_do() -> None:
    rules = [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]
    assert all(rule["expr"] and rule["annotations"]["summary"] and rule["labels"]["severity"] for rule in rules)
    assert len({rule["alert"] for rule in rules}) == len(rules)
    promtool = shutil.which("promtool")
    if promtool is not None:
        run(promtool, "check", "rules", ALERTS)


def test_the_dashboards_panels_do_not_overlap() -> None:
    places = [panel["gridPos"] for panel in json.loads(DASHBOARD.read_text())["panels"]]
    cells = [(x, y) for p in places for x in range(p["x"], p["x"] + p["w"]) for y in range(p["y"], p["y"] + p["h"])]
    assert len(cells) == len(set(cells))


def test_nginx_takes_its_configuration(tmp_path: Path) -> None:
    nginx = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin")
    if nginx is None:
        pytest.skip("nginx is not here")
    text = (ROOT / "deploy/nginx/camrec.conf").read_text().replace("server api:15439", "server 127.0.0.1:15439")
    whole = f"pid {tmp_path}/pid;\nevents {{}}\nhttp {{\n{text}\n}}\n"
    (tmp_path / "nginx.conf").write_text(whole)
    run(nginx, "-t", "-p", tmp_path, "-c", tmp_path / "nginx.conf", "-e", tmp_path / "error.log")
