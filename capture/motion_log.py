"""When cameras saw motion, and when anybody looked, as spans in the database."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Protocol

from capture.drops import Drops
from core.complaint import Complaint
from storage.motion_spans import LONGEST_SPAN_S, MotionKind, MotionSpan

log = logging.getLogger(__name__)

MAX_PAUSE_S: Mapping[MotionKind, float] = {"watched": 30.0, "moving": 10.0}
"""What goes on after a shorter pause is one span. Of a camera that is asked for nothing only key frames are looked at,
and some send those seldom."""
INTERVAL_S = 3.0
"""A killed process loses what grew since it stored last; a time line is behind by as much."""
MAX_WAITING = 20_000
"""Ended spans that wait for the database: more than two hours of 25 cameras that move again and again."""
ENDED_PER_PASS = 1000

_Key = tuple[int, MotionKind]


class SpanRows(Protocol):
    """The part of the table that this needs."""

    def put(self, spans: Sequence[MotionSpan]) -> None:
        """Add spans, or let those grow that are there.

        Raises:
            UnavailableError: the database cannot be used now.
        """


class MotionLog:
    """One thread for all cameras of a process: a locked database must not keep any camera waiting."""

    def __init__(self, rows: SpanRows, drops: Drops) -> None:
        """Idle until `start`.

        Args:
            rows: the table of spans.
            drops: counters of what is lost.
        """
        self._rows, self._drops = rows, drops
        self._lock = threading.Lock()
        self._open: dict[_Key, MotionSpan] = {}
        self._grown: set[_Key] = set()
        """Those of the open spans that are not stored as they are now."""
        self._ended: deque[MotionSpan] = deque()
        self._stopped = threading.Event()
        self._complaint = Complaint(log, "Motion waits for the database")
        self._thread = threading.Thread(target=self._run, name="motion-rows", daemon=True)

    def start(self) -> None:
        """Begin to store."""
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """End the thread; what it knows is stored if the database lets it."""
        self._stopped.set()
        self._thread.join(timeout_s)

    def note(self, camera_id: int, at_s: float, *, moves: bool) -> None:
        """Somebody looked at that time, and something moved or did not. Never blocks."""
        with self._lock:
            watched = self._open.get((camera_id, "watched"))
            # Whatever moves now began to between the last look and this one.
            since_s = at_s if watched is None or not _goes_on(watched, at_s) else watched.ended_at
            self._extend((camera_id, "watched"), since_s, at_s)
            if moves:
                self._extend((camera_id, "moving"), since_s, at_s)

    def forget(self, camera_id: int) -> None:
        """Nobody looks at the camera any more."""
        with self._lock:
            self._end((camera_id, "watched"))
            self._end((camera_id, "moving"))

    def _extend(self, key: _Key, from_s: float, to_s: float) -> None:
        span = self._open.get(key)
        if span is None or not _goes_on(span, from_s) or to_s - span.started_at > LONGEST_SPAN_S:
            self._end(key)
            span = MotionSpan(*key, from_s, to_s)
        self._open[key] = replace(span, ended_at=to_s)
        self._grown.add(key)

    def _end(self, key: _Key) -> None:
        span = self._open.pop(key, None)
        if span is None or key not in self._grown:
            return
        self._grown.remove(key)
        self._ended.append(span)
        if len(self._ended) > MAX_WAITING:
            self._drops.count(self._ended.popleft().camera_id, "motion_lost")

    def _run(self) -> None:
        while not self._stopped.wait(INTERVAL_S):
            self._store()
        self._store()

    def _store(self) -> None:
        with self._lock:
            ended = list(islice(self._ended, ENDED_PER_PASS))
            grown = {key: self._open[key] for key in self._grown}
        try:
            self._rows.put([*ended, *grown.values()])
        except Exception as error:  # noqa: BLE001  # whatever it is, the spans wait and the thread lives
            self._complaint.failed(error)
            return
        self._complaint.well()
        stored = set(ended)
        with self._lock:
            # From the left, the oldest may have been given up meanwhile.
            while self._ended and self._ended[0] in stored:
                self._ended.popleft()
            self._grown -= {key for key, span in grown.items() if self._open.get(key) is span}


def _goes_on(span: MotionSpan, at_s: float) -> bool:
    """Whether what is seen then belongs to the span; False also where the clock was set back."""
    return 0 <= at_s - span.ended_at <= MAX_PAUSE_S[span.kind]
