"""What `deploy/kubernetes` comes to."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
KUBERNETES = ROOT / "deploy/kubernetes"
Manifest = dict[str, Any]


def kustomizations() -> list[Path]:
    return sorted(KUBERNETES.rglob("kustomization.yaml"))


def manifests_in(path: Path) -> list[Manifest]:
    return [document for document in yaml.safe_load_all(path.read_text()) if document]


@lru_cache
def rendered(folder: str) -> tuple[Manifest, ...]:
    """What `kubectl apply -k` would send."""
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("kubectl is not here")
    done = subprocess.run(
        [kubectl, "kustomize", str(KUBERNETES / folder)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return tuple(yaml.safe_load_all(done.stdout))


def of_kind(manifests: tuple[Manifest, ...], *kinds: str) -> dict[str, Manifest]:
    return {m["metadata"]["name"]: m for m in manifests if m["kind"] in kinds}


def pods(manifests: tuple[Manifest, ...]) -> dict[str, Manifest]:
    """Name of a Deployment, StatefulSet or Job → its pod template."""
    return {
        name: manifest["spec"]["template"]
        for name, manifest in of_kind(manifests, "Deployment", "StatefulSet", "Job").items()
    }


def containers(manifests: tuple[Manifest, ...]) -> Iterator[tuple[str, Manifest, Manifest]]:
    """Each container, its name for people, and its pod's spec."""
    for name, template in pods(manifests).items():
        for container in template["spec"]["containers"]:
            yield f"{name}/{container['name']}", container, template["spec"]


def matches(selector: Manifest, labels: dict[str, str]) -> bool:
    """Whether a `matchLabels` or a plain selector is met."""
    wanted = selector.get("matchLabels", selector)
    return all(labels.get(key) == value for key, value in wanted.items())
