"""The Celery application, as `celery -A tasks` finds it."""

from __future__ import annotations

from celery import Celery

from core.recognitions import RECOGNITIONS

app = Celery(
    "camrec",
    config_source="celeryconfig",
    task_cls="tasks.base:LoggedTask",
    include=[
        "tasks.worker_class",
        *(f"tasks.{kind}" for kind in RECOGNITIONS),
        "tasks.events",
        "tasks.jobs",
        "tasks.clips",
        "tasks.backups",
        "tasks.objects",
    ],
)
