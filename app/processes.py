"""Child processes that never outlive their parent."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from core.parent_death import die_with_parent


def start_child(
    command: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    output: IO[bytes] | None = None,
    death_signal: int = signal.SIGTERM,
    niceness: int = 0,
) -> subprocess.Popen[bytes]:
    """Start a process in a session of its own (Ctrl-C reaches only the parent, which ends its children in order).

    Args:
        command: Program and arguments.
        env: Its whole environment; None: as ours.
        cwd: Its folder; None: ours.
        output: Where its output and errors go; None: where ours go.
        death_signal: What it gets when this process dies.
        niceness: How far it stands back from the CPU for others, 0 to 19.
    """
    return subprocess.Popen(
        list(command),
        env=None if env is None else dict(env),
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=None if output is None else subprocess.STDOUT,
        start_new_session=True,
        preexec_fn=die_with_parent(death_signal, niceness),  # noqa: PLW1509  # only async-signal-safe calls in it
    )
