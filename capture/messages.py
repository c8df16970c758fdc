"""What the capture node and its shards say to each other."""

from __future__ import annotations

from dataclasses import dataclass, field

from storage.camera import Camera


@dataclass(frozen=True, slots=True)
class Assign:
    """Watch this camera from now on, or follow its change."""

    camera: Camera = field(repr=False)


@dataclass(frozen=True, slots=True)
class Remove:
    """Watch this camera no longer."""

    camera_id: int


@dataclass(frozen=True, slots=True)
class Extend:
    """The cameras are leased until then, on the monotonic clock of this machine."""

    until_s: float


@dataclass(frozen=True, slots=True)
class Ended:
    """Said to the node: the streams of a camera that was removed have ended."""

    camera_id: int


@dataclass(frozen=True, slots=True)
class Alive:
    """Said to the node, again and again: the shard does what it is told."""


Message = Assign | Remove | Extend
