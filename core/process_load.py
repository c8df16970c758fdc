"""What this process takes of its machine, for its signs of life."""

from __future__ import annotations

import os

import psutil

Load = dict[str, float]


def process_load(*, with_children: bool = False) -> Load:
    """``cpu_s`` (seconds of CPU since its start), ``rss_bytes`` and ``threads``; of its descendants, too, if wanted."""
    own = psutil.Process(os.getpid())
    load = {"cpu_s": 0.0, "rss_bytes": 0.0, "threads": 0.0}
    for process in [own, *(own.children(recursive=True) if with_children else ())]:
        try:
            with process.oneshot():
                times = process.cpu_times()
                load["cpu_s"] += times.user + times.system
                load["rss_bytes"] += process.memory_info().rss
                load["threads"] += process.num_threads()
        except psutil.NoSuchProcess:
            continue
    return load
