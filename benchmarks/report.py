"""How every benchmark writes what it measured: with the commit and the machine, or the figures mean nothing."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
SHARED_DATA = ROOT.parent / "shared" / "data"

WRITTEN_BY_BENCHMARKS = ("benchmarks/results", "docs/performance.md", "docs/images")
"""Tracked, too: what the benchmark before this one wrote changes nothing of what this one measures."""

_INNERMOST_LIST = re.compile(r"\[\n\s+([-\w.,\s]+?)\n\s+\]")
_ONNX_RUNTIMES = ("onnxruntime-gpu", "onnxruntime")


def write_report(name: str, figures: dict[str, Any]) -> Path:
    """Write ``benchmarks/results/<name>.json``, print the figures, and say where they are."""
    report = {
        "benchmark": name,
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": STARTED_AT,
        "machine": machine(),
        "figures": figures,
    }
    path = RESULTS / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_as_text(report) + "\n", "utf-8")
    print(_as_text(figures))
    print(f"written to {path.relative_to(ROOT)}")
    return path


def _as_text(value: object) -> str:
    """JSON with a list of numbers on one line."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return _INNERMOST_LIST.sub(lambda found: f"[{' '.join(found[1].split())}]", text)


def machine() -> dict[str, Any]:
    """What the figures depend on."""
    return {
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "onnxruntime": next((f"{n} {v}" for n in _ONNX_RUNTIMES if (v := _version(n))), "none"),
    }


def _commit() -> str:
    """The commit, with a plus where the working tree differs from it."""
    try:
        commit = _git("rev-parse", "--short=12", "HEAD")
        excluded = [f":(top,exclude){path}" for path in WRITTEN_BY_BENCHMARKS]
        return commit + ("+" if _git("status", "--porcelain", "--untracked-files=no", "--", ":/", *excluded) else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _git(*arguments: str) -> str:
    # Reading only: no lock, so that it does not get in the way of somebody who commits meanwhile.
    command = ["git", "--no-optional-locks", "-C", str(ROOT), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def _cpu_model() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    return next(
        (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.processor()
    )


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


STARTED_AT = _commit()
"""What is measured: commits that are made meanwhile are not."""
