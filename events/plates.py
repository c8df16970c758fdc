"""Plates: many readings of one passing vehicle become one event with the text that they agree on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, Field

from core.errors import BadSettingError
from core.plates import normalise
from core.types import Detection, Event, FrameRef, Observation, Zone, event_id
from events.geometry import bottom_centre, in_zones, iou, offset_in_widths, zones_for
from events.judge import JudgeSettings
from events.plate_formats import check_regions, fold
from events.plate_lists import PlateHit, PlateMatcher
from events.plate_track import SAME_PLATE, PlateTrack
from events.votes import similarity

MAX_TRACKS = 64
"""Plates remembered at once for one camera, open or ended; the one seen longest ago is closed and forgotten."""

LIKELY_SAME_PLATE = 0.65
"""Similarity that makes a reading a noisy one of the plate near it: 2 of 7 characters wrong, but not 3."""

NEAR_WIDTHS = 6.0
"""Plate widths that a plate may have moved between two readings that are only likely the same: 50 km/h at 5 fps."""

SAME_PLACE_WIDTHS = 2.0
"""Plate widths within which a plate that was out of sight comes back as the same vehicle's."""

SAME_PLACE_IOU = 0.1
"""Overlap that lets the place alone tell whose plate an unreadable one is."""


def _known_regions(codes: list[str]) -> list[str]:
    try:
        return list(check_regions(codes))
    except BadSettingError as error:
        raise ValueError(str(error)) from None


class PlateSettings(JudgeSettings):
    """Settings of recognition `plates` for one camera."""

    min_score: float = Field(0.55, ge=0, le=1, description="least score of a plate's text, after all readings voted")
    min_length: int = Field(4, ge=1, le=16, description="fewest letters and digits of a plate's text, after the vote")
    gone_s: float = Field(3.0, ge=0.2, le=600, description="seconds after which a plate that is not seen has left")
    again_s: float = Field(
        60.0,
        ge=0.2,
        le=86400,
        description="seconds within which the same text in the same place is the same visit, and for which a plate "
        "stays open when no frames come (nothing moves)",
    )
    regions: Annotated[list[str], AfterValidator(_known_regions)] = Field(
        [], description="whose plates are seen; characters that readers confuse are then put right by their formats"
    )


class PlateJudge:
    """Follows the plates of one camera; an event of kind `plate` for each vehicle that passes or stands.

    A plate becomes an event when two readings agree, or, when it leaves, if one reading was very good. It is told again
    only when its text changes, a clearly better picture of it comes, it leaves, or it comes back.

    While frames come, a plate has left when it was not in them for `gone_s`, where each frame counts a second at most.
    While none come, as from a camera that sends frames only when something moves, it is taken to stand there until
    `again_s` (see `tick`).

    A plate on one of the site's lists is told once more for each list, as an event of kind `plate_hit`. Where a
    corrected text is not on that list any more, the hit ends and says that it is withdrawn.
    """

    kind = "plates"
    state_version: ClassVar[int] = 1

    def __init__(
        self,
        *,
        camera_id: int,
        settings: dict[str, Any],
        zones: Sequence[Zone] = (),
        matcher: PlateMatcher | None = None,
    ) -> None:
        self._camera_id = camera_id
        self._matcher = matcher
        self._settings = parse_settings(settings)
        self._fold = partial(fold, codes=self._settings.regions)
        self._zones = zones_for(self.kind, zones)
        self._tracks: list[PlateTrack] = []
        self._observed_at = 0.0

    def observe(self, observation: Observation) -> list[Event]:
        """Take one frame's readings, in order of time; the events that are new or changed by it.

        Raises:
            ValueError: the observation is of another camera or recognition.
        """
        frame = observation.frame
        if (frame.camera_id, observation.recognition) != (self._camera_id, self.kind):
            raise ValueError(
                f"expected {self.kind} of camera {self._camera_id}, "
                f"not {observation.recognition} of camera {frame.camera_id}"
            )
        readings = [replace(d, text=normalise(d.text or "")) for d in observation.detections if self._counts(d, frame)]
        before = {track.id: track.face() for track in self._tracks}
        for number, (reading, known) in enumerate(self._associate(readings, frame.captured_at)):
            track = known or self._open(f"{frame.seq}.{number}", frame.captured_at)
            track.see(reading, frame)
            track.judge(self._settings.min_score, self._settings.min_length, self._fold)
        self._miss_unseen(frame.captured_at)
        return self._changed(before, frame.captured_at)

    def tick(self, now: float) -> list[Event]:
        """Close what was not seen for `again_s`, when no observation came that could show that it left."""
        before = {track.id: track.face() for track in self._tracks}
        for track in self._tracks:
            if not track.ended and now - track.seen_at > self._settings.again_s:
                track.end()
        return self._changed(before, now)

    def finish(self) -> list[Event]:
        """Close everything and forget it."""
        before = {track.id: track.face() for track in self._tracks}
        for track in self._tracks:
            track.end()
        events = self._changed(before, now=None)
        self._tracks.clear()
        return events

    def state(self) -> dict[str, Any]:
        """All that it knows, as a copy made of JSON's types."""
        return {
            "version": self.state_version,
            "observed_at": self._observed_at,
            "tracks": [track.as_json() for track in self._tracks],
        }

    def resume(self, state: dict[str, Any]) -> None:
        """Go on from what `state` gave."""
        self._tracks = [PlateTrack.from_json(track) for track in state["tracks"]]
        self._observed_at = float(state.get("observed_at", 0.0))

    def _open(self, track_id: str, at: float) -> PlateTrack:
        track = PlateTrack.open(track_id, at)
        self._tracks.append(track)
        return track

    def _counts(self, reading: Detection, frame: FrameRef) -> bool:
        return in_zones(bottom_centre(reading.box, frame.width, frame.height), self._zones)

    def _associate(self, readings: list[Detection], now: float) -> list[tuple[Detection, PlateTrack | None]]:
        """Give each reading at most one track and each track at most one reading, the surest pairs first."""
        votes = [track.votes.result() for track in self._tracks]
        pairs = sorted(
            (-affinity, r, t)
            for r, reading in enumerate(readings)
            for t, track in enumerate(self._tracks)
            if (affinity := self._affinity(track, votes[t], reading, now)) is not None
        )
        chosen: dict[int, int] = {}
        for _, r, t in pairs:
            if r not in chosen and t not in chosen.values():
                chosen[r] = t
        return [(reading, self._tracks[chosen[r]] if r in chosen else None) for r, reading in enumerate(readings)]

    def _affinity(self, track: PlateTrack, vote: tuple[str, float], reading: Detection, now: float) -> float | None:
        """How surely the reading is of that plate; None: it is not. Any match by text is surer than one by place."""
        text, read = vote[0], reading.text or ""
        unseen_s = now - track.seen_at
        if min(len(text), len(read)) >= self._settings.min_length:
            alike = similarity(text, read)
            offset = offset_in_widths(track.box, reading.box)
            if self._is_same(alike, offset, unseen_s):
                return 1 + alike + 1 / (1 + offset)
        # A weak text proves nothing, so the place decides, as long as nothing else can have come there.
        is_at_once = unseen_s <= self._settings.gone_s / 4
        if is_at_once and (self._is_weak(*vote) or self._is_weak(read, reading.score)):
            overlap = iou(track.box, reading.box)
            return overlap if overlap >= SAME_PLACE_IOU else None
        return None

    def _is_same(self, alike: float, offset: float, unseen_s: float) -> bool:
        if unseen_s <= self._settings.gone_s:
            return alike >= SAME_PLATE or (alike >= LIKELY_SAME_PLATE and offset <= NEAR_WIDTHS)
        return unseen_s <= self._settings.again_s and alike >= SAME_PLATE and offset <= SAME_PLACE_WIDTHS

    def _is_weak(self, text: str, score: float) -> bool:
        return len(text) < self._settings.min_length or score < self._settings.min_score

    def _miss_unseen(self, at: float) -> None:
        step_s = max(0.0, at - self._observed_at)
        self._observed_at = at
        for track in self._tracks:
            if not track.ended and track.seen_at < at:
                track.miss(step_s)
                if track.unseen_s > self._settings.gone_s:
                    track.end()

    def _changed(self, before: dict[str, Any], now: float | None) -> list[Event]:
        """The events that look different than before; then forget what can no longer come back."""
        surplus = sorted(self._tracks, key=lambda t: (not t.ended, t.seen_at))[: max(0, len(self._tracks) - MAX_TRACKS)]
        for track in surplus:
            track.end()
        events = [
            event
            for track in self._tracks
            if track.is_event and track.face() != before.get(track.id)
            for event in self._told_of(track)
        ]
        dropped = {track.id for track in surplus}
        self._tracks = [
            track
            for track in self._tracks
            if track.id not in dropped
            and (not track.ended or (track.is_event and (now is None or now - track.seen_at <= self._settings.again_s)))
        ]
        return events

    def _told_of(self, track: PlateTrack) -> list[Event]:
        """The event of a plate, then those of the lists that it is on, or was taken to be on."""
        plate = self._event(track)
        hits = [] if self._matcher is None else self._matcher(track.text, track.started_at)
        on_lists = {hit.plate_list.id: _hit_details(hit) for hit in hits}
        withdrawn = {"withdrawn": True}
        track.told_lists = sorted({*track.told_lists, *on_lists})
        return [
            plate,
            *(
                replace(
                    plate,
                    id=event_id(self._camera_id, "plate_hit", f"{track.id}/{list_id}"),
                    kind="plate_hit",
                    ended_at=plate.ended_at if list_id in on_lists else track.seen_at,
                    details={"plate_event": plate.id, "list_id": list_id, **on_lists.get(list_id, withdrawn)},
                )
                for list_id in track.told_lists
            ),
        ]

    def _event(self, track: PlateTrack) -> Event:
        if track.best is None:
            raise AssertionError("a track without a picture is no event")
        return Event(
            id=event_id(self._camera_id, "plate", track.id),
            camera_id=self._camera_id,
            recognition=self.kind,
            kind="plate",
            started_at=track.started_at,
            ended_at=track.seen_at if track.ended else None,
            score=round(track.score, 4),
            best=track.best.frame,
            box=track.best.box,
            text=track.text,
            details=track.details(),
        )


def _hit_details(hit: PlateHit) -> dict[str, Any]:
    return {
        "list": hit.plate_list.name,
        "list_kind": hit.plate_list.kind,
        "entry_id": hit.entry.id,
        "matched_plate": hit.entry.plate,
        "owner": hit.entry.owner,
        "note": hit.entry.note,
        "distance": hit.distance,
    }


def parse_settings(settings: dict[str, Any]) -> PlateSettings:
    """Check a camera's settings for `plates`.

    Raises:
        BadSettingError: an unknown name, a wrong value, or `again_s` shorter than `gone_s`.
    """
    parsed = PlateSettings.parse(PlateJudge.kind, settings)
    if parsed.again_s < parsed.gone_s:
        raise BadSettingError(
            f"Wrong settings for {PlateJudge.kind}: again_s ({parsed.again_s}) must not be less than "
            f"gone_s ({parsed.gone_s})."
        )
    return parsed
