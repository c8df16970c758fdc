"""How old frames are when they have become observations."""

from __future__ import annotations

import json
import threading
from typing import Any

import numpy as np
import redis

from core import keys
from core.recognitions import EVENT_SHARDS

BLOCK_MS = 500


class ObservationAges:
    """Reads the streams of observations as they grow, in a thread. The time of an entry is that of Redis.

    A sample: what is judged, and so removed, before the thread comes round again is not in it, one or two in a hundred.
    """

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self.ages_s: list[float] = []
        self._positions: dict[Any, Any] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="observation-ages", daemon=True)

    def start(self) -> None:
        """Begin with the next observation."""
        self._positions = {stream: self._newest(stream) for stream in map(keys.observations, range(EVENT_SHARDS))}
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stop.set()
        self._thread.join(5)

    def quantiles(self) -> dict[str, float]:
        """Of the ages, in seconds, and how many there were."""
        if not self.ages_s:
            return {"count": 0}
        p50, p95, p99, most = np.quantile(self.ages_s, [0.5, 0.95, 0.99, 1])
        named = {"p50": p50, "p95": p95, "p99": p99, "most": most}
        return {"count": len(self.ages_s), **{name: round(float(value), 3) for name, value in named.items()}}

    def _newest(self, stream: str) -> bytes:
        if not self._client.exists(stream):
            return b"0-0"
        about: Any = self._client.xinfo_stream(stream)
        last: bytes = about["last-generated-id"]
        return last

    def _run(self) -> None:
        positions = self._positions
        while not self._stop.is_set():
            found: Any = self._client.xread(positions, block=BLOCK_MS)
            for stream, entries in found or []:
                for entry_id, fields in entries:
                    captured_at = json.loads(fields[b"observation"])["frame"]["captured_at"]
                    self.ages_s.append(int(entry_id.split(b"-")[0]) / 1000 - captured_at)
                positions[stream.decode()] = entries[-1][0]
