"""Every Celery setting, each with its reason. Measurements: docs/decisions.md, "Celery as it is".

Frames, events and jobs need different transport options, which belong to a process: `tasks.worker_class` adds them
when a worker starts, from the queues that it consumes.
"""

from __future__ import annotations

import time
from typing import Any

from celery.signals import before_task_publish
from kombu.entity import Exchange, Queue

from core import keys
from core.recognitions import EVENT_QUEUES, FRAME_QUEUES, JOB_QUEUES, JOBS_QUEUE
from core.settings import get_settings

_settings = get_settings()

broker_url = _settings.resolve_redis_url()
broker_connection_retry_on_startup = True  # a worker that starts before Redis waits for it
broker_connection_max_retries = None  # the default gives up after 100 and leaves a dead worker behind
broker_connection_timeout = 4.0

# A publish to a dead peer must fail, not hang: the default has no timeout.
SOCKET_OPTIONS: dict[str, Any] = {
    "socket_timeout": 10,
    "socket_connect_timeout": 5,
    "socket_keepalive": True,
    "health_check_interval": 15,
    "retry_on_timeout": False,
}
broker_transport_options = SOCKET_OPTIONS

task_serializer = "json"
accept_content = ["json"]  # pickle on an open Redis would be remote code execution
result_backend = None  # results cost a quarter of the throughput and nobody reads them
task_ignore_result = True

task_queues = [Queue(name, Exchange(name), routing_key=name) for name in (*FRAME_QUEUES, *EVENT_QUEUES, *JOB_QUEUES)]
task_default_queue = JOBS_QUEUE
task_create_missing_queues = False  # a misspelt queue would be made silently and never be consumed

task_send_sent_event = False
worker_send_task_events = (
    False  # Flower turns events on by itself; frame tasks refuse them one by one (send_events=False)
)
worker_pool = "threads"  # CUDA and ONNX Runtime do not survive a fork
worker_hijack_root_logger = False  # our own log lines, with camera id and task id
worker_redirect_stdouts = False

beat_schedule: dict[str, Any] = {
    "expire media": {"task": "jobs.expire_media", "schedule": 300.0, "options": {"expires": 300}},
    "forget cameras": {"task": "jobs.forget_removed_cameras", "schedule": 300.0, "options": {"expires": 300}},
    "follow objects": {"task": "objects.follow", "schedule": 30.0, "options": {"expires": 30}},
    "tend gallery": {"task": "jobs.tend_gallery", "schedule": 3600.0, "options": {"expires": 3600}},
    "follow clips": {"task": "clips.follow", "schedule": 5.0, "options": {"expires": 5}},
}
if _settings.backup_dir is not None:
    # More often than backups are due: one that failed is tried again soon, and none is missed by a restart.
    beat_schedule["back up"] = {"task": "backups.make_due", "schedule": 300.0, "options": {"expires": 300}}

beat_schedule_filename = str(_settings.run_dir / "beat-schedule")


@before_task_publish.connect
def _say_when(headers: dict[str, Any] | None = None, **_: object) -> None:
    """Without it nobody could tell how long the oldest message of a queue has waited."""
    if headers is not None:
        headers[keys.SENT_AT] = time.time()
