"""A child process that ends with its parent."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1


def die_with_parent(signal_number: int, niceness: int = 0) -> Callable[[], None]:
    """For ``preexec_fn``: have Linux send the signal when the thread that started the child ends, kill -9 included."""
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent_pid = os.getpid()

    def in_child() -> None:
        _end_with(prctl, signal_number, parent_pid)
        os.nice(niceness)

    return in_child


def end_with_parent(signal_number: int, parent_pid: int) -> None:
    """For a child that runs already: the same."""
    _end_with(ctypes.CDLL(None, use_errno=True).prctl, signal_number, parent_pid)


def _end_with(prctl: Callable[[int, int], int], signal_number: int, parent_pid: int) -> None:
    prctl(_PR_SET_PDEATHSIG, signal_number)
    if os.getppid() != parent_pid:  # it died before the line above
        os._exit(1)
