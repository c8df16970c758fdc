"""Tells workers of new frames: at most one token for each camera and recognition, in as few messages as possible."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import redis
from kombu.exceptions import KombuError

from capture.drops import Drops
from core.clock import Clock, SystemClock
from core.complaint import Complaint
from core.errors import UnavailableError
from core.recognitions import RECOGNITIONS, Recognition
from storage.frames.tokens import Offer, Tokens

log = logging.getLogger(__name__)

CAMERAS_PER_MESSAGE = 8
"""Tokens in one message: a message costs more than the frames that it names."""
RETRY_S = 1.0
"""After a failure Redis is left alone for so long: frames come faster than it can time out."""

_BROKER_ERRORS = (redis.RedisError, KombuError, OSError, UnavailableError)

Publish = Callable[[Recognition, Sequence[int]], None]


class Dispatcher:
    """One thread for all cameras of a process. Cameras hand over without waiting, whatever Redis does."""

    def __init__(
        self, open_tokens: Callable[[], Tokens], publish: Publish, drops: Drops, clock: Clock | None = None
    ) -> None:
        """Idle until `start`.

        Args:
            open_tokens: gives access to the tokens; may fail as `publish` may, and is then called again.
            publish: sends one message for several cameras; raises an error of kombu, redis or the system.
            drops: counters of what is lost.
            clock: of the machine by default.
        """
        self._open_tokens, self._publish, self._drops = open_tokens, publish, drops
        self._tokens: Tokens | None = None
        self._clock = clock or SystemClock()
        self._changed = threading.Condition()
        self._pending: dict[str, dict[int, None]] = {}
        self._offered: dict[int, Counter[str]] = {}
        self._stopped = False
        self._broken_until_s = 0.0
        self._complaint = Complaint(log, "Frames are not recognised until Redis takes them", expected=_BROKER_ERRORS)
        self._thread = threading.Thread(target=self._run, name="dispatcher", daemon=True)

    def start(self) -> None:
        """Begin to publish."""
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """End the thread; what is pending is dropped."""
        with self._changed:
            self._stopped = True
            self._changed.notify()
        self._thread.join(timeout_s)

    def offer(self, kind: str, camera_id: int) -> None:
        """The camera has a new frame for that recognition. Never blocks."""
        with self._changed:
            self._offered.setdefault(camera_id, Counter())[kind] += 1
            waiting = self._pending.setdefault(kind, {})
            if camera_id in waiting:
                self._drops.count(camera_id, "superseded")
            waiting[camera_id] = None
            self._changed.notify()

    def offered(self, camera_id: int) -> dict[str, int]:
        """Recognition → frames offered since this process has had the camera: dropped, or granted a token."""
        with self._changed:
            return dict(self._offered.get(camera_id, {}))

    def forget(self, camera_id: int) -> None:
        """The camera is gone."""
        with self._changed:
            self._offered.pop(camera_id, None)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._stopped or self._pending)
                if self._stopped:
                    return
                pending, self._pending = self._pending, {}
            for kind, cameras in pending.items():
                self.dispatch(RECOGNITIONS[kind], list(cameras))

    def dispatch(self, recognition: Recognition, camera_ids: Sequence[int]) -> None:
        """Publish those of the cameras that get a token; count the others."""
        if self._clock.monotonic() < self._broken_until_s:
            self._drop(camera_ids)
            return
        unsent = dict.fromkeys(camera_ids)
        granted: list[int] = []
        try:
            granted = self._granted(recognition, camera_ids)
            unsent = dict.fromkeys(granted)
            for start in range(0, len(granted), CAMERAS_PER_MESSAGE):
                batch = granted[start : start + CAMERAS_PER_MESSAGE]
                self._publish(recognition, batch)
                for camera_id in batch:
                    del unsent[camera_id]
        except Exception as error:  # noqa: BLE001  # the thread serves all cameras, and every frame is counted
            self._broken_until_s = self._clock.monotonic() + RETRY_S
            self._complaint.failed(error)
            self._drop(unsent)
            # Where the answer to the offer was lost, tokens may be set for which nobody was told.
            self._withdraw(recognition, [c for c in granted or camera_ids if c in unsent])
        else:
            self._complaint.well()

    def _granted(self, recognition: Recognition, camera_ids: Sequence[int]) -> list[int]:
        if self._tokens is None:
            self._tokens = self._open_tokens()
        granted = []
        for camera_id, offer in zip(camera_ids, self._tokens.offer(recognition, camera_ids), strict=True):
            if offer is Offer.GRANTED:
                granted.append(camera_id)
            else:
                self._drops.count(camera_id, "superseded" if offer is Offer.SUPERSEDES else "queue_full")
        return granted

    def _drop(self, camera_ids: Iterable[int]) -> None:
        for camera_id in camera_ids:
            self._drops.count(camera_id, "broker_down")

    def _withdraw(self, recognition: Recognition, camera_ids: Iterable[int]) -> None:
        """Without this a camera would be silent until its token expires."""
        if self._tokens is None:
            return
        try:
            for camera_id in camera_ids:
                self._tokens.withdraw(recognition, camera_id)
        except Exception:  # noqa: BLE001  # whatever it is: the tokens expire, and the thread serves all cameras
            return
