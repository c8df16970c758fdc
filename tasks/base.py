"""What every task of ours has in common."""

from __future__ import annotations

from typing import Any

from celery import Task

from core.log import log_context


class LoggedTask(Task):
    """Puts the task's id into every log line written while it runs."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the task."""
        with log_context(task_id=self.request.id or "-"):
            return super().__call__(*args, **kwargs)
