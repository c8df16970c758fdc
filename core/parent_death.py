"""A child process that ends with its parent."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1


def die_with_parent(signal_number: int, niceness: int = 0) -> Callable[[], None]:
    """For ``preexec_fn``: have Linux send the signal when the thread that started the child ends, kill -9 included."""
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def in_child() -> None:
        prctl(_PR_SET_PDEATHSIG, signal_number)
        os.nice(niceness)
        if os.getppid() != parent:  # it died before the line above
            os._exit(1)

    return in_child
