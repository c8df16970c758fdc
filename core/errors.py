"""Errors that a person is meant to read."""

from __future__ import annotations


class CamrecError(Exception):
    """A failure with a cause and a way out, shown to the user without a traceback."""


class BadSettingError(CamrecError):
    """A setting is unknown or has a value that cannot be used."""


class UnavailableError(CamrecError):
    """Something that the system stands on (Redis, the database, the frame store) cannot be reached now."""
