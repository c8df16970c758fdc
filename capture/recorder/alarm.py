"""Tells, as an event of each camera, that its recording stands still because the disk is full."""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import replace

from core.clock import Clock, SystemClock
from core.recognitions import DISK_FULL_EVENT, RECORDING
from core.types import Event, FrameRef, event_id
from storage.events import EventStore

log = logging.getLogger(__name__)

ENDS_AFTER_S = 20.0
"""A disk at its limit would otherwise make an event of every moment."""


class DiskAlarm:
    """For one thread, which may wait for the database: events wait, too, and are written when it is back."""

    def __init__(self, events: EventStore, node: str, clock: Clock | None = None) -> None:
        """Nothing is told yet.

        Args:
            events: in the database.
            node: name of this machine.
            clock: of the machine by default.
        """
        self._events, self._node, self._clock = events, node, clock or SystemClock()
        self._cameras: frozenset[int] = frozenset()
        self._open: dict[int, Event] = {}
        self._seen_s: dict[int, float] = {}
        """When each of their cameras stood still last."""

    def look(self, cameras: Collection[int], paused: Collection[int]) -> None:
        """Begin and end events.

        Args:
            cameras: that this process has.
            paused: those of them whose recording stands still.

        Raises:
            UnavailableError: the database cannot be used now; the next look makes up for it.
        """
        now = self._clock.now()
        self._adopt(frozenset(cameras), now)
        for camera_id in paused:
            self._seen_s[camera_id] = now
            if camera_id not in self._open:
                event = _event(camera_id, now, self._node)
                self._events.put([(event, None)], epoch=0)
                self._open[camera_id] = event
                log.error("Camera %d: recording has stopped, the disk is full", camera_id)
        for camera_id, event in list(self._open.items()):
            if now - self._seen_s[camera_id] >= ENDS_AFTER_S or camera_id not in cameras:
                self._events.put([(replace(event, ended_at=self._seen_s[camera_id]), None)], epoch=0)
                del self._open[camera_id]

    def _adopt(self, cameras: frozenset[int], now: float) -> None:
        """A process that had the camera before may have left an event open."""
        new = cameras - self._cameras
        if new:
            for event in self._events.open_of_kind(DISK_FULL_EVENT):
                if event.camera_id in new:
                    self._open[event.camera_id], self._seen_s[event.camera_id] = event, now
        self._cameras = cameras


def _event(camera_id: int, now: float, node: str) -> Event:
    return Event(
        id=event_id(camera_id, DISK_FULL_EVENT, str(now)),
        camera_id=camera_id,
        recognition=RECORDING,
        kind=DISK_FULL_EVENT,
        started_at=now,
        ended_at=None,
        score=1.0,
        best=FrameRef(camera_id, seq=0, captured_at=now, width=0, height=0),
        details={"node": node},
    )
