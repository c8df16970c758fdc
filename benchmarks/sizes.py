"""What each process of an installation takes over a run, and whether it grows."""

from __future__ import annotations

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import psutil
import redis

FIGURES = ("own_mb", "shared_mb", "threads", "descriptors")
"""Memory of its own; pages of files and of the frame store that it has mapped, with others or alone; threads; files."""

FLAT_MB_PER_HOUR, FLAT_SHARE_PER_HOUR = 12.0, 0.05
"""Most by which memory may grow to be called flat, the larger of both: what the allocator's steps and caches that fill
look like within half an hour."""
SIGHTING_KB = 4.0
"""At most, in the memory of the process that compares persons: the gallery grows until CAMREC_REID_DAYS are over."""
GALLERY = "worker events"

_ROLES = ("serve-rtsp", "capture", "worker", "api", "beat", "flower", "up")


class Sizes:
    """Samples of a family of processes, as columns: what began later, or ended, has None there."""

    def __init__(self, root_pid: int, client: redis.Redis, database: Path) -> None:
        self._root, self._client = psutil.Process(root_pid), client
        self._database = database
        self._names: dict[int, str] = {}
        self._named: Counter[str] = Counter()
        self.at_s: list[float] = []
        self.redis_used_mb: list[float] = []
        self.sightings: list[int] = []
        self.processes: dict[str, dict[str, list[float | None]]] = defaultdict(lambda: {f: [] for f in FIGURES})

    def sample(self, at_s: float) -> None:
        """Add a row."""
        info: Any = self._client.info("memory")
        self.at_s.append(round(at_s))
        self.redis_used_mb.append(round(info["used_memory"] / 1e6, 2))
        self.sightings.append(_sightings(self._database))
        for process in (self._root, *self._root.children(recursive=True)):
            try:
                with process.oneshot():
                    name, memory = self._name(process), process.memory_info()
                    row = (
                        round((memory.rss - memory.shared) / 1e6, 1),
                        round(memory.shared / 1e6, 1),
                        process.num_threads(),
                        process.num_fds(),
                    )
            except psutil.NoSuchProcess:
                continue
            for figure, value in zip(FIGURES, row, strict=True):
                column = self.processes[name][figure]
                column += [None] * (len(self.at_s) - 1 - len(column)) + [value]

    def as_dict(self) -> dict[str, Any]:
        """For the report."""
        return {
            "at_s": self.at_s,
            "redis_used_mb": self.redis_used_mb,
            "sightings": self.sightings,
            "processes": dict(self.processes),
        }

    def _name(self, process: psutil.Process) -> str:
        if process.pid not in self._names:
            role = role_of(process)
            self._named[role] += 1
            self._names[process.pid] = role if self._named[role] == 1 else f"{role} {self._named[role]}"
        return self._names[process.pid]


def role_of(process: psutil.Process) -> str:
    """What a process does, from its command line."""
    words = process.cmdline()
    line = " ".join(words)
    if "redis" in line.split(" ", 1)[0]:
        return "redis"
    if "spawn_main" in line:
        return "capture shard"
    if "resource_tracker" in line:
        return "resource tracker"
    name = next((word for word in words if word in _ROLES), "other")
    if name != "worker":
        return name
    return f"worker {words[words.index('-Q') + 1].split(',', 1)[0].partition('.')[0]}"


def cpu_s(pid: int) -> Counter[str]:
    """Seconds of processor time of a process and all below it, by what they do."""
    root, used = psutil.Process(pid), Counter[str]()
    for process in (root, *root.children(recursive=True)):
        used[role_of(process)] += process.cpu_times().user + process.cpu_times().system  # type: ignore[assignment]
    return used


def growth(sizes: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Process → how fast its own memory grows in the last two thirds of the run, by how much threads and files differ
    at most, and whether its memory is flat; Redis' own count of its memory among them."""
    start = len(sizes["at_s"]) // 3
    hours = np.array(sizes["at_s"][start:], float) / 3600
    expected = {GALLERY: _slope(hours, sizes["sightings"][start:]) * SIGHTING_KB / 1000}
    found = {
        name: _growth(hours, {figure: column[start:] for figure, column in columns.items()}, expected.get(name, 0.0))
        for name, columns in sizes["processes"].items()
    }
    return {**found, "redis used_memory": _growth(hours, {"own_mb": sizes["redis_used_mb"][start:]}, 0.0)}


def _growth(hours: npt.NDArray[np.float64], columns: dict[str, list[Any]], expected: float) -> dict[str, Any]:
    own_mb = columns["own_mb"]
    if len(own_mb) < len(hours) or None in own_mb:
        return {"flat": False, "why": "did not run all the time"}
    per_hour = _slope(hours, own_mb)
    most = max(FLAT_MB_PER_HOUR, FLAT_SHARE_PER_HOUR * own_mb[-1]) + expected
    others = {f"{f}_spread": max(columns[f]) - min(columns[f]) for f in ("threads", "descriptors") if f in columns}
    figures = {"mb": own_mb[-1], "mb_per_hour": round(per_hour, 2), **others, "flat": per_hour <= most}
    return {**figures, "gallery_mb_per_hour": round(expected, 2)} if expected else figures


def _slope(hours: npt.NDArray[np.float64], values: Sequence[float]) -> float:
    """Theil and Sen's, the median over all pairs: one step of an allocator is no trend, many are."""
    first, second = np.triu_indices(len(values), 1)
    column = np.array(values, float)
    return float(np.median((column[second] - column[first]) / (hours[second] - hours[first])))


def _sightings(database: Path) -> int:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        return int(connection.execute("SELECT count(*) FROM sightings").fetchone()[0])
