"""Falls: persons followed over the frames of a camera; one who goes down fast, or stays down, becomes an event."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, Self

from pydantic import Field

from core.types import Box, Event, FrameRef, Observation, Zone, event_id
from events.geometry import centre, in_zones, zones_for
from events.judge import JudgeSettings
from events.posture import Person, Sight, are_near
from events.skeleton import is_upended, torso_degrees, torso_length
from events.tracker import Tracker, TrackerConfig

TRACKING = TrackerConfig(lost_s=4.0, gap_s=120.0)
"""People who lie are often not seen for seconds. Nobody falls while out of sight, so that a mix-up costs nothing."""

LEAST_RATE_FPS = 4.5
"""Below that (5, less the jitter of a camera's clock) a fall has no picture between standing and lying."""

LONGEST_INTERVAL_S = 2.0
"""What a pause counts at most in the frame rate."""

RISING_GAIN, FALLING_GAIN = 0.3, 0.1
"""Of a frame, in the frame rate."""

LEAST_SCORE = 0.05
"""Of a fall at the highest sensitivity."""

EDGE = 0.01
"""Share of the picture's height that is its lower edge."""


class FallSettings(JudgeSettings):
    """Settings of recognition `falls` for one camera."""

    sensitivity: float = Field(
        0.5, ge=0, le=1, description="a fall is told from a score of 1 less this on; more finds more, true and false"
    )
    floor_s: float = Field(10.0, ge=1, le=3600, description="seconds on the floor that make it a `person_down`")
    min_height: float = Field(
        0.1, ge=0.01, le=1, description="least upright height of a person, as a share of the picture's height"
    )


@dataclass(slots=True)
class _Alarm:
    """An event that goes on."""

    number: int
    started_at: float
    score: float
    best: FrameRef
    box: Box
    details: dict[str, Any]

    @classmethod
    def from_json(cls, plain: dict[str, Any]) -> Self:
        x1, y1, x2, y2 = plain["box"]
        return cls(**{**plain, "best": FrameRef(**plain["best"]), "box": (x1, y1, x2, y2)})


@dataclass(slots=True)
class _Followed:
    """A tracked person and what was told of them."""

    person: Person = field(default_factory=Person)
    alarms: dict[str, _Alarm] = field(default_factory=dict)
    """By kind of event."""
    told: int = 0

    @classmethod
    def from_json(cls, plain: dict[str, Any]) -> Self:
        alarms = {kind: _Alarm.from_json(alarm) for kind, alarm in plain["alarms"].items()}
        return cls(Person.from_json(plain["person"]), alarms, plain["told"])


class FallJudge:
    """Follows the persons of one camera.

    An event of kind `fall` for each that goes from upright to lying as fast as one falls, and stays so for a moment; of
    kind `person_down` for each that is on the floor for `floor_s`, however they got there. Both go on until the person
    is upright again or out of sight. Where somebody lies (the centre of their box) must be within the camera's zones:
    beds and sofas are made exclude zones.
    """

    kind = "falls"
    state_version: ClassVar[int] = 1

    def __init__(self, *, camera_id: int, settings: dict[str, Any], zones: Sequence[Zone] = ()) -> None:
        self._camera_id = camera_id
        self._settings = parse_settings(settings)
        self._zones = zones_for(self.kind, zones)
        self._tracker = Tracker(camera_id, TRACKING)
        self._followed: dict[str, _Followed] = {}
        self._frame: FrameRef | None = None
        """The last one."""
        self._interval_s = 0.0
        """Between frames, smoothed."""

    def observe(self, observation: Observation) -> list[Event]:
        """Take one frame's persons, in order of time; the events that are new or changed by it.

        Raises:
            ValueError: the observation is of another camera or recognition.
        """
        frame = observation.frame
        if (frame.camera_id, observation.recognition) != (self._camera_id, self.kind):
            raise ValueError(
                f"expected {self.kind} of camera {self._camera_id}, "
                f"not {observation.recognition} of camera {frame.camera_id}"
            )
        self._keep_rate(frame)
        persons = [d for d in observation.detections if d.box[2] > d.box[0] and d.box[3] > d.box[1]]
        events = []
        for track in self._tracker.update(persons, frame.captured_at):
            followed = self._followed.setdefault(track.id, _Followed())
            is_cut = track.box[3] >= (1 - EDGE) * frame.height
            points = persons[track.detection].keypoints
            torso = torso_degrees(points), torso_length(points), is_upended(points)
            followed.person.see(Sight(track.last_at, track.box, track.score, is_cut, *torso))
            events += self._judge(track.id, followed, frame)
        return events + self._close_lost()

    def tick(self, now: float) -> list[Event]:
        """Close what was not seen for long, when no observation came that could show it."""
        if self._frame is None or now - self._frame.captured_at <= TRACKING.gap_s:
            return []
        self._tracker.update((), now)
        return self._close_lost()

    def finish(self) -> list[Event]:
        """Tell the falls that were being confirmed if the evidence is strong already; close everything."""
        events = []
        if self._frame is not None:
            for track_id, followed in self._followed.items():
                events += self._judge_fall(track_id, followed, self._frame, is_last=True)
        for track_id, followed in self._followed.items():
            events += self._close(track_id, followed)
        self._followed.clear()
        self._tracker = Tracker(self._camera_id, TRACKING)
        return events

    def state(self) -> dict[str, Any]:
        """All that it knows, as a copy made of JSON's types."""
        return {
            "version": self.state_version,
            "frame": self._frame and asdict(self._frame),
            "interval_s": self._interval_s,
            "tracker": self._tracker.state(),
            "followed": {track_id: asdict(followed) for track_id, followed in self._followed.items()},
        }

    def resume(self, state: dict[str, Any]) -> None:
        """Go on from what `state` gave."""
        self._frame = state["frame"] and FrameRef(**state["frame"])
        self._interval_s = float(state["interval_s"])
        self._tracker = Tracker.restore(state["tracker"], self._camera_id, TRACKING)
        self._followed = {track_id: _Followed.from_json(one) for track_id, one in state["followed"].items()}

    def _keep_rate(self, frame: FrameRef) -> None:
        if self._frame is not None:
            interval_s = min(max(0.0, frame.captured_at - self._frame.captured_at), LONGEST_INTERVAL_S)
            before_s = self._interval_s or interval_s
            # Quick to rise: the rate may have been low only while nothing moved, and somebody may fall at once.
            gain = RISING_GAIN if interval_s < before_s else FALLING_GAIN
            self._interval_s = before_s + gain * (interval_s - before_s)
        self._frame = frame

    def _judge(self, track_id: str, followed: _Followed, frame: FrameRef) -> list[Event]:
        if followed.alarms and followed.person.is_up:
            return self._close(track_id, followed)
        return self._judge_fall(track_id, followed, frame) + self._judge_down(track_id, followed, frame)

    def _judge_fall(self, track_id: str, followed: _Followed, frame: FrameRef, *, is_last: bool = False) -> list[Event]:
        person = followed.person
        score, since = person.fall_score(is_last=is_last), person.low_since
        if since is None or score < max(1 - self._settings.sensitivity, LEAST_SCORE):
            return []
        if not self._counts("fall", person, frame):
            return []
        return [self._open("fall", track_id, followed, frame, since, score)]

    def _judge_down(self, track_id: str, followed: _Followed, frame: FrameRef) -> list[Event]:
        person, fall = followed.person, followed.alarms.get("fall")
        since = fall.started_at if fall else person.low_since
        # Without a fall, somebody at the lower edge may as well stand there, half out of the picture.
        if since is None or not (fall or (person.is_low and not person.recent[-1].is_cut)):
            return []
        if frame.captured_at - since < self._settings.floor_s or not self._counts("person_down", person, frame):
            return []
        score = fall.score if fall else person.down_score
        return [self._open("person_down", track_id, followed, frame, since, score)]

    def _counts(self, kind: str, person: Person, frame: FrameRef) -> bool:
        """Whether somebody who is down there is to be told of: large enough, within the zones, not told already."""
        box = person.recent[-1].box
        x, y = centre(box)
        is_told = any(kind in other.alarms and are_near(person, other.person) for other in self._followed.values())
        return (
            not is_told
            and person.length >= self._settings.min_height * frame.height
            and in_zones((min(1.0, x / frame.width), min(1.0, y / frame.height)), self._zones)
        )

    def _open(
        self, kind: str, track_id: str, followed: _Followed, frame: FrameRef, started_at: float, score: float
    ) -> Event:
        person = followed.person
        details: dict[str, Any] = {"height_share": round(person.share, 2), "flatness": round(person.flatness, 2)}
        if person.torso_deg is not None:
            details["torso_deg"] = round(person.torso_deg)
        if self._interval_s > 0:
            details["rate_fps"] = round(1 / self._interval_s, 1)
            # Whoever is down already may be seen seldom: few frames come while nothing moves.
            if kind == "fall" and 1 / self._interval_s < LEAST_RATE_FPS:
                details["warning"] = "fewer than 5 frames a second: falls may be missed or mistaken"
        followed.told += 1
        alarm = _Alarm(followed.told, started_at, round(score, 4), frame, person.recent[-1].box, details)
        followed.alarms[kind] = alarm
        return self._event(kind, track_id, alarm, None)

    def _close_lost(self) -> list[Event]:
        kept = {track.id for track in self._tracker.tracks}
        lost = [track_id for track_id in self._followed if track_id not in kept]
        return [event for track_id in lost for event in self._close(track_id, self._followed.pop(track_id))]

    def _close(self, track_id: str, followed: _Followed) -> list[Event]:
        ended_at = followed.person.recent[-1].at
        events = [self._event(kind, track_id, alarm, ended_at) for kind, alarm in followed.alarms.items()]
        followed.alarms.clear()
        return events

    def _event(self, kind: str, track_id: str, alarm: _Alarm, ended_at: float | None) -> Event:
        return Event(
            id=event_id(self._camera_id, kind, f"{track_id}.{alarm.number}"),
            camera_id=self._camera_id,
            recognition=self.kind,
            kind=kind,
            started_at=alarm.started_at,
            ended_at=ended_at,
            score=alarm.score,
            best=alarm.best,
            box=alarm.box,
            details=alarm.details,
        )


def parse_settings(settings: dict[str, Any]) -> FallSettings:
    """Check a camera's settings for `falls`.

    Raises:
        BadSettingError: an unknown name or a wrong value.
    """
    return FallSettings.parse(FallJudge.kind, settings)
