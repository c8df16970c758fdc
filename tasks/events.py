"""Queues `events.N`."""

from __future__ import annotations

from tasks import shards
from tasks.application import app
from tasks.observations import JUDGE_TASK


@app.task(name=JUDGE_TASK, send_events=False)
def judge_observations(shard: int) -> None:
    """Turn the observations that wait in a shard into events."""
    shards.judge(shard)
