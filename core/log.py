"""Structured logs: every line says when, how bad, which process, which camera and which task, and holds no secret."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from core.clock import iso_utc
from core.redact import redact
from core.settings import Settings

_NOISY = ("alembic", "kombu", "urllib3", "asyncio", "celery.worker.strategy", "celery.app.trace")
"""Loggers that would write lines for each frame or request; their warnings are kept."""

_context: ContextVar[dict[str, str | int] | None] = ContextVar("log_context", default=None)


@contextmanager
def log_context(**fields: str | int) -> Iterator[None]:
    """Add fields (``camera_id``, ``task_id``, ``request_id``) to every log line of this thread until the block ends."""
    before = _context.get() or {}
    token = _context.set({**before, **fields})
    try:
        yield
    finally:
        _context.reset(token)


class _Formatter(logging.Formatter):
    def __init__(self, process: str, as_json: bool) -> None:
        super().__init__()
        self._process = process
        self._as_json = as_json

    def format(self, record: logging.LogRecord) -> str:
        message = record.getMessage()
        if record.exc_info:
            message = f"{message}\n{self.formatException(record.exc_info)}"
        message = redact(message)
        fields = {
            "time": iso_utc(record.created),
            "level": record.levelname,
            "process": self._process,
            "logger": record.name,
            **(_context.get() or {}),
        }
        if self._as_json:
            return json.dumps({**fields, "message": message}, ensure_ascii=False)
        extra = " ".join(f"{k}={v}" for k, v in fields.items() if k in {"camera_id", "task_id", "request_id"})
        where = f"{self._process} {record.name}" + (f" [{extra}]" if extra else "")
        return f"{fields['time']} {record.levelname:<7} {where}: {message}"


def setup_logging(process: str, settings: Settings) -> None:
    """Send this process's log lines to standard error in the format that the settings name."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Formatter(settings.process_name or process, settings.log_format == "json"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level)
    for noisy in _NOISY:
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))
