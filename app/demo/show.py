"""What the demo tells on the terminal: where to look, and a live line of what is seen."""

from __future__ import annotations

import sys
import threading
from dataclasses import dataclass, field
from typing import Any

import click

from app.demo.client import ApiClient, ApiError
from core.clock import Clock, SystemClock

READY_S = 60.0
ROUND_S = 1.0


@dataclass(frozen=True, slots=True)
class DemoCamera:
    """A camera that the demo adds."""

    name: str
    url: str


@dataclass(slots=True)
class Seen:
    """What has come so far."""

    cameras: int = 0
    streaming: int = 0
    frames_per_s: float = 0.0
    frames_came: bool = False
    plates: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Event id → event."""

    def line(self) -> str:
        """For the terminal's last line."""
        newest = max(self.plates.values(), key=lambda e: e["started_at"], default=None)
        last = f" · last: {newest['text']}" if newest else ""
        return (
            f"{self.streaming} of {self.cameras} cameras streaming · {self.frames_per_s:.1f} frames/s recognised"
            f" · {len(self.plates)} plates{last}"
        )


class DemoShow:
    """Adds the cameras by the API, then tells what is seen until it is stopped."""

    def __init__(self, client: ApiClient, password: str, cameras: list[DemoCamera], clock: Clock | None = None) -> None:
        self.seen = Seen(cameras=len(cameras))
        self._client = client
        self._password = password
        self._cameras = cameras
        self._clock = clock or SystemClock()
        self._stop = threading.Event()
        self._on_terminal = sys.stdout.isatty()

    def stop(self) -> None:
        """End `run` soon; may be called from another thread."""
        self._stop.set()

    def run(self, duration_s: float | None) -> None:
        """Show until stopped, or for that long from when the cameras are added.

        Raises:
            ApiError: the API did not come up.
        """
        self._wait_for_api()
        self._client.log_in("admin", self._password)
        ids = [self._add(camera) for camera in self._cameras]
        end = None if duration_s is None else self._clock.monotonic() + duration_s
        while not self._stop.wait(ROUND_S) and (end is None or self._clock.monotonic() < end):
            try:
                self._look(ids)
            except (ApiError, KeyError) as error:
                self._say(f"(the API does not answer: {error})")
        if self._on_terminal:
            click.echo()

    def _wait_for_api(self) -> None:
        end = self._clock.monotonic() + READY_S
        while not self._stop.is_set():
            try:
                self._client.call("GET", "/health")
            except ApiError:
                if self._clock.monotonic() > end:
                    raise
                self._stop.wait(0.3)
            else:
                return

    def _add(self, camera: DemoCamera) -> int:
        body = {"name": camera.name, "url": camera.url, "recognitions": [{"kind": "plates", "fps": 5}]}
        return int(self._client.call("POST", "/cameras", body)["id"])

    def _look(self, camera_ids: list[int]) -> None:
        statuses = [self._client.call("GET", f"/cameras/{camera_id}/status") for camera_id in camera_ids]
        self.seen.streaming = sum(s["state"] == "streaming" for s in statuses)
        self.seen.frames_per_s = sum(sum((s["reached_fps"] or {}).values()) for s in statuses)
        self.seen.frames_came |= any(s["frame_age_s"] is not None for s in statuses)
        for event in reversed(self._client.call("GET", "/events?recognition=plates&limit=100")["items"]):
            known = self.seen.plates.get(event["id"])
            self.seen.plates[event["id"]] = event
            if known is None or known["text"] != event["text"]:
                self._say(
                    f"{event['started_at']}  camera {event['camera_id']}  plate {event['text']}"
                    f"  ({event['score']:.0%})",
                    keep=True,
                )
        self._say(self.seen.line())

    def _say(self, line: str, keep: bool = False) -> None:
        if self._on_terminal:
            click.echo(f"\r\033[K{line}", nl=keep)
        elif keep:
            click.echo(line)
