"""Follows things from frame to frame of one camera, at any frame rate and over gaps, with a state that can be stored.

Association in two stages as in ByteTrack (Zhang et al., 2022): sure detections first, then the unsure ones for the
tracks that are left, so that a person who is hard to see (lying, half hidden) is not lost. The centre moves as a Kalman
filter with constant velocity expects, in seconds rather than in frames. Lengths are measured in sizes, the square root
of a box's area: unlike its height or width, it hardly changes when a person falls.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

from core.types import Box, Detection
from events.geometry import Point, area, centre, iou
from events.judge import BadStateError
from events.motion import Motion

STATE_VERSION = 1

VELOCITY_TRUST_S = 1.0
"""A thing out of sight is expected to go on for that long, then to have stopped."""

REACH_SIZES = 0.5
"""Distance from the expected place that boxes jitter."""

REACH_SIZES_PER_S = 2.0
"""Growth of that distance with the time since it was last seen: a person who starts to run (3 m/s)."""

MOST_REACH_SIZES = 3.0

MOST_GROWTH = 4.0
"""Ratio of areas from one sight to the next: a person who comes out from behind a table."""

GROWTH_COST = 0.25

MOST_STEP_S = 1.0
"""What a frame without the track counts at most: it cannot be missed while no frames come."""


@dataclass(frozen=True, slots=True)
class TrackerConfig:
    """What to follow, and for how long."""

    sure_score: float = 0.4
    """From this score on, a detection begins a new track."""
    least_score: float = 0.1
    """From this score on, a detection continues a track."""
    lost_s: float = 2.0
    """A track that is not seen for longer, while frames come, has ended."""
    gap_s: float = 30.0
    """A track that is not seen for longer, frames or not, has ended: somebody else may stand there by now."""
    max_tracks: int = 64
    """The one seen longest ago is forgotten first."""


@dataclass(slots=True)
class Track:
    """One thing, as it was last seen."""

    id: str
    """Made of the camera and the time of the first frame, so that it is the same for every delivery of the frames."""
    box: Box
    score: float
    first_at: float
    last_at: float
    motion: Motion
    """Of the box's centre."""
    hits: int = 1
    """Frames in which it was seen."""
    unseen_s: float = 0.0
    """How long frames came without it."""
    detection: int = 0
    """Position of what shows it, among the detections of the update that saw it last."""

    @classmethod
    def begin(cls, track_id: str, number: int, detection: Detection, at_s: float) -> Self:
        """A track of which the first detection is known."""
        motion = Motion.begin(centre(detection.box), _size(detection.box))
        return cls(track_id, detection.box, detection.score, at_s, at_s, motion, detection=number)

    @property
    def velocity(self) -> Point:
        """Of the centre, in pixels a second."""
        return self.motion.velocity

    def expected(self, at_s: float) -> Box:
        """Where it should be at that time."""
        x, y = self.motion.ahead(min(max(0.0, at_s - self.last_at), VELOCITY_TRUST_S))
        half_width, half_height = (self.box[2] - self.box[0]) / 2, (self.box[3] - self.box[1]) / 2
        return x - half_width, y - half_height, x + half_width, y + half_height

    def see(self, number: int, detection: Detection, at_s: float) -> None:
        """Take the detection that shows it now."""
        self.motion.correct(centre(detection.box), _size(detection.box), max(0.0, at_s - self.last_at))
        self.box, self.score, self.last_at, self.detection = detection.box, detection.score, at_s, number
        self.unseen_s = 0.0
        self.hits += 1

    def as_json(self) -> dict[str, Any]:
        """A copy made of JSON's types."""
        return {**asdict(self), "box": list(self.box)}

    @classmethod
    def from_json(cls, plain: dict[str, Any]) -> Self:
        """The inverse of `as_json`."""
        x1, y1, x2, y2 = plain["box"]
        return cls(**{**plain, "box": (x1, y1, x2, y2), "motion": Motion.from_json(plain["motion"])})


class Tracker:
    """The tracks of one camera. Deterministic: the same detections give the same tracks, with the same ids."""

    def __init__(self, camera_id: int, config: TrackerConfig | None = None) -> None:
        self._camera_id = camera_id
        self._config = config or TrackerConfig()
        self._tracks: list[Track] = []
        self._updated_at = 0.0

    @property
    def tracks(self) -> tuple[Track, ...]:
        """All that have not ended, also those out of sight now."""
        return tuple(self._tracks)

    def update(self, detections: Sequence[Detection], at_s: float) -> list[Track]:
        """Take one frame's detections, in order of time.

        Args:
            detections: of one kind of thing, boxes in pixels of the frame, overlaps removed.
            at_s: when the frame was taken, seconds since the epoch.

        Returns:
            The tracks seen on this frame, new ones among them (`Track.hits` is 1). They change with the next update.
        """
        self._tracks = [t for t in self._tracks if at_s - t.last_at <= self._config.gap_s]
        sure = [n for n, d in enumerate(detections) if d.score >= self._config.sure_score]
        unsure = [n for n, d in enumerate(detections) if self._config.least_score <= d.score < self._config.sure_score]
        seen = self._associate(self._tracks, sure, detections, at_s)
        begun = [self._begin(n, detections[n], at_s) for n in sure if n not in seen]
        taken = {t.id for t in seen.values()}
        left = [t for t in self._tracks if t.id not in taken]
        seen |= self._associate(left, unsure, detections, at_s)
        for number, track in seen.items():
            track.see(number, detections[number], at_s)
        present = sorted([*seen.values(), *begun], key=lambda t: t.detection)[: self._config.max_tracks]
        self._tracks = [*present, *self._unseen({t.id for t in present}, at_s)][: self._config.max_tracks]
        self._updated_at = at_s
        return present

    def state(self) -> dict[str, Any]:
        """All that it knows, as a copy made of JSON's types."""
        return {
            "version": STATE_VERSION,
            "updated_at": self._updated_at,
            "tracks": [t.as_json() for t in self._tracks],
        }

    @classmethod
    def restore(cls, state: dict[str, Any], camera_id: int, config: TrackerConfig | None = None) -> Self:
        """Go on from a state, with the configuration of now.

        Raises:
            BadStateError: the state is of another version or broken.
        """
        if state.get("version") != STATE_VERSION:
            raise BadStateError(
                f"The tracks of camera {camera_id} have version {state.get('version')!r}, "
                f"this program reads {STATE_VERSION}."
            )
        tracker = cls(camera_id, config)
        try:
            tracker._tracks = [Track.from_json(track) for track in state["tracks"]]
            tracker._updated_at = float(state["updated_at"])
        except (KeyError, TypeError, ValueError) as error:
            raise BadStateError(f"The tracks of camera {camera_id} are broken: {error!r}.") from error
        return tracker

    def _begin(self, number: int, detection: Detection, at_s: float) -> Track:
        track_id = f"{self._camera_id}-{round(at_s * 1e6)}-{number}"
        return Track.begin(track_id, number, detection, at_s)

    def _unseen(self, seen: set[str], at_s: float) -> list[Track]:
        """The other tracks that have not ended, the one seen last first."""
        step_s = min(max(0.0, at_s - self._updated_at), MOST_STEP_S)
        others = [t for t in self._tracks if t.id not in seen]
        for track in others:
            track.unseen_s += step_s
        return sorted((t for t in others if t.unseen_s <= self._config.lost_s), key=lambda t: -t.last_at)

    def _associate(
        self, tracks: Sequence[Track], numbers: Sequence[int], detections: Sequence[Detection], at_s: float
    ) -> dict[int, Track]:
        """Give each detection at most one track and each track at most one detection, the nearest pairs first."""
        pairs = sorted(
            (cost, n, t)
            for n in numbers
            for t, track in enumerate(tracks)
            if (cost := _cost(track, detections[n].box, at_s)) is not None
        )
        chosen: dict[int, int] = {}
        taken: set[int] = set()
        for _, n, t in pairs:
            if n not in chosen and t not in taken:
                chosen[n] = t
                taken.add(t)
        return {n: tracks[t] for n, t in chosen.items()}


def _size(box: Box) -> float:
    return math.sqrt(max(1.0, area(box)))


def _cost(track: Track, box: Box, at_s: float) -> float | None:
    """How far the box is from where and how large the track should be; None: too far to be the same thing."""
    expected = track.expected(at_s)
    areas = area(expected), area(box)
    if min(areas) <= 0 or max(areas) > MOST_GROWTH * min(areas):
        return None
    size = math.sqrt(_size(expected) * _size(box))
    distance = math.dist(centre(expected), centre(box)) / size
    # Who falls speeds up faster than the filter learns: the last place may be nearer than the expected one.
    moved = math.dist(centre(track.box), centre(box)) / size
    unseen_s = max(0.0, at_s - track.last_at)
    if min(distance, moved) > min(MOST_REACH_SIZES, REACH_SIZES + REACH_SIZES_PER_S * unseen_s):
        return None
    return distance + (1 - iou(expected, box)) + GROWTH_COST * abs(math.log(areas[0] / areas[1]))
