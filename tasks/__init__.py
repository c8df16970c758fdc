"""Celery: thin tasks that fetch, call a pure function and hand on. `celery -A tasks worker -Q plates` starts one."""

from tasks.application import app

__all__ = ["app"]
