"""The registry of recognitions: one row here and the four files named in design section 4 make a new one."""

from __future__ import annotations

from dataclasses import dataclass

EVENT_SHARDS = 8
"""A camera's observations go to queue ``events.<camera id modulo EVENT_SHARDS>``."""

EMPTY_FPS = 0.2
"""Frames a second of each recognition while nothing moves and nobody is there: in case the motion gate misses it."""

RECORDING = "recording"
"""What the recorder's own events name as their recognition."""

DISK_FULL_EVENT = "disk_full"
"""Kind of event: a camera is not recorded, because the disk is full."""

JOBS_QUEUE = "jobs"

MAKE_CLIP_TASK = "clips.make"
"""On the jobs queue; its argument is the clip's id."""


@dataclass(frozen=True, slots=True)
class ClipShape:
    """What a recognition that looks at motion is given in place of one frame: a window over the newest frames."""

    frames: int
    """Most in a clip; they are sampled at the camera's rate for this recognition."""
    least_frames: int
    span_s: float
    """No clip reaches further back."""
    stride_s: float
    """Least time from one clip to the next."""
    width: int
    """Pixels to which wider pictures are scaled."""


@dataclass(frozen=True, slots=True)
class Recognition:
    """A kind of analysis = a queue = a task."""

    kind: str
    title: str
    default_fps: float
    max_fps: float
    event_kinds: tuple[str, ...]
    still_fps: float = 1.0
    """Frames a second while nothing moves and somebody is there: so many that who lies still is not taken for gone."""
    clip: ClipShape | None = None
    """None: it looks at single frames."""
    evidence_score: float = 0.0
    """Least score of a detection whose frame is kept for a snapshot."""

    @property
    def queue(self) -> str:
        """The frames queue that its workers consume."""
        return self.kind

    @property
    def task(self) -> str:
        """Name of the Celery task that recognises frames."""
        return f"recognise.{self.kind}"


RECOGNITIONS: dict[str, Recognition] = {
    r.kind: r
    for r in (
        Recognition(
            "plates",
            "Vehicle registration plates",
            default_fps=5.0,
            max_fps=30.0,
            event_kinds=("plate", "plate_hit"),
            still_fps=0.5,
        ),
        Recognition(
            "falls",
            "Falls",
            default_fps=8.0,
            max_fps=30.0,
            event_kinds=("fall", "person_down"),
            still_fps=2.0,  # who lies is hard to see: several misses in a row must not end it
        ),
        Recognition(
            "violence",
            "Violence",
            default_fps=8.0,
            max_fps=15.0,
            event_kinds=("violence",),
            still_fps=0.0,
            clip=ClipShape(frames=16, least_frames=8, span_s=2.5, stride_s=0.5, width=320),
            evidence_score=0.4,
        ),
        Recognition(
            "reid", "Re-identification", default_fps=4.0, max_fps=30.0, event_kinds=("identity",), still_fps=0.5
        ),
    )
}


FRAME_QUEUES = tuple(r.queue for r in RECOGNITIONS.values())
EVENT_QUEUES = tuple(f"events.{shard}" for shard in range(EVENT_SHARDS))
"""Of each shard of cameras: a camera's observations are judged in shard ``camera_id % EVENT_SHARDS``."""
JOB_QUEUES = (JOBS_QUEUE,)
