"""Identities: each person who passes is followed, and once there are enough good pictures, recognised or remembered."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Protocol

from pydantic import Field

from core.sightings import Passage, Recognised
from core.types import Event, FrameRef, Observation, Zone, event_id
from events.geometry import area, bottom_centre, in_zones, is_cut, zones_for
from events.judge import JudgeSettings
from events.passenger import Crop, Passenger
from events.tracker import Track, Tracker, TrackerConfig

EVENT_KIND = "identity"

TRACKING = TrackerConfig(lost_s=2.0, gap_s=8.0)
"""Short: after a pause somebody else may stand there, and two persons in one passage spoil the gallery."""

FEWEST_CROPS = 2
"""Of a passage that ended before it had as many as wished."""

CUT_SHARE = 0.5
"""What the picture of a person at the edge counts against one who is seen whole."""

APART = 0.5
"""Overlap, as a share of the smaller box, up to which two boxes are two persons."""


class Matcher(Protocol):
    """Who knows the gallery: `reid.matching.Matcher`."""

    def identify(self, passage: Passage) -> Recognised:
        """Whose passage it is; it is in the gallery from then on."""

    def update(self, passage: Passage) -> bool:
        """Note how it went on. False where it was erased meanwhile."""


class IdentitySettings(JudgeSettings):
    """Settings of recognition `reid` for one camera."""

    crops: int = Field(
        6, ge=1, le=12, description="good pictures, at most one a second, after which a person is recognised"
    )
    min_height: int = Field(64, ge=16, le=2000, description="least height of a person in pixels")
    min_score: float = Field(0.5, ge=0, le=1, description="least score of a person in a picture that counts")
    travel_s: float | None = Field(
        None,
        ge=0,
        le=3600,
        description="seconds that nobody is quicker than from any other camera to this one; null: as learnt",
    )


class IdentityJudge:
    """Follows the persons of one camera; an event of kind `identity` for each passage.

    It is told when the person is recognised (or found to be new), and again when they are gone. A passage that is over
    before there are `crops` pictures is judged on what there is, if there are two at least.
    """

    kind = "reid"
    state_version: ClassVar[int] = 1

    def __init__(
        self, *, camera_id: int, settings: dict[str, Any], zones: Sequence[Zone] = (), matcher: Matcher | None = None
    ) -> None:
        if matcher is None:
            raise ValueError("re-identification needs a matcher: without a gallery nobody is known")
        self._camera_id = camera_id
        self._settings = parse_settings(settings)
        self._zones = zones_for(self.kind, zones)
        self._matcher = matcher
        self._tracker = Tracker(camera_id, TRACKING)
        self._passengers: dict[str, Passenger] = {}
        """By track id."""

    def observe(self, observation: Observation) -> list[Event]:
        """Take one frame's persons, in order of time; the events that are new or changed by it.

        Raises:
            ValueError: the observation is of another camera or recognition.
            UnavailableError: the gallery cannot be used now.
        """
        frame = observation.frame
        if (frame.camera_id, observation.recognition) != (self._camera_id, self.kind):
            raise ValueError(
                f"expected {self.kind} of camera {self._camera_id}, "
                f"not {observation.recognition} of camera {frame.camera_id}"
            )
        seen = self._tracker.update(observation.detections, frame.captured_at)
        for track in seen:
            self._see(track, observation, beside=[other for other in seen if _are_apart(track, other)])
        return self._recognise(track.id for track in seen) + self._close_lost()

    def tick(self, now: float) -> list[Event]:
        """Close the passages of those who were not seen for long, when no observation came that could show them."""
        self._tracker.update((), now)
        return self._close_lost()

    def finish(self) -> list[Event]:
        """Close everything."""
        self._tracker = Tracker(self._camera_id, TRACKING)
        return self._close_lost()

    def state(self) -> dict[str, Any]:
        """All that it knows, as a copy made of JSON's types."""
        return {
            "version": self.state_version,
            "tracker": self._tracker.state(),
            "passengers": {track_id: one.as_json() for track_id, one in self._passengers.items()},
        }

    def resume(self, state: dict[str, Any]) -> None:
        """Go on from what `state` gave."""
        self._tracker = Tracker.restore(state["tracker"], self._camera_id, TRACKING)
        self._passengers = {key: Passenger.from_json(one) for key, one in state["passengers"].items()}

    def _see(self, track: Track, observation: Observation, beside: Sequence[Track]) -> None:
        passenger = self._passengers.setdefault(track.id, Passenger(track.first_at, track.last_at))
        passenger.ended_at = track.last_at
        passenger.note_beside(self._passage_id(other.id) for other in beside)
        frame, detection = observation.frame, observation.detections[track.detection]
        if detection.embedding is not None and self._counts(track, frame):
            share = CUT_SHARE if is_cut(track.box, frame.width, frame.height) else 1.0
            worth = detection.embedding.quality * track.score * share
            passenger.add(Crop(replace(detection.embedding, quality=worth), frame, track.box, track.score))

    def _counts(self, track: Track, frame: FrameRef) -> bool:
        return (
            track.score >= self._settings.min_score
            and track.box[3] - track.box[1] >= self._settings.min_height
            and in_zones(bottom_centre(track.box, frame.width, frame.height), self._zones)
        )

    def _recognise(self, track_ids: Iterable[str]) -> list[Event]:
        events = []
        for track_id in track_ids:
            passenger = self._passengers[track_id]
            if passenger.recognised is None and len(passenger.crops) >= self._settings.crops:
                passenger.recognised = self._matcher.identify(self._passage(track_id, passenger))
                events.append(self._event(track_id, passenger, passenger.recognised, ended_at=None))
        return events

    def _close_lost(self) -> list[Event]:
        followed = {track.id for track in self._tracker.tracks}
        lost = [track_id for track_id in self._passengers if track_id not in followed]
        return [event for track_id in lost for event in self._close(track_id, self._passengers.pop(track_id))]

    def _close(self, track_id: str, passenger: Passenger) -> list[Event]:
        if passenger.recognised is not None:
            if not self._matcher.update(self._passage(track_id, passenger)):
                return []
            return [self._event(track_id, passenger, passenger.recognised, passenger.ended_at)]
        if len(passenger.crops) < min(FEWEST_CROPS, self._settings.crops):
            return []
        recognised = self._matcher.identify(self._passage(track_id, passenger))
        return [self._event(track_id, passenger, recognised, passenger.ended_at)]

    def _passage_id(self, track_id: str) -> str:
        return event_id(self._camera_id, EVENT_KIND, track_id)

    def _passage(self, track_id: str, passenger: Passenger) -> Passage:
        return Passage(
            id=self._passage_id(track_id),
            camera_id=self._camera_id,
            started_at=passenger.started_at,
            ended_at=passenger.ended_at,
            crops=tuple(crop.embedding for crop in passenger.crops),
            beside=tuple(passenger.beside),
            travel_s=self._settings.travel_s,
        )

    def _event(self, track_id: str, passenger: Passenger, recognised: Recognised, ended_at: float | None) -> Event:
        best = passenger.best
        if best is None:
            raise AssertionError("a passage without a picture is not recognised")
        details: dict[str, Any] = {
            "identity": recognised.identity_id,
            "is_new": recognised.similarity is None,
            "similarity": recognised.similarity,
            "pictures": len(passenger.crops),
        }
        if recognised.alike:
            details["alike"] = list(recognised.alike)
        return Event(
            id=self._passage_id(track_id),
            camera_id=self._camera_id,
            recognition=self.kind,
            kind=EVENT_KIND,
            started_at=passenger.started_at,
            ended_at=ended_at,
            score=round(best.score if recognised.similarity is None else recognised.similarity, 4),
            best=best.frame,
            box=best.box,
            text=recognised.name,
            details=details,
        )


def parse_settings(settings: dict[str, Any]) -> IdentitySettings:
    """Check a camera's settings for `reid`.

    Raises:
        BadSettingError: an unknown name or a wrong value.
    """
    return IdentitySettings.parse(IdentityJudge.kind, settings)


def _are_apart(track: Track, other: Track) -> bool:
    """Whether two tracks are surely two persons: two boxes on one person overlap."""
    if track.id == other.id:
        return False
    a, b = track.box, other.box
    common = area((max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])))
    return common <= APART * min(area(a), area(b))
