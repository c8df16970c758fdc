"""Files of `deploy/` and around it: valid, and about things that exist."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from dotenv import dotenv_values

from app.cli import COMMANDS
from core.recognitions import EVENT_QUEUES, FRAME_QUEUES, JOB_QUEUES
from core.settings import load_settings, setting_names
from storage.secrets import Secrets

ROOT = Path(__file__).resolve().parents[3]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
BIN = Path(sys.executable).parent


def run(*command: str | Path) -> None:
    done = subprocess.run([*map(str, command)], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_compose_keeps_to_its_specification() -> None:
    run(BIN / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", "docker-compose.yml")


def test_the_images_have_no_known_faults() -> None:
    run(BIN / "hadolint", "--failure-threshold", "style", "Dockerfile", "Dockerfile.gpu")


def test_images_copy_every_room_that_runs_and_what_the_package_is_made_of() -> None:
    rooms = {room.parent.name for room in ROOT.glob("*/__init__.py")} - {"benchmarks", "training", "tests", "docs"}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    files = {"pyproject.toml", "requirements.lock", project["project"]["readme"], *project["project"]["license-files"]}
    files |= {f"{module}.py" for module in project["tool"]["setuptools"]["py-modules"]}
    files |= {file for field in project["tool"]["setuptools"]["dynamic"].values() for file in field["file"]}
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    for name in ("Dockerfile", "Dockerfile.gpu"):
        copies = [line.split()[1:] for line in (ROOT / name).read_text().splitlines() if line.startswith("COPY ")]
        assert {room for room in rooms if [room, room] not in copies} == set(), name
        assert files in [set(copy[:-1]) for copy in copies if copy[-1] == "./"], name
    assert let_in == rooms | files


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
        plain = {k: unless_said(v) for k, v in given.items() if not k.endswith("_FILE")}
        load_settings(plain, tmp_path / "no.env")
        assert set(service.get("secrets", ())) <= COMPOSE["secrets"].keys(), name
        assert {v.split(":")[0] for v in service.get("volumes", ()) if v[0] != "."} <= COMPOSE["volumes"].keys(), name


def unless_said(text: str) -> str:
    """What Compose puts in for ``${NAME:-default}`` where NAME is not set."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)


def test_compose_has_a_worker_for_each_queue_and_one_for_the_gpu() -> None:
    services = COMPOSE["services"]
    queues = {
        n: s["command"][3].split(",") for n, s in services.items() if s.get("command", [])[:2] == ["camrec", "worker"]
    }
    assert sorted(queues.pop("frames-gpu")) == sorted(FRAME_QUEUES)
    assert {name for name in FRAME_QUEUES if queues.pop(name) != [name]} == set()
    assert queues == {"events": list(EVENT_QUEUES), "jobs": list(JOB_QUEUES)}
    assert services["frames-gpu"]["profiles"] == ["gpu"]
    built = [service["image"] for service in services.values() if "build" in service]
    assert sorted(built) == ["camrec", "camrec-gpu"], "two builds of one image at once fail"
    (device,) = services["frames-gpu"]["deploy"]["resources"]["reservations"]["devices"]
    assert device["capabilities"] == ["gpu"]


def test_compose_keeps_messages_shares_frames_and_checks_the_health_of_all() -> None:
    services, frames = COMPOSE["services"], COMPOSE["volumes"]["frames"]["driver_opts"]
    assert "--maxmemory-policy noeviction --appendonly yes" in services["redis"]["command"]
    assert '--save "" --appendonly no' in services["redis-frames"]["command"]
    assert (frames["type"], "uid=10001" in frames["o"]) == ("tmpfs", True)
    for name, service in services.items():
        assert service["healthcheck"]["test"], name
        if service["image"].startswith(("camrec", "redis")):
            assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"]), name
            assert service["security_opt"] == ["no-new-privileges:true"], name
        if service["image"].startswith("redis"):
            assert service["user"] == "999:1000", f"{name}: `sh -c` leaves out what the image does to run as redis"
        if service["image"].startswith("camrec"):
            assert "frames:/frames" in service["volumes"], name
            assert service["environment"]["CAMREC_NODE"] == "capture", f"{name}: one data volume, one node"
        published = [port for port in service.get("ports", ()) if name not in {"nginx", "media"}]
        assert published == [], f"{name} is reached through nginx"


def test_secrets_are_made_once_and_for_all_that_compose_names(tmp_path: Path) -> None:
    script = tmp_path / "deploy" / "make-secrets"
    script.parent.mkdir()
    shutil.copy(ROOT / "deploy" / "make-secrets", script)
    run(script)
    assert (script.parent / "secrets").stat().st_mode & 0o777 == 0o700, "other users of the machine do not enter"
    made = {path.name: path.read_text() for path in (script.parent / "secrets").iterdir()}
    assert made.keys() == COMPOSE["secrets"].keys()
    assert made["redis_password"] in made["redis_url"]
    Secrets(tmp_path, made["secret_key"])
    assert len(set(made.values())) == len(made)
    run(script)
    assert {path.name: path.read_text() for path in (script.parent / "secrets").iterdir()} == made


def test_settings_of_an_installation_stand_in_one_file(tmp_path: Path) -> None:
    """Those of `.env.example` reach the containers, and nothing there is without effect."""
    services, text = COMPOSE["services"], (ROOT / "docker-compose.yml").read_text()
    example = tmp_path / ".env"
    example.write_text(re.sub(r"^#(?=[A-Z_]+=)", "", (ROOT / ".env.example").read_text(), flags=re.MULTILINE))
    given = dotenv_values(example)
    profiles = {profile for service in services.values() for profile in service.get("profiles", ())}
    assert set(str(given["COMPOSE_PROFILES"]).split(",")) == profiles
    interpolated = set(re.findall(r"\$\{(\w+)", text)) | {"COMPOSE_PROFILES"}
    assert interpolated <= given.keys()
    load_settings({}, example)
    for name, service in services.items():
        if service["image"].startswith("camrec"):
            assert service["env_file"] == [{"path": ".env", "required": False}], name
            fixed = {key for key, value in service["environment"].items() if "${" not in value}
            assert fixed & given.keys() == set(), name
    assert {key for key in given if not key.startswith("CAMREC_")} <= interpolated


def test_nginx_finds_containers_made_anew_and_keeps_tokens_out_of_its_logs() -> None:
    text = (ROOT / "deploy/nginx/camrec.conf").read_text()
    targets = re.findall(r"proxy_pass (\S+);", text)
    assert set(targets) == {"http://$api", "http://$flower"}, "names outside variables are looked up at start only"
    assert re.findall(r"(?:access|error)_log .*;", text) == ["access_log off;", "error_log stderr crit;"]


def test_nginx_takes_its_configuration(tmp_path: Path) -> None:
    nginx = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin")
    if nginx is None:
        pytest.skip("nginx is not here")
    text = (ROOT / "deploy/nginx/camrec.conf").read_text()
    whole = f"pid {tmp_path}/pid;\nevents {{}}\nhttp {{\n{text}\n}}\n"
    (tmp_path / "nginx.conf").write_text(whole)
    run(nginx, "-t", "-p", tmp_path, "-c", tmp_path / "nginx.conf", "-e", tmp_path / "error.log")
