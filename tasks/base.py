"""What every task of ours has in common."""

from __future__ import annotations

import time
from typing import Any

from celery import Celery, Task

from core.figures import JOB_SECONDS
from core.log import log_context


class LoggedTask(Task):
    """Puts the task's id into every log line written while it runs, and times jobs."""

    @classmethod
    def on_bound(cls, app: Celery) -> None:  # noqa: ARG003  # Celery's
        """Begin to count a job's failures at 0: the first one would be no increase otherwise."""
        if cls.send_events and not cls.name.startswith("celery."):
            JOB_SECONDS.labels(cls.name, "failed")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the task."""
        with log_context(task_id=self.request.id or "-"):
            if not self.send_events:  # of frames and observations there are too many for that, as for Celery's events
                return super().__call__(*args, **kwargs)
            started_s, outcome = time.monotonic(), "failed"
            try:
                returned = super().__call__(*args, **kwargs)
                outcome = "done"
            finally:
                JOB_SECONDS.labels(self.name, outcome).observe(time.monotonic() - started_s)
            return returned
