"""The recording of one camera, in the writer's thread: packets → files."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import av
from av.codec.context import CodecContext
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext

from capture.recorder.access_units import TICKS_PER_S, AccessUnits, Picture
from capture.recorder.arrival import Arrival, Connection
from capture.recorder.segment_file import Format, SegmentFile
from capture.recorder.sound import sound_track
from capture.recorder.timeline import Place, Timeline
from storage.segment_files import SegmentNote, node_mark, open_segment_path, whole_segment_path
from storage.segments import LONGEST_SEGMENT_S, RetentionClass, Segment

log = logging.getLogger(__name__)

SEGMENT_S = 4.0
"""A segment ends at the first key frame after so long."""
_EARLY_S = 0.2
"""A key frame so little before it will do, too: cameras' intervals are not exact."""
_MAX_CLOCK_STEP_S = 1.0
"""Where our own clock was set by more than this, a new run begins."""
_MAX_GAP_IN_RUN_S = 0.25


@dataclass(frozen=True, slots=True)
class Finished:
    """A segment that is whole, under its temporary name."""

    open_path: str
    segment: Segment


class Track:
    """Cuts what comes of one camera."""

    def __init__(
        self, camera_id: int, media: Path, node: str, finished: Callable[[Finished], None], lost: Callable[[str], None]
    ) -> None:
        """Nothing is written before the first key frame.

        Args:
            camera_id: whose recording it is.
            media: the media folder.
            node: name of this machine.
            finished: is told of each segment that is whole.
            lost: is told the cause of each picture that is not recorded.
        """
        self._camera_id, self._media, self._node = camera_id, media, node
        self._finished, self._lost = finished, lost
        self.retention_class: RetentionClass = "continuous"
        self._connection: Connection | None = None
        self._format: Format | None = None
        self._file: SegmentFile | None = None
        self._open_path = ""
        self._behind_s = 0.0
        self._has_event = False
        self._units = AccessUnits("", None, None)
        self._timeline = Timeline()
        self._run = ""
        self._run_start = 0
        self._break_pending = True
        """The next key frame begins a new run."""

    def take(self, arrival: Arrival) -> None:
        """Record a packet.

        Raises:
            OSError: the disk does not take it; the file so far is closed.
        """
        if arrival.connection is not self._connection:
            self.end()
            self._begin(arrival.connection)
        try:
            if arrival.is_video:
                picture = self._units.push(arrival)
                if picture is not None:
                    self._record(picture)
            else:
                self._record_sound(arrival)
        except (OSError, FFmpegError, ValueError) as error:
            self.abandon()
            if isinstance(error, OSError):  # FFmpeg's errors of the system are, too
                raise
            log.warning("Camera %d: a segment was given up: %s", self._camera_id, error)
            self._lost("record_failed")

    def end(self) -> None:
        """Nothing more of this connection comes, or what came next was lost.

        Raises:
            OSError: the disk does not take the rest; the file so far is closed.
        """
        if self._connection is None:
            return
        try:
            picture = self._units.flush()
            if picture is not None:
                self._record(picture)
            self._finish(None)
        except OSError:
            self.abandon()
            raise
        except (FFmpegError, ValueError) as error:
            log.warning("Camera %d: a segment was given up: %s", self._camera_id, error)
            self.abandon()
        self._connection, self._break_pending = None, True

    def abandon(self) -> None:
        """Leave the open file as it is on disk; it is repaired when recording begins anew."""
        if self._file is not None:
            self._file.abandon()
        self._file, self._break_pending = None, True

    @property
    def open_path(self) -> str | None:
        """Of the file that grows, below the media folder."""
        return self._open_path if self._file is not None else None

    def _begin(self, connection: Connection) -> None:
        self._connection, self._format, self._break_pending = connection, None, True
        extradata = None if connection.video is None else connection.video.codec_context.extradata
        self._units = AccessUnits(connection.codec, extradata, connection.frame_interval_s)
        self._timeline = Timeline()

    def _record(self, picture: Picture) -> None:
        place = self._timeline.place(picture)
        self._has_event = self._has_event or self.retention_class == "event"
        if place.is_jump or self._clock_was_set(picture, place):
            self._break_pending = True
        if picture.is_key:
            self._at_key_frame(picture, place)
            return
        file = self._file
        if file is not None and file.duration_s(place.dts - self._run_start) > LONGEST_SEGMENT_S:
            self._finish(None)
            self._break_pending, file = True, None
        if file is None:
            self._lost("record_no_key_frame")
        else:
            file.add(picture, self._in_run(place))

    def _at_key_frame(self, picture: Picture, place: Place) -> None:
        file, in_run = self._file, self._in_run(place)
        needs_format = self._format is None or (picture.parameters and picture.parameters != self._format.parameters)
        if needs_format:
            self._break_pending = True
        if file is not None:
            if not self._break_pending and file.duration_s(in_run.dts) < SEGMENT_S - _EARLY_S:
                file.add(picture, in_run)
                return
            self._finish(in_run.dts, None if self._break_pending else picture.at_s)
        if needs_format:
            self._format = self._format_of(picture)
        if self._break_pending:
            self._run = f"{self._camera_id}-{round(picture.at_s * 1000)}-{node_mark(self._node)}"
            self._run_start, self._break_pending = place.dts, False
        self._open(picture, self._in_run(place))

    def _clock_was_set(self, picture: Picture, place: Place) -> bool:
        """Whether our clock and the camera's went on by different times since the picture before."""
        behind_s = picture.at_s - place.dts / TICKS_PER_S
        before_s, self._behind_s = self._behind_s, behind_s
        return self._file is not None and abs(behind_s - before_s) > _MAX_CLOCK_STEP_S

    def _in_run(self, place: Place) -> Place:
        return Place(place.dts - self._run_start, place.pts - self._run_start)

    def _open(self, picture: Picture, place: Place) -> None:
        at_s = picture.at_s
        while True:
            path = open_segment_path(self._camera_id, at_s, self._node)
            note = SegmentNote(self._camera_id, picture.at_s, self._run, self.retention_class)
            try:
                if (self._media / whole_segment_path(path)).exists():
                    raise FileExistsError
                made_of = cast(Format, self._format)
                self._file = SegmentFile(self._media / path, made_of, note, picture, place)
            except FileExistsError:
                at_s += 0.001  # the clock was set back: what was recorded at that time stays
            else:
                self._open_path = path
                self._has_event = self.retention_class == "event"
                return

    def _record_sound(self, arrival: Arrival) -> None:
        sound_track = None if self._format is None else self._format.sound
        if sound_track is None or self._file is None:
            return
        for sound in sound_track.convert(arrival.packet):
            self._file.add_sound(sound, self._timeline.of_other_stream(sound.dts) - self._run_start)

    def _format_of(self, picture: Picture) -> Format:
        connection = cast(Connection, self._connection)
        parameters = picture.parameters
        width, height = _size(connection, parameters, picture)
        return Format(connection, parameters, width, height, sound_track(connection.audio))

    def _finish(self, until: int | None, next_at_s: float | None = None) -> None:
        """Close the open file, whose last picture ends at that place of the run, which is that time by our clock."""
        file, self._file = self._file, None
        if file is None:
            return
        try:
            until = file.close(until)
        except Exception:
            file.abandon()
            raise
        duration_s, started_at = file.duration_s(until), file.started_at
        ended_at = started_at + duration_s
        if next_at_s is not None and abs(next_at_s - ended_at) < _MAX_GAP_IN_RUN_S:
            ended_at = next_at_s
        made_of = cast(Format, self._format)
        segment = Segment(
            camera_id=self._camera_id,
            started_at=started_at,
            ended_at=ended_at,
            duration_s=duration_s,
            path=whole_segment_path(self._open_path),
            size_bytes=file.size_bytes,
            codec=made_of.connection.codec,
            width=made_of.width,
            height=made_of.height,
            has_audio=made_of.sound is not None,
            run=self._run,
            key_times=file.key_times,
            retention_class="event" if self._has_event else "continuous",
            node=self._node,
        )
        self._finished(Finished(self._open_path, segment))


def _size(connection: Connection, parameters: bytes, picture: Picture) -> tuple[int, int]:
    """Of the pictures: by decoding this one where it brings parameters of its own, for the connection's may be old."""
    video = cast(VideoCodecContext, connection.video.codec_context if connection.video else None)
    if parameters:
        decoder = cast(VideoCodecContext, CodecContext.create(connection.codec, "r"))
        decoder.thread_type, decoder.thread_count = "NONE", 1
        try:
            for frame in _decoded(decoder, picture):
                return frame.width, frame.height
        except FFmpegError:
            pass
    return video.width, video.height


def _decoded(decoder: VideoCodecContext, picture: Picture) -> Iterator[av.VideoFrame]:
    yield from decoder.decode(picture.to_packet())
    yield from decoder.decode(None)
