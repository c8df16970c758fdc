"""What a node clears away, whatever goes wrong."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from capture import housekeeping
from core.settings import load_settings
from storage.database import Database


def test_a_pass_that_fails_is_not_the_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(housekeeping, "EXPIRY_INTERVAL_S", 0.01)
    monkeypatch.setattr(housekeeping, "PASSES_FOR_SWEEP", 2)
    settings = load_settings({"CAMREC_DATA": str(tmp_path), "CAMREC_FRAME_DIR": str(tmp_path)}, tmp_path / "no.env")
    passes, again = 0, threading.Event()

    def camera_ids() -> set[int]:
        nonlocal passes
        passes += 1
        if passes == 1:
            raise PermissionError(13, "Permission denied")
        again.set()
        return set()

    database = Database(settings)
    keeper = housekeeping.Housekeeping(settings, database, camera_ids)
    keeper.start()
    assert again.wait(5.0)
    keeper.stop()
    database.close()
