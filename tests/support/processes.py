"""Child processes of tests; they see the test's settings in the environment (fixture `settings`)."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from app.processes import start_child

CAMREC = [sys.executable, "-P", "-m", "app.cli"]
KILL = 9


def camrec(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """``camrec ARGUMENTS``, once it has ended."""
    command = [*CAMREC, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=150, check=False)


class Children:
    """Starts processes and ends them all."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._started: list[subprocess.Popen[bytes]] = []

    def start(
        self, *arguments: str, command: list[str] | None = None, environ: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """Start ``camrec ARGUMENTS`` or another command; its output goes to ``process-N.log``.

        ``environ``: what differs from our environment.
        """
        log = self._folder / f"process-{len(self._started)}.log"
        with log.open("wb") as output:
            process = start_child(
                [*(command or CAMREC), *arguments],
                env={**os.environ, **(environ or {})},
                cwd=self._folder,
                output=output,
                death_signal=KILL,
            )
        self._started.append(process)
        return process

    def logs(self) -> str:
        """What all of them wrote."""
        return "\n".join(path.read_text(errors="replace") for path in sorted(self._folder.glob("process-*.log")))

    def end(self) -> None:
        """Kill who still runs."""
        for process in self._started:
            process.kill()
            process.wait(10)


@contextmanager
def children(folder: Path) -> Iterator[Children]:
    """Children of a test."""
    found = Children(folder)
    try:
        yield found
    finally:
        found.end()
