"""The scene of the demo: two generated streets, played as RTSP cameras by a process of their own."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from app.demo.show import DemoCamera
from app.demo.street import View, write_street
from app.ports import free_port
from app.supervisor import Program

STREETS: dict[View, int] = {"street": 1, "gate": 2}
"""View → seed."""


@dataclass(frozen=True, slots=True)
class StreetCameras:
    """What plays, and how to reach it."""

    program: Program
    cameras: list[DemoCamera]


def make_street_cameras(folder: Path) -> StreetCameras:
    """Generate the footage (some seconds) and say how it is played."""
    folder.mkdir(parents=True, exist_ok=True)
    clips: Sequence[Path] = [folder / f"{view}.mp4" for view in STREETS]
    for clip, (view, seed) in zip(clips, STREETS.items(), strict=True):
        write_street(clip, seed, view)
    port = free_port()
    command = [sys.executable, "-P", "-m", "app.cli", "serve-rtsp", *map(str, clips), "--port", str(port)]
    return StreetCameras(
        Program("street", command), [DemoCamera(clip.stem, f"rtsp://127.0.0.1:{port}/{clip.stem}") for clip in clips]
    )
