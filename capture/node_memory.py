"""What a capture node remembers over its restarts, and that it is the only one on its data folder."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import secrets
import socket
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from core.errors import CamrecError
from core.settings import Settings
from storage.database import is_postgres

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Remembered:
    """How things were when this node last knew."""

    cameras: frozenset[int] = frozenset()
    """That it held."""
    is_alone: bool = True
    """No other node lived, nor could one have come since."""


def at_first(settings: Settings) -> Remembered:
    """Of a node without a memory: SQLite is one machine's; with PostgreSQL there may be others, known to Redis alone.

    Raises:
        BadSettingError: CAMREC_DATABASE_URL is not one that can be used.
    """
    return Remembered(is_alone=not is_postgres(settings))


class NodeMemory:
    """A file in the run folder, locked as long as this process lives: the kernel frees it, even after kill -9."""

    def __init__(self, run_dir: Path, first: Remembered) -> None:
        """``first``: what is known where nothing is remembered."""
        self._path = run_dir / "capture.json"
        self._lock: IO[str] | None = None
        self._mark = ""
        self._remembered = first

    def lock(self) -> bool:
        """Become the folder's only capture node, and read what the last one has left; False: another one runs.

        Raises:
            CamrecError: the folder cannot be used.
        """
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            lock = self._path.with_suffix(".lock").open("a+")
        except OSError as error:
            raise CamrecError(f"{self._path.parent} cannot be used: {error.strerror}.") from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            return False
        self._lock = lock
        if not self._read():
            self._mark = secrets.token_hex(8)
            self._try_to_write()
        return True

    @property
    def mark(self) -> str:
        """Tells this node from one on another machine or data folder; the same after a restart.

        So a node that was killed has its leases at once again, and need not wait until its own old ones expire.
        """
        return f"{socket.gethostname()}.{self._mark}"

    @property
    def remembered(self) -> Remembered:
        """What was known last."""
        return self._remembered

    def remember(self, known: Remembered) -> None:
        """Write it down, where it is news."""
        if known == self._remembered:
            return
        self._remembered = known
        self._try_to_write()

    def _read(self) -> bool:
        try:
            said: dict[str, Any] = json.loads(self._path.read_text())
            remembered = Remembered(frozenset(map(int, said["cameras"])), bool(said["is_alone"]))
            self._mark, self._remembered = str(said["mark"]), remembered
        except FileNotFoundError:
            return False
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.warning("%s cannot be read; the node begins anew: %s", self._path, str(error))
            return False
        return True

    def _try_to_write(self) -> None:
        known = {**asdict(self._remembered), "cameras": sorted(self._remembered.cameras)}
        unfinished = self._path.with_suffix(".unfinished")
        try:
            unfinished.write_text(json.dumps({"mark": self._mark, **known}))
            os.replace(unfinished, self._path)
        except OSError as error:  # a full disk must not end the watching of cameras
            log.warning("%s cannot be written: %s", self._path, error.strerror)
