"""`deploy/kubernetes`: valid by the API's own schemas, and of one piece."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import kubernetes_validate
import pytest
import yaml
from pydantic import ByteSize, TypeAdapter

from app.cli import COMMANDS
from core.recognitions import EVENT_QUEUES, FRAME_QUEUES, JOB_QUEUES
from core.settings import load_settings, setting_names
from tests.unit.deploy.kustomized import (
    KUBERNETES,
    ROOT,
    Manifest,
    containers,
    kustomizations,
    manifests_in,
    matches,
    of_kind,
    pods,
    rendered,
)

VERSION = "1.37"
KEDA = "keda.sh/v1alpha1"
SECRET_FOLDER = "/run/secrets/camrec/"
COMPONENT = "app.kubernetes.io/component"
OVERLAYS = [pytest.param(name, id=name) for name in ("overlays/cpu", "overlays/gpu")]
WORKER_KINDS = ("Deployment", "StatefulSet")


@pytest.fixture(scope="module")
def made_secrets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("deploy")
    subprocess.run([shutil.copy(ROOT / "deploy/make-secrets", folder)], check=True, capture_output=True)
    return {path.name: path.read_text() for path in (folder / "secrets").iterdir()}


def validate(manifest: Manifest) -> None:
    if manifest["apiVersion"] == KEDA:
        check_keda(manifest)
    elif not manifest["apiVersion"].startswith("kustomize"):
        kubernetes_validate.validate(manifest, VERSION, strict=True)


def check_keda(manifest: Manifest) -> None:
    """Required fields of KEDA 2: https://keda.sh/docs/latest/reference/scaledobject-spec/."""
    spec = manifest["spec"]
    if manifest["kind"] == "TriggerAuthentication":
        assert all({"parameter", "name", "key"} == reference.keys() for reference in spec["secretTargetRef"])
        return
    assert manifest["kind"] == "ScaledObject"
    assert spec.keys() <= {
        "scaleTargetRef",
        "minReplicaCount",
        "maxReplicaCount",
        "pollingInterval",
        "cooldownPeriod",
        "advanced",
        "triggers",
    }
    assert spec["scaleTargetRef"]["name"]
    assert 0 < spec["minReplicaCount"] <= spec["maxReplicaCount"]
    required = {"redis": {"address", "listName", "listLength"}, "prometheus": {"serverAddress", "query", "threshold"}}
    for trigger in spec["triggers"]:
        assert required[trigger["type"]] <= trigger["metadata"].keys()
        assert all(isinstance(value, str) for value in trigger["metadata"].values()), "KEDA takes strings only"


def test_every_file_belongs_to_a_kustomization() -> None:
    named: set[Path] = set()
    for path in kustomizations():
        content = yaml.safe_load(path.read_text())
        files = [*content.get("resources", ()), *content.get("components", ())]
        files += [patch["path"] for patch in content.get("patches", ()) if "path" in patch]
        files += [env for generator in content.get("configMapGenerator", ()) for env in generator["envs"]]
        for file in files:
            there = (path.parent / file).resolve()
            assert there.exists(), f"{path}: {file}"
            named.add(there / "kustomization.yaml" if there.is_dir() else there)
    roots = {KUBERNETES / overlay / "kustomization.yaml" for overlay in ("overlays/cpu", "overlays/gpu")}
    assert named | roots == {path for path in KUBERNETES.rglob("*") if path.is_file()}


@pytest.mark.skipif(shutil.which("kubectl") is not None, reason="what is rendered is validated")
def test_files_are_valid_one_by_one() -> None:
    patches = {KUBERNETES / "overlays/gpu/worker.yaml", *kustomizations()}
    for path in sorted(set(KUBERNETES.rglob("*.yaml")) - patches):
        for manifest in manifests_in(path):
            validate(manifest)


def test_what_is_rendered_is_valid_and_in_one_namespace() -> None:
    manifests = [manifest for overlay in ("overlays/cpu", "overlays/gpu") for manifest in rendered(overlay)]
    assert {m["metadata"].get("namespace") for m in manifests if m["kind"] != "Namespace"} == {"camrec"}
    for manifest in {yaml.safe_dump(m): m for m in manifests}.values():
        validate(manifest)


def test_misspelt_keys_are_found() -> None:
    manifest = manifests_in(KUBERNETES / "base/beat.yaml")[0]
    manifest["spec"]["template"]["spec"]["containers"][0]["imagePolicy"] = "Always"
    with pytest.raises(kubernetes_validate.ValidationError):
        validate(manifest)


@pytest.mark.parametrize("folder", OVERLAYS)
def test_no_container_may_do_more_than_it_needs(folder: str) -> None:
    for name, container, pod in containers(rendered(folder)):
        assert pod["securityContext"]["runAsNonRoot"] is True, name
        assert pod["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault", name
        assert pod["automountServiceAccountToken"] is False, name
        # Variables of links have names that programs take for their own options: FLOWER_PORT=tcp://…
        assert pod["enableServiceLinks"] is False, name
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }, name
        resources = container["resources"]
        assert {"cpu", "memory"} <= resources["requests"].keys(), name
        assert "memory" in resources["limits"], name
        assert ":" in container["image"], f"{name} names no version"
        assert not container["image"].endswith(":latest"), name


@pytest.mark.parametrize("folder", OVERLAYS)
def test_settings_and_secrets_are_those_that_exist(folder: str, made_secrets: dict[str, str], tmp_path: Path) -> None:
    manifests = rendered(folder)
    (settings,) = of_kind(manifests, "ConfigMap").values()
    for name, container, pod in containers(manifests):
        given = {e["name"]: e.get("value", "pod-0") for e in container.get("env", ())}
        if container.get("envFrom"):
            assert container["envFrom"] == [{"configMapRef": {"name": settings["metadata"]["name"]}}], name
            given |= settings["data"]
        ours = {key: value for key, value in given.items() if key.startswith("CAMREC_")}
        mounted = [item for v in pod.get("volumes", ()) for item in v.get("secret", {}).get("items", ())]
        for key, value in ours.items():
            assert key.removesuffix("_FILE") in setting_names(), (name, key)
            if key.endswith("_FILE"):
                assert value.removeprefix(SECRET_FOLDER) in {item["path"] for item in mounted}, (name, key)
        plain = {k: v.replace("$(CAMREC_NODE)", "pod-0") for k, v in ours.items() if not k.endswith("_FILE")}
        load_settings(plain, tmp_path / "no.env")
        references = [e["valueFrom"]["secretKeyRef"] for e in container.get("env", ()) if "secretKeyRef" in str(e)]
        used = {item["key"] for item in mounted} | {reference["key"] for reference in references}
        assert used <= made_secrets.keys(), name


def test_no_secret_is_in_the_files(made_secrets: dict[str, str]) -> None:
    for path in KUBERNETES.rglob("*.*"):
        assert "kind: Secret" not in path.read_text()
    hosts = {urlsplit(made_secrets[n]).hostname for n in ("redis_url", "frames_redis_url", "database_url")}
    assert hosts <= of_kind(rendered("overlays/cpu"), "Service").keys()


@pytest.mark.parametrize("folder", OVERLAYS)
def test_commands_exist_and_workers_take_every_queue(folder: str) -> None:
    taken: list[str] = []
    for name, container, _ in containers(rendered(folder)):
        args = container.get("args", [])
        if args[:1] == ["camrec"]:
            assert args[1] in COMMANDS, name
        if args[:2] == ["camrec", "worker"]:
            env = {e["name"]: e.get("value") for e in container["env"]}
            queues = args[args.index("-Q") + 1].replace("$(QUEUES)", str(env.get("QUEUES"))).split(",")
            assert any(set(queues) <= set(one) for one in (FRAME_QUEUES, EVENT_QUEUES, JOB_QUEUES)), "of two classes"
            taken += queues
    assert sorted(taken) == sorted([*FRAME_QUEUES, *EVENT_QUEUES, *JOB_QUEUES])


@pytest.mark.parametrize("folder", OVERLAYS)
def test_a_container_is_asked_for_the_signs_of_life_that_it_gives(folder: str) -> None:
    asked = 0
    for name, container, _ in containers(rendered(folder)):
        command = container.get("readinessProbe", {}).get("exec", {}).get("command", [])
        if command[:2] == ["camrec", "alive"]:
            assert command[2] == container["args"][1], name
            asked += 1
    assert asked >= 1 + 1 + 1 + len(FRAME_QUEUES)


@pytest.mark.parametrize("folder", OVERLAYS)
def test_volumes_claims_ports_and_selectors_fit_together(folder: str) -> None:
    manifests = rendered(folder)
    claims = of_kind(manifests, "PersistentVolumeClaim").keys()
    templates = pods(manifests)
    for name, container, pod in containers(manifests):
        workload = of_kind(manifests, "Deployment", "StatefulSet", "Job")[name.split("/")[0]]
        own = {t["metadata"]["name"] for t in workload["spec"].get("volumeClaimTemplates", ())}
        there = {volume["name"] for volume in pod.get("volumes", ())} | own
        assert {mount["name"] for mount in container["volumeMounts"]} <= there, name
        asked = {
            v["persistentVolumeClaim"]["claimName"] for v in pod.get("volumes", ()) if "persistentVolumeClaim" in v
        }
        assert asked <= claims, name
    for name, manifest in of_kind(manifests, *WORKER_KINDS).items():
        assert matches(manifest["spec"]["selector"], templates[name]["metadata"]["labels"]), name
    for name, service in of_kind(manifests, "Service").items():
        chosen = [t for t in templates.values() if matches(service["spec"]["selector"], t["metadata"]["labels"])]
        assert len(chosen) == 1, f"{name} leads to {len(chosen)}"
        ports = {p["name"] for c in chosen[0]["spec"]["containers"] for p in c.get("ports", ())}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports, name
    for name, budget in of_kind(manifests, "PodDisruptionBudget").items():
        assert budget["spec"]["unhealthyPodEvictionPolicy"] == "AlwaysAllow", f"{name} holds up drains in an outage"
        assert any(matches(budget["spec"]["selector"], t["metadata"]["labels"]) for t in templates.values()), name
    (ingress,) = of_kind(manifests, "Ingress").values()
    backends = {path["backend"]["service"]["name"] for path in ingress["spec"]["rules"][0]["http"]["paths"]}
    assert backends <= of_kind(manifests, "Service").keys()


@pytest.mark.parametrize("folder", OVERLAYS)
def test_an_outage_of_redis_or_database_restarts_nothing(folder: str) -> None:
    for name, container, _ in containers(rendered(folder)):
        liveness = container.get("livenessProbe")
        if liveness is not None and not name.startswith(("redis", "postgres")):
            assert "tcpSocket" in liveness, f"{name} would be restarted"
    (beat,) = [m for name, m in of_kind(rendered(folder), "Deployment").items() if name == "beat"]
    assert (beat["spec"]["replicas"], beat["spec"]["strategy"]["type"]) == (1, "Recreate")


def test_nodes_that_hold_media_are_known_by_the_name_under_which_they_are_reached() -> None:
    manifests = rendered("overlays/cpu")
    services = of_kind(manifests, "Service")
    for name, stateful in of_kind(manifests, "StatefulSet").items():
        for container in stateful["spec"]["template"]["spec"]["containers"]:
            env = {e["name"]: e for e in container.get("env", ())}
            if "CAMREC_NODE" not in env:
                continue
            assert env["CAMREC_NODE"]["valueFrom"]["fieldRef"]["fieldPath"] == "metadata.name"
            url = urlsplit(env["CAMREC_NODE_URL"]["value"].replace("$(CAMREC_NODE)", f"{name}-0"))
            assert url.hostname == f"{name}-0.{stateful['spec']['serviceName']}"
            service = services[stateful["spec"]["serviceName"]]["spec"]
            assert service["clusterIP"] == "None"
            assert url.port == service["ports"][0]["port"]
    assert {"capture", "events", "jobs"} <= of_kind(manifests, "StatefulSet").keys()


def test_redis_keeps_messages_and_never_frames() -> None:
    def flags(name: str) -> dict[str, str]:
        (container,) = pods(rendered("overlays/cpu"))[name]["spec"]["containers"]
        words = shlex.split(container["args"][0])
        return {w: words[i + 1] for i, w in enumerate(words[:-1]) if w.startswith("--")}

    def size(text: str) -> int:
        return int(TypeAdapter(ByteSize).validate_python(text.replace("mb", "mib")))

    broker, frames = flags("redis"), flags("redis-frames")
    assert (broker["--maxmemory-policy"], broker["--appendonly"]) == ("noeviction", "yes")
    assert (frames["--save"], frames["--appendonly"]) == ("", "no")
    (settings,) = of_kind(rendered("overlays/cpu"), "ConfigMap").values()
    assert size(frames["--maxmemory"]) >= 1.25 * size(settings["data"]["CAMREC_FRAME_MEMORY"])


@pytest.mark.parametrize("folder", OVERLAYS)
def test_each_queue_scales_its_own_workers(folder: str) -> None:
    manifests = rendered(folder)
    scaled = of_kind(manifests, "ScaledObject")
    targets = {m["spec"]["scaleTargetRef"]["name"] for m in scaled.values()}
    workers = {
        n: m for n, m in of_kind(manifests, "Deployment").items() if m["metadata"]["labels"][COMPONENT] == "frames"
    }
    assert targets == workers.keys()
    for name, manifest in scaled.items():
        queue = workers[name]["metadata"]["labels"]["camrec/queue"]
        triggers = {trigger["type"]: trigger["metadata"] for trigger in manifest["spec"]["triggers"]}
        assert triggers["redis"]["listName"] == queue
        assert f'recognition="{queue}"' in triggers["prometheus"]["query"]
        assert "replicas" not in workers[name]["spec"], "applying the files anew would undo what KEDA decided"
    assert {workers[name]["metadata"]["labels"]["camrec/queue"] for name in scaled} == set(FRAME_QUEUES)


def test_gpu_workers_ask_for_a_gpu_and_for_nothing_twice() -> None:
    manifests = rendered("overlays/gpu")
    for name, container, pod in containers(manifests):
        is_frames = name.endswith("/worker")
        assert ("nvidia.com/gpu" in container["resources"]["limits"]) is is_frames, name
        assert container["image"].split(":")[0].endswith("camrec-gpu") is is_frames, name
        if is_frames:
            assert container["args"][-2:] == ["--gpu", "0"]
            assert pod["tolerations"]
            assert len({e["name"] for e in container["env"]}) == len(container["env"])
