"""The file with the passphrase of scheduled backups."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from storage.backup.encryption import PassphraseError


def read_passphrase(path: Path) -> str:
    """The first line of a file that its owner alone can read.

    Raises:
        PassphraseError: it cannot be read, others can read it, or its first line is empty.
    """
    try:
        with path.open(encoding="utf-8") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if mode & 0o077:
                raise PassphraseError(f"{path} has mode {mode:o}, so that others may use it: chmod 600 {path}")
            passphrase = file.readline().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise PassphraseError(f"The passphrase file {path} cannot be read: {reason}.") from None
    if not passphrase:
        raise PassphraseError(f"The first line of {path} is empty: it holds the passphrase.")
    return passphrase
