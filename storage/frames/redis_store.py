"""The frame store of many machines: frames as JPEG in a Redis."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterable
from typing import Any

import redis
from pydantic import ByteSize

from core import keys
from core.errors import UnavailableError
from core.recognitions import ClipShape
from core.settings import Settings
from core.types import Clip, Frame, FrameRef, JpegFrame, Picture
from storage.frames.checks import check_frame
from storage.frames.clip_window import CLIP_PICTURES, clip_of, in_window
from storage.frames.evidence import evidence_share
from storage.frames.jpeg_frame import MAGIC, StoredFrame, packed_rest
from storage.frames.redis_evidence import RedisEvidence
from storage.frames.redis_link import FramesRedis
from storage.frames.redis_scripts import FULL, NEWEST_UNLESS, OTHER_WRITER, PUT, RECOUNT, RELEASE

log = logging.getLogger(__name__)

FRAME_LIFETIME_S = 3600
"""What a camera showed last can be looked at for so long; what was kept on disk stays longer."""

CLIP_LIFETIME_S = 60
"""Far more than any clip reaches back."""

IDLE_S = 5.0
"""A writer that has written nothing for so long is gone: another one's clock may be behind its last frame."""


class RedisFrameStore:
    """The newest frame, clip pictures and evidence of every camera. Safe for threads; no camera waits for another."""

    def __init__(self, settings: Settings) -> None:
        """Nothing is connected before the first call."""
        self._allowed_bytes = int(settings.frame_memory)
        evidence_bytes = evidence_share(self._allowed_bytes)
        self._frame_bytes = self._allowed_bytes - evidence_bytes
        self._link = FramesRedis(settings)
        self._writer = secrets.token_bytes(8)
        self._last_seqs: dict[str, int] = {}
        self.evidence = RedisEvidence(self._link, evidence_bytes)
        """Pictures for events."""

    def write(self, camera_id: int, pixels: Picture, captured_at: float) -> FrameRef:
        """Make this the camera's newest frame.

        Its seq is a hybrid logical clock as in `storage.frames.ring`; the last one is the stored frame's. Where another
        process goes on with a camera, the newer picture wins: one that is older than what another writer stored a
        moment ago is refused.

        Args:
            camera_id: whose frame it is.
            pixels: (height, width, 3) uint8, BGR.
            captured_at: seconds since the epoch.

        Raises:
            ValueError: the pixels or the time are not of that kind.
            UnavailableError: Redis is away or full, or another process writes newer frames of this camera.
        """
        seq = self._put(keys.newest_frame(camera_id), 1, FRAME_LIFETIME_S, camera_id, pixels, captured_at)
        height, width, _ = pixels.shape
        return FrameRef(camera_id, seq, captured_at, width, height)

    def newest(self, camera_id: int, seen: int = 0) -> Frame | None:
        """The camera's newest frame; None where there is none any more, or its seq is ``seen``.

        Raises:
            UnavailableError: Redis is away, or holds what another release of camrec wrote.
        """
        stored = self._newest(camera_id, seen)
        return None if stored is None else stored.decode()

    def newest_jpeg(self, camera_id: int, seen: int = 0) -> JpegFrame | None:
        """The same as it is stored, not decoded; arguments and errors as `newest`."""
        stored = self._newest(camera_id, seen)
        return None if stored is None else stored.jpeg_frame()

    def write_clip_picture(self, camera_id: int, pixels: Picture, captured_at: float) -> None:
        """Add the newest picture of the camera's clip; arguments and errors as `write`."""
        self._put(keys.clip_pictures(camera_id), CLIP_PICTURES, CLIP_LIFETIME_S, camera_id, pixels, captured_at)

    def clip(self, camera_id: int, shape: ClipShape) -> Clip | None:
        """The camera's newest clip; None where too few pictures of one size are there.

        Raises:
            UnavailableError: as `newest`.
        """
        values: Any = self._link.run(lambda client: client.lrange(keys.clip_pictures(camera_id), 0, shape.frames - 1))
        stored = [StoredFrame.of(camera_id, value) for value in values]
        pictures = [one.decode() for one in reversed(stored) if in_window(one.ref, stored[0].ref, shape)]
        return clip_of(pictures, shape)

    def release(self, camera_id: int) -> None:
        """Stop writing a camera, so that another process can at once; its frames stay."""
        self._release([keys.newest_frame(camera_id), keys.clip_pictures(camera_id)])

    def remove(self, camera_id: int) -> None:
        """Give a camera's memory back. A capture that still writes it stores its frames again, until it stops.

        Raises:
            UnavailableError: Redis is away.
        """
        self._remove([keys.newest_frame(camera_id), keys.clip_pictures(camera_id), keys.evidence(camera_id)])

    def sweep(self, live_camera_ids: Iterable[int]) -> set[int]:
        """Remove all of other cameras, and count anew what is there; returns the ids of those that had frames.

        Raises:
            UnavailableError: Redis is away.
        """
        live = set(live_camera_ids)
        dead = [key for key in self._charged_keys(keys.FRAME_SIZES) if _camera_of(key) not in live]
        unwanted = [key for key in self._charged_keys(keys.EVIDENCE_SIZES) if _camera_of(key) not in live]
        self._remove([*dead, *unwanted])
        return {_camera_of(key) for key in dead}

    def usage(self) -> tuple[int, int]:
        """Bytes of JPEGs, and bytes that they may take; Redis takes about a quarter more.

        Raises:
            UnavailableError: Redis is away.
        """
        totals: Any = self._link.run(lambda client: [client.hget(sizes, "total") for sizes in _SIZES])
        return sum(int(total or 0) for total in totals), self._allowed_bytes

    def identity(self) -> str:
        """The same in all processes that use this Redis, and in no other.

        Raises:
            UnavailableError: Redis is away.
        """

        def ask(client: redis.Redis) -> Any:
            known = client.get(keys.FRAME_STORE)
            if known is None:
                client.set(keys.FRAME_STORE, f"redis:{secrets.token_hex(8)}", nx=True)
            return known or client.get(keys.FRAME_STORE)

        return str(self._link.run(ask), "ascii")

    def discard(self) -> None:
        """Nothing: other machines may go on, and what nobody renews expires."""
        self.close()

    def close(self) -> None:
        """Let go of all cameras, and disconnect; the frames stay."""
        self._release(list(self._last_seqs))
        self._link.close()

    def _put(self, key: str, slots: int, lifetime_s: int, camera_id: int, pixels: Picture, captured_at: float) -> int:
        check_frame(pixels, captured_at)
        self._link.check()
        seq = max(self._last_seqs.get(key, 0) + 1, int(captured_at * 1e6))
        limits = (slots, lifetime_s * 1000, int(IDLE_S * 1000), self._frame_bytes)
        value = packed_rest(pixels, captured_at)
        answer = self._link.script(PUT, [key, keys.FRAME_SIZES], [MAGIC, seq, self._writer, value, *limits])
        outcome, figure = (int(number) for number in answer)
        if outcome == OTHER_WRITER:
            raise UnavailableError(
                f"Another process writes newer frames of camera {camera_id}. Is it watched by a second capture?"
            )
        if outcome == FULL:
            raise self._full_error(camera_id, len(value), figure)
        self._last_seqs[key] = outcome
        return outcome

    def _full_error(self, camera_id: int, needed_bytes: int, others_bytes: int) -> UnavailableError:
        needed, others, allowed = (
            ByteSize(count).human_readable(decimal=True, separator=" ")
            for count in (needed_bytes, others_bytes, self._frame_bytes)
        )
        return UnavailableError(
            f"The frame store is full: camera {camera_id} needs {needed}, and {others} of the {allowed} of "
            "CAMREC_FRAME_MEMORY are taken. Raise it in all processes, and maxmemory of the Redis of frames with it, "
            "or watch fewer cameras or streams of lower resolution (detect_url)."
        )

    def _newest(self, camera_id: int, seen: int) -> StoredFrame | None:
        key = keys.newest_frame(camera_id)
        value: Any
        if seen:
            value = self._link.script(NEWEST_UNLESS, [key], [seen])
        else:
            value = self._link.run(lambda client: client.lindex(key, 0))
        return None if value is None else StoredFrame.of(camera_id, value)

    def _release(self, held: Iterable[str]) -> None:
        for key in held:
            if self._last_seqs.pop(key, None) is None:
                continue
            try:
                self._link.script(RELEASE, [key], [MAGIC, self._writer])
            except UnavailableError as error:
                log.debug("%s is not released, and free in %g s: %s", key, IDLE_S, error)

    def _remove(self, unwanted: list[str]) -> None:
        for key in unwanted:
            self._last_seqs.pop(key, None)
        if unwanted:
            self._link.run(lambda client: client.unlink(*unwanted))
        for sizes in _SIZES:
            self._link.script(RECOUNT, [sizes])

    def _charged_keys(self, sizes: str) -> list[str]:
        names: Any = self._link.run(lambda client: client.hkeys(sizes))
        return [name.decode() for name in names if name != b"total"]


_SIZES = (keys.FRAME_SIZES, keys.EVIDENCE_SIZES)


def _camera_of(key: str) -> int:
    return int(key.rpartition(":")[2])
