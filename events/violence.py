"""Violence: the scores of overlapping clips become one event with a start and an end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar

from pydantic import Field

from core.types import Box, Detection, Event, FrameRef, Observation, Zone, event_id
from events.geometry import bottom_centre, in_zones, zones_for
from events.judge import JudgeSettings

GOES_ON = 0.7
"""Share of the threshold at which violence that has begun goes on."""

TELL_STEP = 0.05
"""An open event is told again where its score has grown by this."""

CLIP_S = 2.0
"""A clip tells of the seconds before its newest frame: what is seen began about then."""


class ViolenceSettings(JudgeSettings):
    """Settings of recognition `violence` for one camera."""

    threshold: float = Field(0.5, ge=0.05, le=0.99, description="least score of a clip that counts as violence")
    windows: int = Field(
        2, ge=1, le=20, description="clips in a row, half a second apart, above the threshold before it is an event"
    )
    end_s: float = Field(3.0, ge=0.5, le=600, description="seconds without violence after which it has ended")


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Clips that may be one fight."""

    id: str
    started_at: float
    seen_at: float
    run: int
    """Clips in a row above the threshold, now."""
    is_event: bool
    score: float
    told_score: float
    best: FrameRef
    box: Box


class ViolenceJudge:
    """Follows the scores of one camera; an event of kind `violence` for each fight, open until it ends.

    It begins when `windows` clips in a row reach the threshold, goes on while clips reach 0.7 of it at least every
    `end_s`, and then ends when it was last seen. At the end of a video one clip is enough: there is no next one.
    """

    kind = "violence"
    state_version: ClassVar[int] = 1

    def __init__(self, *, camera_id: int, settings: dict[str, Any], zones: Sequence[Zone] = ()) -> None:
        self._camera_id = camera_id
        self._settings = parse_settings(settings)
        self._zones = zones_for(self.kind, zones)
        self._stretch: _Stretch | None = None

    def observe(self, observation: Observation) -> list[Event]:
        """Take one clip's score, in order of time; the event that is new or changed by it.

        Raises:
            ValueError: the observation is of another camera or recognition.
        """
        frame = observation.frame
        if (frame.camera_id, observation.recognition) != (self._camera_id, self.kind):
            raise ValueError(
                f"expected {self.kind} of camera {self._camera_id}, "
                f"not {observation.recognition} of camera {frame.camera_id}"
            )
        ended = self._end_unseen(frame.captured_at)
        seen = [
            d for d in observation.detections if in_zones(bottom_centre(d.box, frame.width, frame.height), self._zones)
        ]
        changed = self._see(max(seen, key=lambda d: d.score, default=None), frame)
        return ended + changed

    def tick(self, now: float) -> list[Event]:
        """End what was not seen for `end_s` while no clip came."""
        return self._end_unseen(now)

    def finish(self) -> list[Event]:
        """End what goes on; one clip above the threshold is enough now."""
        stretch, self._stretch = self._stretch, None
        return [] if stretch is None else [self._event(stretch, stretch.seen_at)]

    def state(self) -> dict[str, Any]:
        """All that it knows, as a copy made of JSON's types."""
        stretch = None
        if self._stretch is not None:
            stretch = {**asdict(self._stretch), "box": list(self._stretch.box)}
        return {"version": self.state_version, "stretch": stretch}

    def resume(self, state: dict[str, Any]) -> None:
        """Go on from what `state` gave."""
        plain = state["stretch"]
        if plain is not None:
            x1, y1, x2, y2 = plain["box"]
            self._stretch = _Stretch(**{**plain, "best": FrameRef(**plain["best"]), "box": (x1, y1, x2, y2)})

    def _see(self, detection: Detection | None, frame: FrameRef) -> list[Event]:
        stretch, threshold = self._stretch, self._settings.threshold
        score = 0.0 if detection is None else detection.score
        is_high = score >= threshold
        if detection is None or not (is_high or (stretch is not None and score >= GOES_ON * threshold)):
            if stretch is not None:
                self._stretch = replace(stretch, run=0)
            return []
        at = frame.captured_at
        if stretch is None:
            stretch = _Stretch(str(frame.seq), at - CLIP_S, at, 0, False, score, 0.0, frame, detection.box)
        elif score > stretch.score:
            stretch = replace(stretch, score=score, best=frame, box=detection.box)
        run = stretch.run + 1 if is_high else 0
        is_event = stretch.is_event or run >= self._settings.windows
        tells = is_event and (not stretch.is_event or stretch.score >= stretch.told_score + TELL_STEP)
        told_score = stretch.score if tells else stretch.told_score
        self._stretch = replace(stretch, seen_at=at, run=run, is_event=is_event, told_score=told_score)
        return [self._event(self._stretch, None)] if tells else []

    def _end_unseen(self, now: float) -> list[Event]:
        stretch = self._stretch
        if stretch is None or now - stretch.seen_at <= self._settings.end_s:
            return []
        self._stretch = None
        return [self._event(stretch, stretch.seen_at)] if stretch.is_event else []

    def _event(self, stretch: _Stretch, ended_at: float | None) -> Event:
        return Event(
            id=event_id(self._camera_id, "violence", stretch.id),
            camera_id=self._camera_id,
            recognition=self.kind,
            kind="violence",
            started_at=max(0.0, stretch.started_at),
            ended_at=ended_at,
            score=round(stretch.score, 4),
            best=stretch.best,
            box=stretch.box,
        )


def parse_settings(settings: dict[str, Any]) -> ViolenceSettings:
    """Check a camera's settings for `violence`.

    Raises:
        BadSettingError: an unknown name or a wrong value.
    """
    return ViolenceSettings.parse(ViolenceJudge.kind, settings)
