"""The Celery application, as `celery -A tasks` finds it."""

from __future__ import annotations

from celery import Celery

app = Celery(
    "camrec",
    config_source="celeryconfig",
    task_cls="tasks.base:LoggedTask",
    include=["tasks.worker_class", "tasks.plates", "tasks.events", "tasks.jobs"],
)
